package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/differential"
	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// Where the repository that is migrated stands, and what Vault holds for it.
const (
	corpus       = "../internal/migrate/testdata/corpus"
	corpusValues = "../internal/migrate/testdata/vault.json"
)

// leastRoundTrip is how many objects must be compared: a test over a corpus that
// was moved away would otherwise pass by comparing nothing.
const leastRoundTrip = 50

// corpusApplications are the applications of the corpus, each with what was given
// to argocd-vault-plugin before.
var corpusApplications = []struct {
	name, dir string
	before    func(t *testing.T, root string) []byte
	// args are how the migrated application is rendered, beside what the Application
	// in a file says once it is migrated.
	args        []string
	application string
}{
	{name: "manifests", dir: "manifests"},
	{name: "kustomize", dir: "kustomize/overlay", before: func(t *testing.T, root string) []byte {
		return outputOf(t, harness.Kustomize, nil, nil, "build", filepath.Join(root, "kustomize/overlay"))
	}},
	{name: "chart", dir: "chart", before: func(t *testing.T, root string) []byte {
		return corpusChart(t, root, "chart", "--values", "values-prod.yaml")
	}, args: []string{"--param", "helm-values-files=values-prod.yaml"}},
	{name: "chart as its Application says", dir: "chart", application: "applications/helm.yaml", before: func(t *testing.T, root string) []byte {
		inline := filepath.Join(t.TempDir(), "inline.yaml")
		must(t, os.WriteFile(inline, []byte(pluginOf(t, root, "applications/helm.yaml").variable("HELM_VALUES")), 0o600))
		return corpusChart(t, root, "chart", "--values", "values-prod.yaml", "--set", "replicas=2", "--values", inline)
	}},
	{name: "chart as argocd-lovely-plugin renders it", dir: "chart", application: "applications/lovely.yaml", args: []string{"--app", "lovely"}, before: func(t *testing.T, root string) []byte {
		return corpusChart(t, root, "web", "--namespace", "shop", "--values", "values.yaml", "--values", "values-prod.yaml", "--skip-crds")
	}},
}

// corpusChart renders the chart of the corpus.
func corpusChart(t *testing.T, root, release string, args ...string) []byte {
	t.Helper()
	dir := filepath.Join(root, "chart")
	for i, arg := range args {
		if strings.HasPrefix(arg, "values") {
			args[i] = filepath.Join(dir, arg)
		}
	}
	return outputOf(t, harness.Helm, nil, nil, append([]string{"template", release, dir}, args...)...)
}

// applicationPlugin is what an Application says of its plugin.
type applicationPlugin struct {
	Env        []struct{ Name, Value string }
	Parameters []json.RawMessage
}

func (p applicationPlugin) variable(name string) string {
	for _, one := range p.Env {
		if one.Name == name {
			return one.Value
		}
	}
	return ""
}

func pluginOf(t *testing.T, root, file string) applicationPlugin {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, file))
	must(t, err)
	var application struct {
		Spec struct {
			Source struct{ Plugin applicationPlugin }
		}
	}
	must(t, yaml.Unmarshal(content, &application))
	return application.Spec.Source.Plugin
}

// TestMigrationRoundTrip: what argocd-vault-plugin made of a repository, and
// what this plugin makes of it once migrated, under the injection plaintext and
// with the bindings that were inferred, are the same objects.
func TestMigrationRoundTrip(t *testing.T) {
	harness.Need(t, harness.Seal, harness.VaultPlugin, harness.Kustomize, harness.Helm)
	vault := harness.NewVault(t)
	storeCorpus(t, vault)
	root := filepath.Join(t.TempDir(), "corpus")
	must(t, os.CopyFS(root, os.DirFS(corpus)))

	before := map[string]differential.Objects{}
	for _, app := range corpusApplications {
		var manifests []byte
		if app.before == nil {
			manifests = replaced(t, vault, nil, filepath.Join(root, app.dir))
		} else {
			manifests = replaced(t, vault, app.before(t, root), "-")
		}
		before[app.name] = parsed(t, differential.Parse, manifests)
	}
	report := migrateCorpus(t, root)
	config := plaintextConfig(t, vault, filepath.Join(root, "plugin.yaml"))

	compared, equal := 0, 0
	for _, app := range corpusApplications {
		args := append([]string{"render", filepath.Join(root, app.dir), "--root", root, "--config", config, "-o", "json", "--project", "shop", "--app", "chart",
			"--repo-url", "https://git.example.com/shop/deploy.git", "--revision", strings.Repeat("0", 40), "--namespace", "shop"}, app.args...)
		if app.application != "" {
			for _, parameter := range pluginOf(t, root, app.application).Parameters {
				args = append(args, "--param-json", string(parameter))
			}
		}
		after := parsed(t, differential.ParseLines, outputOf(t, harness.Seal, nil, nil, args...))
		for name, object := range before[app.name] {
			compared++
			if difference := differential.Diff(differential.Objects{name: object}, differential.Objects{name: after[name]}); difference != "" {
				t.Errorf("%s: %s", app.name, difference)
			} else {
				equal++
			}
		}
		if want, got := slices.Sorted(maps.Keys(before[app.name])), slices.Sorted(maps.Keys(after)); !slices.Equal(want, got) {
			t.Errorf("%s: objects are %v, want %v", app.name, got, want)
		}
	}
	counts := fmt.Sprintf("%d placeholders and variables moved, %d listed; %d of %d objects are equal", len(report.Moved), len(report.NotMoved), equal, compared)
	t.Log(counts)
	if compared < leastRoundTrip {
		t.Errorf("compared %d objects, want at least %d", compared, leastRoundTrip)
	}
	guide, err := os.ReadFile("../docs/migration.md")
	must(t, err)
	if !strings.Contains(strings.Join(strings.Fields(string(guide)), " "), counts) {
		t.Errorf("docs/migration.md does not say: %s", counts)
	}
}

// storeCorpus writes each version of each secret, by mount.
func storeCorpus(t *testing.T, vault *harness.Vault) {
	t.Helper()
	content, err := os.ReadFile(corpusValues)
	must(t, err)
	var mounts map[string]map[string][]map[string]any
	must(t, json.Unmarshal(content, &mounts))
	for mount, secrets := range mounts {
		for path, versions := range secrets {
			for _, values := range versions {
				if mount == "kv1" {
					must(t, vault.Write(t.Context(), mount+"/"+path, values))
				} else {
					must(t, vault.Write(t.Context(), mount+"/data/"+path, map[string]any{"data": values}))
				}
			}
		}
	}
}

// replaced runs argocd-vault-plugin.
func replaced(t *testing.T, vault *harness.Vault, stdin []byte, source string) []byte {
	t.Helper()
	env := []string{"VAULT_ADDR=" + vault.Address, "VAULT_TOKEN=" + vault.Root.Token(), "AVP_TYPE=vault", "AVP_AUTH_TYPE=token"}
	return outputOf(t, harness.VaultPlugin, env, stdin, "generate", source)
}

// migration is the report for programs, as far as the test reads it.
type migration struct{ Moved, NotMoved []struct{ File string } }

func migrateCorpus(t *testing.T, root string) migration {
	t.Helper()
	path, err := harness.Seal.Path()
	must(t, err)
	command := exec.CommandContext(t.Context(), path, "migrate", root, "--write", "--output", "json")
	command.Env = []string{"HOME=" + t.TempDir()}
	output, err := command.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("migrate: %v: %s", err, output)
	}
	var report migration
	must(t, json.Unmarshal(output, &report))
	return report
}

// plaintextConfig is the inferred plugin.yaml for this Vault, where its bindings
// allow plaintext. Nothing is added to what they let an application read.
func plaintextConfig(t *testing.T, vault *harness.Vault, inferred string) string {
	t.Helper()
	content, err := os.ReadFile(inferred)
	must(t, err)
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte(vault.Root.Token()), 0o600))
	text := regexp.MustCompile(`(?s)address: .*?\nbindings:`).ReplaceAllString(string(content),
		"address: "+vault.Address+"\n  roles: [{name: reader, method: token, tokenFile: "+token+"}]\nbindings:")
	text = strings.ReplaceAll(text, "    role: reader\n", "    role: reader\n    injections: [plaintext]\n")
	text = strings.ReplaceAll(text, "CHANGE-ME", "shop")
	text += "environments:\n  - name: compare\n    injection: {default: plaintext, plainSecrets: pass}\n"
	file := filepath.Join(t.TempDir(), "plugin.yaml")
	must(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// parsed reads objects without the annotations that speak to argocd-vault-plugin
// alone: they go with the placeholders.
func parsed(t *testing.T, parse func([]byte) (differential.Objects, error), stream []byte) differential.Objects {
	t.Helper()
	objects, err := parse(stream)
	must(t, err)
	for _, object := range objects {
		metadata, _ := object.(map[string]any)["metadata"].(map[string]any)
		annotations, _ := metadata["annotations"].(map[string]any)
		maps.DeleteFunc(annotations, func(name string, _ any) bool { return strings.HasPrefix(name, "avp.kubernetes.io/") })
		if len(annotations) == 0 {
			delete(metadata, "annotations")
		}
	}
	return objects
}

// outputOf runs a program that must succeed and returns what it prints.
func outputOf(t *testing.T, program harness.Binary, env []string, stdin []byte, args ...string) []byte {
	t.Helper()
	path, err := program.Path()
	must(t, err)
	command := exec.CommandContext(t.Context(), path, args...)
	command.Env = append([]string{"HOME=" + t.TempDir(), "PATH="}, env...)
	command.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		t.Fatalf("%s %v: %v: %s", program, args[0], err, errs.String())
	}
	return out.Bytes()
}
