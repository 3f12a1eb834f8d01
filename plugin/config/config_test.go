package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// plugin is the smallest first document.
const plugin = `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata:
  name: argocd-seal
spec:
  generate:
    command: [argocd-seal, generate]
`

// seal starts a second document; what follows stands at line 11.
const seal = plugin + `---
apiVersion: argocd-seal.io/v1alpha1
kind: SealConfig
`

func parse(t *testing.T, data string) *config.File {
	t.Helper()
	file, err := config.Parse("plugin.yaml", []byte(data))
	if err != nil {
		t.Fatalf("unexpected fault: %v", err)
	}
	return file
}

// faultsOf gives the lines of the error that parsing ends with.
func faultsOf(t *testing.T, data string) []string {
	t.Helper()
	file, err := config.Parse("plugin.yaml", []byte(data))
	if err == nil {
		t.Fatalf("no error, but %+v", file)
	}
	for _, one := range fault.Of(err) {
		if one.Code != fault.Config {
			t.Errorf("code %s, want E_CONFIG", one.Code)
		}
	}
	return strings.Split(err.Error(), "\n")
}

func TestRepositoryFileLoads(t *testing.T) {
	file, err := config.Load("../../plugin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"argocd-seal-v1.0.sock"}, file.Sockets()); diff != "" {
		t.Errorf("sockets (-want +got):\n%s", diff)
	}
	if file.Plugin.Spec.Discover.Enabled() {
		t.Error("discovery is on")
	}
}

func TestSecondDocumentIsOptional(t *testing.T) {
	for name, data := range map[string]string{
		"missing": plugin, "empty": plugin + "---\n", "comments only": plugin + "---\n# nothing yet\n",
		"without fields": seal, "empty sections": seal + "render:\n  limits:\naliases:\ntelemetry:\n",
		"trailing separator": seal + "---\n", "byte order mark": "\ufeff" + plugin, "carriage returns": strings.ReplaceAll(seal, "\n", "\r\n"),
		"comment and separator first": "# ours\n---\n" + seal,
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(config.Default(), parse(t, data).Seal); diff != "" {
				t.Errorf("(-default +got):\n%s", diff)
			}
		})
	}
}

func TestEveryFieldIsRead(t *testing.T) {
	got := parse(t, `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: p, namespace: argocd, labels: {a: b}, annotations: {c: d}}
spec:
  version: "2"
  init: {command: [], args: [x]}
  generate: {command: [argocd-seal], args: [generate]}
  discover: {fileName: Chart.yaml, find: {glob: "**/Chart.yaml"}}
  preserveFileMode: true
  provideGitCreds: false
  parameters:
    static:
    - {name: n, title: t, tooltip: tt, required: true, itemType: number, collectionType: map, string: s, array: [x], map: {k: v}}
    dynamic: {command: [/usr/local/bin/argocd-seal, parameters], args: [x]}
---
apiVersion: argocd-seal.io/v1alpha1
kind: SealConfig
aliases: [other, third-v1]
socket: {allowedUIDs: [0, 1000]}
telemetry:
  {logLevel: debug, logFormat: text, address: "[::1]:8080", readiness: strict, startupWait: 30s, otlp: {address: "otel.example.com:4317",
   headersFile: /headers, caFile: /ca.pem, attributes: {cluster: eu}}}
render:
  timeout: 1m30s
  workers: {concurrency: 3, spares: 4, queue: 5, memory: 1.5Gi, cpu: 30s}
  allowEmpty: true
  quoteErrors: false
  sandbox: {require: [seccomp, landlock]}
  limits:
    objects: 10
    outputBytes: 1M
    scalarBytes: 4096
    archive: {compressedBytes: 1Mi, expandedBytes: 2Mi, fileBytes: 1Mi, ratio: 50, ratioFreeBytes: 1Mi,
      entries: 1000, namesBytes: 64Ki, nameBytes: 100, segments: 10, linkHops: 2}
`)
	want := &config.File{
		Plugin: config.ConfigManagementPlugin{
			APIVersion: "argoproj.io/v1alpha1", Kind: "ConfigManagementPlugin",
			Metadata: config.Metadata{Name: "p", Namespace: "argocd",
				Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}},
			Spec: config.PluginSpec{
				Version: "2", Init: config.Command{Command: []string{}, Args: []string{"x"}},
				Generate:         config.Command{Command: []string{"argocd-seal"}, Args: []string{"generate"}},
				Discover:         config.Discover{FileName: "Chart.yaml", Find: config.Find{Glob: "**/Chart.yaml"}},
				PreserveFileMode: true,
				Parameters: config.ParameterAnnouncements{
					Static: []config.ParameterAnnouncement{{
						Name: "n", Title: "t", Tooltip: "tt", Required: true, ItemType: "number", CollectionType: "map",
						String: "s", Array: []string{"x"}, Map: map[string]string{"k": "v"},
					}},
					Dynamic: config.Command{Command: []string{"/usr/local/bin/argocd-seal", "parameters"}, Args: []string{"x"}},
				},
			},
		},
		Seal: config.SealConfig{
			APIVersion: "argocd-seal.io/v1alpha1", Kind: "SealConfig",
			Policy:  config.Default().Policy,
			Images:  config.Default().Images,
			Vault:   config.Default().Vault,
			Aliases: []string{"other", "third-v1"},
			Socket:  config.Socket{AllowedUIDs: []int{0, 1000}},
			Telemetry: config.Telemetry{
				LogLevel: "debug", LogFormat: "text", Address: "[::1]:8080", Readiness: "strict", StartupWait: config.Duration(30 * time.Second),
				OTLP: config.OTLP{
					Address: "otel.example.com:4317", HeadersFile: "/headers", CAFile: "/ca.pem", Attributes: map[string]string{"cluster": "eu"},
				},
			},
			Audit:    config.Default().Audit,
			Rotation: config.Default().Rotation,
			Render: config.Render{
				Timeout:    config.Duration(90 * time.Second),
				Workers:    config.Workers{Concurrency: 3, Spares: 4, Queue: 5, Memory: 1536 << 20, CPU: config.Duration(30 * time.Second)},
				AllowEmpty: true,
				Sandbox:    config.Sandbox{Require: []string{"seccomp", "landlock"}},
				Limits: config.Limits{Objects: 10, OutputBytes: 1e6, ScalarBytes: 4096, Archive: config.ArchiveLimits{
					CompressedBytes: 1 << 20, ExpandedBytes: 2 << 20, FileBytes: 1 << 20, Ratio: 50, RatioFreeBytes: 1 << 20,
					Entries: 1000, NamesBytes: 64 << 10, NameBytes: 100, Segments: 10, LinkHops: 2,
				}},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p-2.sock", "other.sock", "third-v1.sock"}, got.Sockets()); diff != "" {
		t.Errorf("sockets (-want +got):\n%s", diff)
	}
}

func TestDefaultsAreThoseOfTheStages(t *testing.T) {
	defaults := config.Default()
	if diff := cmp.Diff(source.DefaultLimits(), defaults.Render.Limits.Archive.Source()); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
	want := render.Limits{Objects: 5000, OutputBytes: 10 << 20, ScalarBytes: 1 << 20, QuoteErrors: true}
	if diff := cmp.Diff(want, defaults.Render.Request()); diff != "" {
		t.Errorf("render (-want +got):\n%s", diff)
	}
}

func TestEverySandboxLayerCanBeRequired(t *testing.T) {
	for _, layer := range sandbox.Names() {
		parse(t, seal+"render: {sandbox: {require: ["+layer+"]}}\n")
	}
}

func TestAnchorsWork(t *testing.T) {
	file := parse(t, seal+"aliases: [&name one, two]\ntelemetry: {address: &a \":8080\"}\n")
	if diff := cmp.Diff([]string{"one", "two"}, file.Seal.Aliases); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	file = parse(t, strings.Replace(plugin, "spec:", "  labels: &l {a: b}\n  annotations: *l\nspec:", 1))
	if diff := cmp.Diff(map[string]string{"a": "b"}, file.Plugin.Metadata.Annotations); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "plugin.yaml")
	if _, err := config.Load(path); err == nil || !strings.HasSuffix(err.Error(), "plugin.yaml: the file cannot be read: no such file or directory") {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte(seal+"aliases: [x]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"x"}, file.Seal.Aliases); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("#", 1<<20+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err == nil || !strings.HasSuffix(err.Error(), "the file is larger than 1048576 bytes") {
		t.Errorf("large file: %v", err)
	}
}

func TestSizesAndDurationsAreWrittenAsTheyAreRead(t *testing.T) {
	for size, want := range map[config.Size]string{0: "0", 512: "512", 512 << 10: "512Ki", 256 << 20: "256Mi", 1536 << 20: "1536Mi"} {
		if got := size.String(); got != want {
			t.Errorf("size %d is written %q, want %q", int64(size), got, want)
		}
	}
	for text, d := range map[string]time.Duration{
		"0s": 0, "1m": time.Minute, "1h": time.Hour, "1h1m": 61 * time.Minute, "1m30s": 90 * time.Second, "10m": 10 * time.Minute,
		"500ms": 500 * time.Millisecond, "1h0m1s": time.Hour + time.Second,
	} {
		if got := config.Duration(d).String(); got != text {
			t.Errorf("%v is written %q, want %q", d, got, text)
		}
	}
}
