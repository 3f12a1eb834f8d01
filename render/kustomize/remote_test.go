package kustomize

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// TestK2RemoteSpellings lists references that lead to another host, to git or to
// a URL in some reading of theirs.
func TestK2RemoteSpellings(t *testing.T) {
	spellings := []string{
		"git@h:o/r.git", "git::https://h/o/r", "GIT::https://h/o/r", "HTTPS://h/o/r", "github.com/o/r",
		"dev.azure.com/o/_git/r", "file:///x", "FILE:///x", "ssh://-oProxyCommand=x/r", "http:x", "//h/x",
		"../../x?ref=a", "-x", " https://h/x", `a\u0000b`, `https:\\\\h`, "user:pw@h:r", "./https://h",
		"%68ttps://h", "oci://h/x",
	}
	for _, field := range []string{"resources", "components", "bases", "generators", "transformers", "validators"} {
		for _, spelling := range spellings {
			t.Run(field+" "+spelling, func(t *testing.T) {
				files := tree{"app/kustomization.yaml": field + ":\n- \"" + spelling + "\"\n"}
				_, _, err := Render(files.request("app"), nil)
				wantFault(t, err, "E_REMOTE_REF: app/kustomization.yaml:2 "+field+"[0]: ")
			})
		}
	}
}

// urlFields lists every field of a kustomization, and of a builtin plugin's
// configuration, that names a file.
func urlFields() map[string]string {
	target := "target: {kind: ConfigMap, name: settings}"
	return map[string]string{
		"resources":                    "resources: [URL]",
		"case of names is folded":      "RESOURCES: [URL]",
		"components":                   "components: [URL]",
		"patches":                      "patches: [{path: URL}]",
		"patchesStrategicMerge":        "patchesStrategicMerge: [URL]",
		"patchesJson6902":              "patchesJson6902: [{path: URL, " + target + "}]",
		"configMapGenerator files":     "configMapGenerator: [{name: x, files: ['leak=URL']}]",
		"configMapGenerator files key": "configMapGenerator: [{name: x, files: [URL]}]",
		"configMapGenerator envs":      "configMapGenerator: [{name: x, envs: [URL]}]",
		"configMapGenerator env":       "configMapGenerator: [{name: x, env: URL}]",
		"secretGenerator files":        "secretGenerator: [{name: x, files: ['leak=URL']}]",
		"secretGenerator envs":         "secretGenerator: [{name: x, envs: [URL]}]",
		"crds":                         "crds: [URL]",
		"configurations":               "configurations: [URL]",
		"openapi":                      "openapi: {path: URL}",
		"replacements":                 "replacements: [{path: URL}]",
		"generators":                   "generators: [URL]",
		"transformers":                 "transformers: [URL]",
		"validators":                   "validators: [URL]",
		"values file":                  "helmCharts: [{name: c, valuesFile: URL}]",
		"more values files":            "helmCharts: [{name: c, additionalValuesFiles: [URL]}]",
		"inline generator":             "generators:\n- |-\n  {apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: x}, FILES: ['a=URL']}",
		"inline transformer":           "transformers:\n- |-\n  {apiVersion: builtin, kind: PatchTransformer, metadata: {name: x}, path: URL}",
		"generator in a list":          "generators:\n- |-\n  {apiVersion: v1, kind: List, items: [{apiVersion: builtin, kind: SecretGenerator, metadata: {name: x}, envs: [URL]}]}",
		"replacement transformer":      "transformers:\n- |-\n  {apiVersion: builtin, kind: ReplacementTransformer, metadata: {name: x}, replacements: [{path: URL}]}",
	}
}

// TestK3NoFieldOpensURLs tries every field that names a file against a listener
// that counts who knocks.
func TestK3NoFieldOpensURLs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	knocks := make(chan struct{}, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			knocks <- struct{}{}
			_ = connection.Close()
		}
	}()
	url := "http://" + listener.Addr().String() + "/meta"
	for name, text := range urlFields() {
		t.Run(name, func(t *testing.T) {
			text := strings.ReplaceAll(text, "URL", url)
			files := tree{"app/settings.yaml": configMap, "app/kustomization.yaml": text + "\n"}
			if name != "resources" && name != "case of names is folded" {
				files["app/kustomization.yaml"] = "resources: [settings.yaml]\n" + text + "\n"
			}
			_, _, err := Render(files.request("app"), nil)
			wantFault(t, err, "E_REMOTE_REF: app/kustomization.yaml:")
			below := files.with("top/kustomization.yaml", "resources: [../app]\n")
			_, _, err = Render(below.request("top"), nil)
			wantFault(t, err, "E_REMOTE_REF: app/kustomization.yaml:")
			component := files.with("top/kustomization.yaml", "components: [../app]\n").
				with("app/kustomization.yaml", "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n"+text+"\n")
			_, _, err = Render(component.request("top"), nil)
			wantFault(t, err, "E_REMOTE_REF: app/kustomization.yaml:")
		})
	}
	_ = listener.Close()
	<-done
	if len(knocks) > 0 {
		t.Errorf("%d connections were made", len(knocks))
	}
}

// TestK3PatchedPluginPath makes the path of a generator by a patch, so that it
// stands in no configuration as it is used.
func TestK3PatchedPluginPath(t *testing.T) {
	files := tree{
		"app/kustomization.yaml":       "resources: [settings.yaml]\ngenerators: [made]\n",
		"app/settings.yaml":            configMap,
		"app/made/kustomization.yaml":  "resources: [g.yaml]\npatches: [{path: p.yaml}]\n",
		"app/made/g.yaml":              "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nenvs: [vars]\n",
		"app/made/p.yaml":              "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nenvs: ['http://127.0.0.1:1/x']\n",
		"app/vars":                     "a=b\n",
		"fine/kustomization.yaml":      "generators: [made]\n",
		"fine/made/kustomization.yaml": "resources: [g.yaml]\n",
		"fine/made/g.yaml":             "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nenvs: [vars]\noptions: {disableNameSuffixHash: true}\n",
		"fine/vars":                    "a=b\n",
	}
	_, _, err := Render(files.request("app"), nil)
	wantFault(t, err, "E_REMOTE_REF: app/kustomization.yaml:2 generators[0] (envs): ")
	wantLines(t, mustRender(t, files.request("fine"), nil),
		`{"apiVersion":"v1","data":{"a":"b"},"kind":"ConfigMap","metadata":{"name":"x"}}`)
}

// TestK1GitIsNotRun uses the argument injection of CVE-2026-113708.
func TestK1GitIsNotRun(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "marker")
	ref := "file:///tmp/norepo?ref=--upload-pack=%73%68%20-c%20%22touch%20" + marker + "%22"
	for _, field := range []string{"resources", "components", "bases", "generators", "transformers", "validators"} {
		files := tree{"kustomization.yaml": field + ": ['" + ref + "']\n"}
		_, _, err := Render(files.request("."), nil)
		wantFault(t, err, "E_REMOTE_REF: ")
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("git has run the command")
	}
}

// TestRepositoryLookalikeDirectory: kustomize would clone although the directory
// exists; one that it cannot mistake is built.
func TestRepositoryLookalikeDirectory(t *testing.T) {
	files := tree{
		"kustomization.yaml":                "resources: [github.com/o/r]\n",
		"github.com/o/r/kustomization.yaml": "resources: [settings.yaml]\n",
		"github.com/o/r/settings.yaml":      configMap,
	}
	_, _, err := Render(files.request("."), nil)
	wantFault(t, err, `E_REMOTE_REF: kustomization.yaml:1 resources[0]: kustomize takes "github.com/o/r" for a repository on another host; `+
		"fix: write ./github.com/o/r for the path in the source")
	dotted := files.with("kustomization.yaml", "resources: [./github.com/o/r]\n")
	if got := mustRender(t, dotted.request("."), nil); len(got) != 1 {
		t.Errorf("%d objects, want 1", len(got))
	}
}

func TestOddFileNamesThatExist(t *testing.T) {
	for _, name := range []string{"a b.txt", "ü.txt", "x@y", "q?", "c:d", "-dash", "back\\slash", "%41"} {
		t.Run(name, func(t *testing.T) {
			files := tree{
				"kustomization.yaml": "configMapGenerator:\n- name: x\n  options: {disableNameSuffixHash: true}\n  files: ['k=" + name + "']\n",
				name:                 "content",
			}
			wantLines(t, mustRender(t, files.request("."), nil),
				`{"apiVersion":"v1","data":{"k":"content"},"kind":"ConfigMap","metadata":{"name":"x"}}`)
		})
	}
}

func TestPasswordsInReferencesAreHidden(t *testing.T) {
	for _, ref := range []string{"https://user:hunter2@h/o/r", "user:hunter2@h:r"} {
		files := tree{"kustomization.yaml": "resources: ['" + ref + "']\n"}
		_, _, err := Render(files.request("."), nil)
		if text := fault.Text(fault.Of(err)); strings.Contains(text, "hunter2") {
			t.Errorf("the fault shows the password: %s", text)
		}
	}
}
