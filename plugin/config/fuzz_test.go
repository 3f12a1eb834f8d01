package config_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// FuzzParse asserts that whatever a file holds, reading it gives either a file
// with sockets that stay in their folder, or faults with a code and a text that
// fits into a status; and the same twice.
func FuzzParse(f *testing.F) {
	own, err := os.ReadFile("../../plugin.yaml")
	if err != nil {
		f.Fatal(err)
	}
	seeds := []string{
		string(own), plugin, seal, plugin + "---\n", seal + "---\na: b\n", "", "---", "\x00", "a: *b", "&a [*a]", "- a\n", "a: b\n  c: d\n",
		seal + "aliases: [a, ../b]\n", seal + "aliases: &a [*a]\n", seal + "render: &r {workers: *r}\n",
		seal + "render: {timeout: 90s, workers: {memory: 1.5Gi}}\n", seal + "render: {workers: {memory: 1e999999}}\n",
		seal + "render: {timeout: -9999999h}\n", seal + "telemetry: {address: ':8080', logLevel: trace}\n", seal + "? [a]\n: b\n",
		seal + "<<: {a: b}\n", seal + "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", seal + "socket: {allowedUIDs: [0x3e7, 1_000]}\n",
		seal + "%YAML 9.9\n", "\ufeff" + plugin, "\xff\xfe" + plugin, strings.ReplaceAll(plugin, "\n", "\r"), seal + "render: !!binary aGk=\n",
	}
	if len(seeds) < 20 {
		f.Fatalf("%d seeds", len(seeds))
	}
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := config.Parse("plugin.yaml", data)
		again, errAgain := config.Parse("plugin.yaml", data)
		if diff := cmp.Diff(file, again); diff != "" {
			t.Fatalf("two readings differ:\n%s", diff)
		}
		if err != nil {
			text := err.Error()
			if file != nil || fault.CodeOf(err) != fault.Config || len(text) > fault.MaxText || text != errAgain.Error() {
				t.Fatalf("file %v, error %q", file, text)
			}
			return
		}
		for _, socket := range file.Sockets() {
			if strings.ContainsAny(socket, "/\x00\n") || strings.HasPrefix(socket, ".") || len(socket) > 68 {
				t.Fatalf("socket %q", socket)
			}
		}
	})
}
