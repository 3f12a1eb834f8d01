package kustomize

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const cycle = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: &a\n  k: *a\n"

func bomb() string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\nx0: &x0 [a, a, a, a, a, a, a, a, a]\n")
	for i := 1; i <= 8; i++ {
		fmt.Fprintf(&b, "x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d, ", i-1), 9), ", "))
	}
	return b.String()
}

func TestK5K6Aliases(t *testing.T) {
	tests := []struct {
		name  string
		files tree
		want  string
	}{
		{"cycle in a resource", tree{"kustomization.yaml": "resources: [c.yaml]\n", "c.yaml": cycle}, "E_YAML_ALIAS: c.yaml:5"},
		{"cycle in an inline patch", tree{
			"kustomization.yaml": "resources: [c.yaml]\npatches:\n- target: {kind: ConfigMap}\n  patch: \"a: &a [*a]\\n\"\n", "c.yaml": configMap,
		}, "E_YAML_ALIAS: kustomization.yaml:4 patches[0].patch: "},
		{"cycle in a patch file", tree{
			"kustomization.yaml": "resources: [c.yaml]\npatches:\n- path: p.yaml\n", "c.yaml": configMap, "p.yaml": cycle,
		}, "E_YAML_ALIAS: p.yaml:5"},
		{"cycle in an inline strategic merge patch", tree{
			"kustomization.yaml": "resources: [c.yaml]\npatchesStrategicMerge:\n- \"a: &a [*a]\\n\"\n", "c.yaml": configMap,
		}, "E_YAML_ALIAS: kustomization.yaml:3 patchesStrategicMerge[0]: "},
		{"cycle in an inline generator", tree{
			"kustomization.yaml": "generators:\n- \"apiVersion: builtin\\nkind: X\\na: &a [*a]\\n\"\n",
		}, "E_YAML_ALIAS: kustomization.yaml:2 generators[0]: "},
		{"cycle in the patch of an inline transformer", tree{
			"kustomization.yaml": "resources: [c.yaml]\ntransformers:\n- '{apiVersion: builtin, kind: PatchTransformer, metadata: {name: p}, target: {kind: ConfigMap}, patch: \"a: &a [*a]\"}'\n", "c.yaml": configMap,
		}, "E_YAML_ALIAS: kustomization.yaml:3 transformers[0] (patch): "},
		{"bomb in a resource", tree{"kustomization.yaml": "resources: [c.yaml]\n", "c.yaml": bomb()}, "E_YAML_ALIAS: c.yaml:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			_, _, err := Render(test.files.request("."), nil)
			wantFault(t, err, test.want)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func TestAnchorsThatAreFine(t *testing.T) {
	files := tree{
		"kustomization.yaml": "resources: [c.yaml]\n",
		"c.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: &v yes-and-no\n  b: *v\n",
	}
	wantLines(t, mustRender(t, files.request("."), nil),
		`{"apiVersion":"v1","data":{"a":"yes-and-no","b":"yes-and-no"},"kind":"ConfigMap","metadata":{"name":"x"}}`)
}

func TestK8Plugins(t *testing.T) {
	t.Setenv("KUSTOMIZE_PLUGIN_HOME", t.TempDir())
	function := "apiVersion: example.com/v1\nkind: Fn\nmetadata:\n  name: x\n  annotations:\n    %s: |\n      exec: {path: ./run}\n"
	tests := []struct {
		name  string
		files tree
		want  string
	}{
		{"configHome", tree{"kustomization.yaml": "helmCharts: [{name: p, repo: 'probe://x'}]\nhelmGlobals:\n  configHome: hh\n"},
			"E_PLUGIN: kustomization.yaml:3 helmGlobals.configHome: "},
		{"old list of charts", tree{"kustomization.yaml": "helmChartInflationGenerator:\n- chartName: x\n"},
			"E_PLUGIN: kustomization.yaml:2 helmChartInflationGenerator: "},
		{"chart generator", tree{"kustomization.yaml": "generators: [g.yaml]\n",
			"g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: p\n"},
			"E_PLUGIN: kustomization.yaml:1 generators[0]: HelmChartInflationGenerator runs the helm program"},
		{"function", tree{"kustomization.yaml": "transformers: [f.yaml]\n", "f.yaml": fmt.Sprintf(function, "config.kubernetes.io/function")},
			"E_PLUGIN: kustomization.yaml:1 transformers[0]: Fn x asks for a container or a program"},
		{"function, older", tree{"kustomization.yaml": "validators: [f.yaml]\n", "f.yaml": fmt.Sprintf(function, "config.k8s.io/function")},
			"E_PLUGIN: kustomization.yaml:1 validators[0]: Fn x asks for a container or a program"},
		{"exec plugin", tree{"kustomization.yaml": "generators:\n- |-\n  {apiVersion: example.com/v1, kind: Mine, metadata: {name: x}}\n"},
			"E_PLUGIN: kustomization.yaml:2 generators[0]: Mine x is not builtin"},
		{"made by a directory", tree{"kustomization.yaml": "generators: [g]\n", "g/kustomization.yaml": "resources: [g.yaml]\n",
			"g/g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: p\n"},
			"E_PLUGIN: kustomization.yaml:1 generators[0]: HelmChartInflationGenerator"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := Render(test.files.request("."), nil)
			wantFault(t, err, test.want)
		})
	}
}

func TestK10Limits(t *testing.T) {
	layers := func(entry string, count int) tree {
		files := tree{"l0/kustomization.yaml": "resources: [settings.yaml]\n", "l0/settings.yaml": configMap}
		for i := 1; i <= count; i++ {
			below := fmt.Sprintf("../l%d", i-1)
			files[fmt.Sprintf("l%d/kustomization.yaml", i)] = fmt.Sprintf(entry, below, below)
		}
		return files
	}
	diamond := tree{"l0/kustomization.yaml": "resources: [settings.yaml]\n", "l0/settings.yaml": configMap}
	for i := 1; i <= 20; i++ {
		for _, side := range []string{"a", "b"} {
			diamond[fmt.Sprintf("l%d%s/kustomization.yaml", i, side)] = fmt.Sprintf("namePrefix: %s\nresources: [../l%d]\n", side, i-1)
		}
		diamond[fmt.Sprintf("l%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../l%da, ../l%db]\n", i, i)
	}
	doubling := "resources: [settings.yaml]\nreplacements:\n" + strings.Repeat(
		"- source: {kind: ConfigMap, name: settings, fieldPath: data.key}\n"+
			"  targets: [{select: {kind: ConfigMap, name: settings}, fieldPaths: [data.key], options: {delimiter: '|', index: -1}}]\n", 40)
	many := "resources: [settings.yaml]\nreplacements:\n" + strings.Repeat("- {path: r.yaml}\n", 300)
	tests := []struct {
		name, path string
		files      tree
		want       string
	}{
		{"diamond", "l20", diamond, "E_LIMIT: "},
		{"component twice", "l20", layers("kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncomponents: [%s, %s]\n", 20), "E_LIMIT: "},
		{"deep", "l150", layers("resources: [%s] # %s\n", 150), "E_LIMIT: l"},
		{"doubling replacements", ".", tree{"kustomization.yaml": doubling, "settings.yaml": configMap},
			"E_LIMIT: kustomization.yaml:27 replacements[12]: the replacement makes its own source grow"},
		{"many replacements", ".", tree{"kustomization.yaml": many, "settings.yaml": configMap,
			"r.yaml": strings.Repeat("- source: {kind: ConfigMap, name: settings}\n  targets: [{select: {name: x}}]\n", 4)}, "E_LIMIT: kustomization.yaml: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			_, _, err := Render(test.files.request(test.path), nil)
			wantFault(t, err, test.want)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestManyReplacementsIntoOneField: a list that others are added to is no
// doubling.
func TestManyReplacementsIntoOneField(t *testing.T) {
	text := "resources: [settings.yaml]\nreplacements:\n" + strings.Repeat(
		"- source: {kind: ConfigMap, name: settings, fieldPath: metadata.name}\n"+
			"  targets: [{select: {kind: ConfigMap, name: settings}, fieldPaths: [data.key], options: {delimiter: ',', index: 99}}]\n", 30)
	files := tree{"kustomization.yaml": text, "settings.yaml": configMap}
	if got := mustRender(t, files.request("."), nil)[0]; strings.Count(got, ",settings") != 30 {
		t.Errorf("got %s", got)
	}
}

func TestCyclesAreLocated(t *testing.T) {
	files := tree{
		"a/kustomization.yaml": "resources:\n- ../b\n",
		"b/kustomization.yaml": "components:\n- ../a\n",
		"c/kustomization.yaml": "resources: [.]\n",
		"d/kustomization.yaml": "resources: [..]\n",
		"kustomization.yaml":   "resources: [x.yaml]\n",
		"x.yaml":               configMap,
	}
	for path, want := range map[string]string{
		"a": `E_KUSTOMIZE: b/kustomization.yaml:2 components[0]: "../a" leads back to "a", which is being built`,
		"c": `E_KUSTOMIZE: c/kustomization.yaml:1 resources[0]: "." leads back to "c"`,
		"d": `E_KUSTOMIZE: d/kustomization.yaml:1 resources[0]: ".." leads back to "d"`,
	} {
		_, _, err := Render(files.request(path), nil)
		wantFault(t, err, want)
	}
}

func TestPathFaults(t *testing.T) {
	files := tree{
		"app/settings.yaml":       configMap,
		"app/empty/notes.txt":     "",
		"app/both/Kustomization":  "resources: [x.yaml]\n",
		"app/both/x.yaml":         configMap,
		"outside/secret.txt":      "s",
		"outside/unrelated.yaml":  configMap,
		"app/both/more/readme.md": "",
	}
	files["app/both/kustomization.yml"] = files["app/both/Kustomization"]
	tests := []struct{ name, text, want string }{
		{"missing file", "resources: [no.yaml]", `E_PATH: app/kustomization.yaml:1 resources[0]: there is no "app/no.yaml" in the source`},
		{"missing patch", "patches: [{path: no.yaml}]", `E_PATH: app/kustomization.yaml:1 patches[0].path: there is no "app/no.yaml"`},
		{"missing crds", "crds: [no.yaml]", `E_PATH: app/kustomization.yaml:1 crds[0]: there is no`},
		{"directory without kustomization", "resources: [empty]", `E_PATH: app/kustomization.yaml:1 resources[0]: the directory "app/empty" has no kustomization.yaml`},
		{"two kustomizations", "resources: [both]", `E_KUSTOMIZE: app/both/Kustomization: the directory has app/both/kustomization.yml and app/both/Kustomization`},
		{"component that is a file", "components: [settings.yaml]", `E_PATH: app/kustomization.yaml:1 components[0]: "app/settings.yaml" is a file, a directory is expected`},
		{"directory as a file", "configMapGenerator: [{name: x, files: [empty]}]", `E_PATH: app/kustomization.yaml:1 configMapGenerator[0].files[0]: "app/empty" is a directory, a file is expected`},
		{"out of the source", "resources: [../../etc]", `E_PATH: app/kustomization.yaml:1 resources[0]: "../../etc" leads out of the source`},
		{"out of the root", "resources: [../outside]", `E_PATH: app/kustomization.yaml:1 resources[0]: "../outside" leads out of the source`},
		{"absolute", "resources: [/app/settings.yaml]", `E_PATH: app/kustomization.yaml:1 resources[0]: "/app/settings.yaml" is an absolute path`},
		{"empty", `resources: [""]`, `E_PATH: app/kustomization.yaml:1 resources[0]: the entry is empty`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := files.with("app/kustomization.yaml", test.text+"\n").request("app")
			req.Root = "app"
			_, _, err := Render(req, nil)
			wantFault(t, err, test.want)
		})
	}
	_, _, err := Render(files.request("nowhere"), nil)
	wantFault(t, err, `E_PATH: there is no directory "nowhere" in the source`)
}

func TestAllFaultsAtOnce(t *testing.T) {
	files := tree{"kustomization.yaml": "resources:\n- a.yaml\n- https://h/b\ncrds:\n- c.yaml\n"}
	_, _, err := Render(files.request("."), nil)
	var codes []string
	for _, found := range fault.Of(err) {
		codes = append(codes, fmt.Sprintf("%s %d", found.Code, found.Line))
	}
	wantLines(t, codes, "E_PATH 2", "E_REMOTE_REF 3", "E_PATH 5")
}
