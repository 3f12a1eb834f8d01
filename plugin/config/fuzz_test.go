package config_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// files are those of the repository and of its guides, each section with what is
// no value of it, and the catalogue's YAML in the place of either document.
func files(f *testing.F) []string {
	seeds := append(corpus.Files(f, "plugin.yaml", "examples/**/plugin.yaml"),
		plugin, seal, plugin+"---\n", seal+"---\na: b\n", seal+"aliases: [a, ../b]\n", seal+"aliases: &a [*a]\n", seal+"render: &r {workers: *r}\n",
		seal+"render: {timeout: 90s, workers: {memory: 1.5Gi}}\n", seal+"render: {workers: {memory: 1e999999}}\n",
		seal+"render: {timeout: -9999999h}\n", seal+"telemetry: {address: ':8080', logLevel: trace}\n", seal+"? [a]\n: b\n",
		seal+"<<: {a: b}\n", seal+"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", seal+"socket: {allowedUIDs: [0x3e7, 1_000]}\n",
		seal+"%YAML 9.9\n", "\ufeff"+plugin, "\xff\xfe"+plugin, strings.ReplaceAll(plugin, "\n", "\r"), seal+"render: !!binary aGk=\n",
	)
	for _, guide := range []struct{ name, section string }{
		{"docs/configuration.md", "aliases:"}, {"docs/audit.md", "audit:"}, {"docs/audit-sinks.md", "audit:"}, {"docs/policies.md", "environments:"}, {"docs/policies.md", "policy:"},
		{"docs/promotion.md", "environments:"}, {"docs/rotation.md", "rotation:"}, {"docs/sealing.md", "bindings:"}, {"docs/observability.md", "telemetry:"},
	} {
		for _, block := range corpus.Blocks(f, guide.name, guide.section) {
			seeds = append(seeds, seal+block, block)
		}
	}
	for _, payload := range corpus.YAML() {
		seeds = append(seeds, payload, seal+payload, plugin+"---\n"+payload)
	}
	for _, path := range corpus.Paths() {
		seeds = append(seeds, seal+"aliases: ['"+path+"']\naudit: {trail: {directory: '"+path+"'}}\nenvironments: [{name: a, policy: {bundles: ['"+path+"']}}]\n")
	}
	return seeds
}

// lineBreak is what ends a line in YAML 1.1.
var lineBreak = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

// FuzzParse asserts that whatever a file holds, reading it gives either a file
// with sockets that stay in their folder, or faults that name their line and fit
// into a status; and the same twice, and when it is written in another way.
func FuzzParse(f *testing.F) {
	corpus.Add(f, files(f)...)
	f.Fuzz(func(t *testing.T, text string) {
		file, err := config.Parse("plugin.yaml", []byte(text))
		again, errAgain := config.Parse("plugin.yaml", []byte(text))
		if diff := cmp.Diff(file, again); diff != "" || (err == nil) != (errAgain == nil) || err != nil && err.Error() != errAgain.Error() {
			t.Fatalf("two readings differ: %v, %v\n%s", err, errAgain, diff)
		}
		if err != nil {
			checkFaults(t, file, err, text)
			return
		}
		for _, socket := range file.Sockets() {
			if strings.ContainsAny(socket, "/\x00\n") || strings.HasPrefix(socket, ".") || len(socket) > 68 {
				t.Fatalf("socket %q", socket)
			}
		}
		rewritten, ok := rewrite(t, text)
		if !ok {
			return
		}
		other, err := config.Parse("plugin.yaml", rewritten)
		if diff := cmp.Diff(file, other); err != nil || diff != "" {
			t.Fatalf("written in another way it is another file: %v\n%s\n%s", err, diff, rewritten)
		}
	})
}

func checkFaults(t *testing.T, file *config.File, err error, text string) {
	t.Helper()
	if file != nil || len(err.Error()) > fault.MaxText {
		t.Errorf("file %v, error of %d bytes", file, len(err.Error()))
	}
	lines := 1 + len(lineBreak.FindAllString(text, -1))
	for _, one := range fault.Of(err) {
		if one.Code != fault.Config || one.File != "plugin.yaml" || one.Message == "" || one.Line < 1 || one.Line > lines {
			t.Errorf("the fault %v, in a file of %d lines", one, lines)
		}
	}
}

// rewrite writes a file again from its nodes, without comments and in another
// style. It returns false for what the YAML library writes in a way that it
// cannot read itself.
func rewrite(t *testing.T, text string) ([]byte, bool) {
	t.Helper()
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("this was read: %v", err)
		}
		if err := encoder.Encode(restyled(&document)); err != nil {
			return nil, false
		}
	}
	if encoder.Close() != nil {
		return nil, false
	}
	var check yaml.Node
	return out.Bytes(), yaml.Unmarshal(out.Bytes(), &check) == nil
}

func restyled(node *yaml.Node) *yaml.Node {
	node.HeadComment, node.LineComment, node.FootComment = "", "", ""
	switch {
	case node.Kind != yaml.ScalarNode:
		node.Style ^= yaml.FlowStyle
	case node.Tag == "!!null":
		node.Value = "null" // the library would write '' for nothing
	}
	for _, child := range node.Content {
		restyled(child)
	}
	return node
}
