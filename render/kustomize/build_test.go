package kustomize

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

func TestIsKustomization(t *testing.T) {
	files := source.NewTree()
	for _, name := range []string{"a/kustomization.yaml", "b/kustomization.yml", "c/Kustomization", "d/kustomization.json", "e/f/kustomization.yaml"} {
		files.Add(name, nil)
	}
	for dir, want := range map[string]bool{"a": true, "b": true, "c": true, "d": false, "e": false, "missing": false} {
		if got := IsKustomization(files, dir); got != want {
			t.Errorf("IsKustomization(%q) = %v, want %v", dir, got, want)
		}
	}
}

// TestFeatures holds exact results for what people use most; the differential
// tests compare many more with kustomize build.
func TestFeatures(t *testing.T) {
	base := tree{
		"base/kustomization.yaml": "resources: [settings.yaml]\n",
		"base/settings.yaml":      configMap,
	}
	tests := []struct {
		name  string
		files tree
		want  []string
	}{
		{"overlay", base.with("app/kustomization.yaml", "resources: [../base]\nnamespace: prod\nnamePrefix: p-\nlabels: [{pairs: {a: b}}]\n"),
			[]string{`{"apiVersion":"v1","data":{"key":"value"},"kind":"ConfigMap","metadata":{"labels":{"a":"b"},"name":"p-settings","namespace":"prod"}}`}},
		{"generator with hash", tree{"app/kustomization.yaml": "secretGenerator: [{name: s, literals: [a=b], type: Opaque}]\n"},
			[]string{`{"apiVersion":"v1","data":{"a":"Yg=="},"kind":"Secret","metadata":{"name":"s-k695gkmbtk"},"type":"Opaque"}`}},
		{"component", base.with("app/kustomization.yaml", "resources: [../base]\ncomponents: [../part]\n").
			with("part/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nconfigMapGenerator:\n- {name: settings, behavior: merge, literals: [more=1]}\n").
			with("base/kustomization.yaml", "configMapGenerator: [{name: settings, literals: [key=value]}]\ngeneratorOptions: {disableNameSuffixHash: true}\n"),
			[]string{`{"apiVersion":"v1","data":{"key":"value","more":"1"},"kind":"ConfigMap","metadata":{"name":"settings"}}`}},
		{"replacement from a file", base.with("app/kustomization.yaml", "resources: [../base]\nreplacements: [{path: r.yaml}]\n").
			with("app/r.yaml", "source: {kind: ConfigMap, fieldPath: metadata.name}\ntargets: [{select: {kind: ConfigMap}, fieldPaths: [data.key]}]\n"),
			[]string{`{"apiVersion":"v1","data":{"key":"settings"},"kind":"ConfigMap","metadata":{"name":"settings"}}`}},
		{"patches of three kinds", base.with("app/kustomization.yaml", "resources: [../base]\n"+
			"patches:\n- patch: '[{\"op\": \"add\", \"path\": \"/data/json\", \"value\": \"1\"}]'\n  target: {kind: ConfigMap}\n"+
			"patchesStrategicMerge:\n- |-\n  {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {merged: '2'}}\n"+
			"patchesJson6902:\n- {path: p.json, target: {version: v1, kind: ConfigMap, name: settings}}\n").
			with("app/p.json", `[{"op":"remove","path":"/data/key"}]`),
			[]string{`{"apiVersion":"v1","data":{"json":"1","merged":"2"},"kind":"ConfigMap","metadata":{"name":"settings"}}`}},
		{"legacy order", tree{"app/kustomization.yaml": "resources: [a.yaml]\n",
			"app/a.yaml": configMap + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n"},
			[]string{`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}`, `{"apiVersion":"v1","data":{"key":"value"},"kind":"ConfigMap","metadata":{"name":"settings"}}`}},
		{"fifo order", tree{"app/kustomization.yaml": "resources: [a.yaml]\nsortOptions: {order: fifo}\n",
			"app/a.yaml": configMap + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n"},
			[]string{`{"apiVersion":"v1","data":{"key":"value"},"kind":"ConfigMap","metadata":{"name":"settings"}}`, `{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}`}},
		{"build metadata", base.with("app/kustomization.yaml", "resources: [../base]\nbuildMetadata: [originAnnotations, managedByLabel]\n"),
			[]string{`{"apiVersion":"v1","data":{"key":"value"},"kind":"ConfigMap","metadata":{"annotations":{"config.kubernetes.io/origin":"path: ../base/settings.yaml\n"},"labels":{"app.kubernetes.io/managed-by":"kustomize-v5.8.1"},"name":"settings"}}`}},
		{"K13 local config is dropped", base.with("app/kustomization.yaml", "resources: [../base]\npatches:\n- patch: |-\n    {apiVersion: v1, kind: ConfigMap, metadata: {name: settings, annotations: {config.kubernetes.io/local-config: 'true'}}}\n"), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantLines(t, mustRender(t, test.files.request("app"), nil), test.want...)
		})
	}
}

func TestExtraFileJoinsResources(t *testing.T) {
	rendered := NamedYAML{Name: "rendered.yaml", Data: []byte("---\n# Source: app/templates/cm.yaml\n" + configMap)}
	for name, text := range map[string]string{
		"not listed": "namePrefix: k-\n",
		"listed":     "namePrefix: k-\nresources: [./rendered.yaml]\n",
	} {
		t.Run(name, func(t *testing.T) {
			req := tree{"app/kustomization.yaml": text}.request("app")
			objects, _, err := Render(req, nil, rendered)
			if err != nil {
				t.Fatal(err)
			}
			wantLines(t, jsonLines(t, objects), `{"apiVersion":"v1","data":{"key":"value"},"kind":"ConfigMap","metadata":{"name":"k-settings"}}`)
			if objects[0].File != "app/templates/cm.yaml" {
				t.Errorf("the object comes from %q", objects[0].File)
			}
			if _, ok := req.Source.File("app/rendered.yaml"); ok {
				t.Error("the source was changed")
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	files := tree{
		"base/kustomization.yaml": "namePrefix: in-\nresources: [all.yaml]\n",
		"base/all.yaml": "# two objects\n" + configMap + "---\n" + deployment +
			"---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: \"fixed\" # as it is\n",
		"app/kustomization.yaml": "namePrefix: out-\nnameSuffix: -end\nresources:\n- ../base\nsecretGenerator:\n" +
			"- name: other\n  literals: [a=b]\n- name: made\n  literals: [a=b]\n",
	}
	objects, _, err := Render(files.request("app"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, fmt.Sprintf("%s %s:%d", o, o.File, o.Line))
	}
	wantLines(t, got,
		"Namespace fixed base/all.yaml:24",
		"ConfigMap out-in-settings-end base/all.yaml:2",
		"Secret out-made-end-k695gkmbtk app/kustomization.yaml:8",
		"Secret out-other-end-k695gkmbtk app/kustomization.yaml:6",
		"Deployment out-in-web-end base/all.yaml:9")
}

func TestAmbiguousOriginIsNotGuessed(t *testing.T) {
	files := tree{
		"app/kustomization.yaml": "resources: [one.yaml, two.yaml]\npatches:\n- patch: '[{\"op\": \"replace\", \"path\": \"/metadata/namespace\", \"value\": \"c\"}]'\n  target: {kind: ConfigMap, namespace: b}\n",
		"app/one.yaml":           strings.Replace(configMap, "name: settings", "name: settings\n  namespace: a", 1),
		"app/two.yaml":           strings.Replace(configMap, "name: settings", "name: settings\n  namespace: b", 1),
	}
	objects, _, err := Render(files.request("app"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		want := map[string]string{"a": "app/one.yaml", "c": ""}[o.Namespace()]
		if o.File != want {
			t.Errorf("%s comes from %q, want %q", o, o.File, want)
		}
	}
}

func TestErrorsOfKustomizeAreLocated(t *testing.T) {
	tests := []struct {
		name  string
		files tree
		want  string
	}{
		{"syntax of a resource in a base", tree{"app/kustomization.yaml": "resources: [../base]\n",
			"base/kustomization.yaml": "resources: [settings.yaml]\n", "base/settings.yaml": "apiVersion: v1\nkind: ConfigMap\n data: x\n"},
			"E_YAML: base/settings.yaml:3: mapping values are not allowed in this context"},
		{"syntax of a patch", tree{"app/kustomization.yaml": "resources: [c.yaml]\npatches: [{path: p.yaml}]\n", "app/c.yaml": configMap,
			"app/p.yaml": "a: b: c\n"}, "E_YAML: app/p.yaml:1: "},
		{"syntax of the kustomization", tree{"app/kustomization.yaml": "resources:\n- a\nb: c: d\n"}, "E_YAML: app/kustomization.yaml:3: "},
		{"unknown field", tree{"app/kustomization.yaml": "resources: []\nresource: [x]\n"},
			`E_KUSTOMIZE: app/kustomization.yaml:2: a kustomization has no field "resource"; fix: `},
		{"wrong type", tree{"app/kustomization.yaml": "namespace: x\nresources: settings.yaml\n"},
			"E_KUSTOMIZE: app/kustomization.yaml:2 resources: a list is expected here, not a string"},
		{"patch file for nobody", tree{"app/kustomization.yaml": "resources: [c.yaml]\npatches: [{path: p.yaml}]\n", "app/c.yaml": configMap,
			"app/p.yaml": "# no such object\n" + deployment}, `E_KUSTOMIZE: app/p.yaml:2: no resource matches strategic merge patch "Deployment.v1.apps/web.[noNs]"`},
		{"inline patch for nobody", tree{"app/kustomization.yaml": "resources: [c.yaml]\npatches:\n- patch: |-\n    kind: Deployment\n    apiVersion: apps/v1\n    metadata:\n      name: web\n", "app/c.yaml": configMap},
			"E_KUSTOMIZE: app/kustomization.yaml:4: no resource matches"},
		{"twice the same", tree{"app/kustomization.yaml": "resources: [../base, c.yaml]\n", "app/c.yaml": configMap,
			"base/kustomization.yaml": "resources: [c.yaml]\n", "base/c.yaml": configMap},
			"E_KUSTOMIZE: app/c.yaml: accumulating resources: merging resources from 'c.yaml': may not add resource with an already registered id: ConfigMap.v1.[noGrp]/settings.[noNs]; fix: "},
		{"merge of nothing", tree{"app/kustomization.yaml": "configMapGenerator: [{name: x, behavior: merge, literals: [a=b]}]\n"},
			"E_KUSTOMIZE: app/kustomization.yaml: merging from a generator: id ConfigMap x does not exist; cannot merge or replace; fix: "},
		{"component as a base", tree{"app/kustomization.yaml": "resources: [../part]\n",
			"part/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: x\n"},
			"E_KUSTOMIZE: part/kustomization.yaml: accumulating resources: expected kind != 'Component' for path 'part'"},
		{"empty", tree{"app/kustomization.yaml": "# nothing\n"}, "E_KUSTOMIZE: app/kustomization.yaml: kustomization.yaml is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := Render(test.files.request("app"), nil)
			wantFault(t, err, test.want)
			for _, word := range []string{mount, "resid.", "Go struct", "types.", "*errors"} {
				if strings.Contains(err.Error(), word) {
					t.Errorf("the text shows %q: %v", word, err)
				}
			}
		})
	}
}

// TestK11QuotingCanBeSwitchedOff uses an error in which kustomize repeats a value.
func TestK11QuotingCanBeSwitchedOff(t *testing.T) {
	files := tree{"kustomization.yaml": "secretGenerator: [{name: s, literals: [pw=CANARY]}]\nreplacements:\n" +
		"- source: {kind: Secret, name: s, fieldPath: type, options: {delimiter: p, index: 99}}\n" +
		"  targets: [{select: {kind: Secret}, fieldPaths: [metadata.name]}]\n"}
	req := files.request(".")
	_, _, quoted := Render(req, nil)
	wantFault(t, quoted, "E_KUSTOMIZE: kustomization.yaml: options.index 99 is out of bounds for value Opaque")
	req.Limits.QuoteErrors = false
	_, _, unquoted := Render(req, nil)
	wantFault(t, unquoted, "E_KUSTOMIZE: kustomization.yaml: kustomize cannot build this; fix: ")
	if strings.Contains(unquoted.Error(), "Opaque") {
		t.Error("the value is quoted")
	}
}

// TestFilesAgreeWithKustomizesOwn compares what kustomize reads through with the
// in-memory file system of kustomize itself.
func TestFilesAgreeWithKustomizesOwn(t *testing.T) {
	contents := tree{"a/b/c.yaml": "1", "a/d": "2", "e": "3"}
	theirs := filesys.MakeFsInMemory()
	for name, text := range contents {
		if err := theirs.WriteFile(absolute(name), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	ours := newFiles(contents.request(".").Source, ".")
	for _, name := range []string{
		".", "a", "a/", "a/b", "a/b/../b", "a/b/c.yaml", "a/b/c.yaml/", "a/./d", "e", "e/x", "none", "a/none", "a/b/c.yaml/x", "..", "../e", "a//d",
	} {
		abs := mount + "/" + name
		ourDir, ourFile, ourErr := ours.CleanedAbs(abs)
		theirDir, theirFile, theirErr := theirs.CleanedAbs(abs)
		if name == ".." || name == "../e" {
			if ourErr == nil {
				t.Errorf("%s leaves the source", name)
			}
			continue
		}
		if ourDir != theirDir || ourFile != theirFile || (ourErr == nil) != (theirErr == nil) {
			t.Errorf("CleanedAbs(%s): %q %q %v, kustomize has %q %q %v", name, ourDir, ourFile, ourErr, theirDir, theirFile, theirErr)
		}
		if ours.IsDir(abs) != theirs.IsDir(abs) || ours.Exists(abs) != theirs.Exists(abs) {
			t.Errorf("IsDir or Exists(%s) differ", name)
		}
		if theirs.IsDir(abs) {
			continue
		}
		ourText, ourErr := ours.ReadFile(abs)
		theirText, theirErr := theirs.ReadFile(abs)
		if diff := cmp.Diff(theirText, ourText); diff != "" || (ourErr == nil) != (theirErr == nil) {
			t.Errorf("ReadFile(%s): %v, kustomize has %v %s", name, ourErr, theirErr, diff)
		}
	}
}

func TestFilesCannotBeWritten(t *testing.T) {
	fsys := newFiles(tree{"a": "1"}.request(".").Source, ".")
	for name, err := range map[string]error{
		"WriteFile": fsys.WriteFile(absolute("a"), nil), "Mkdir": fsys.Mkdir(absolute("b")),
		"MkdirAll": fsys.MkdirAll(absolute("b/c")), "RemoveAll": fsys.RemoveAll(absolute("a")),
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	read, err := fsys.ReadFile(absolute("a"))
	if err != nil {
		t.Fatal(err)
	}
	read[0] = 'x'
	if again, _ := fsys.ReadFile(absolute("a")); string(again) != "1" {
		t.Error("the source can be changed through what was read")
	}
}

func TestFilesOutsideOfTheRootAreInvisible(t *testing.T) {
	fsys := newFiles(tree{"a/x": "1", "b/y": "2", "ab/z": "3"}.request(".").Source, "a")
	for name, want := range map[string]bool{"a": true, "a/x": true, "b": false, "b/y": false, "ab": false, "ab/z": false, ".": false} {
		if got := fsys.Exists(absolute(name)); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestEveryFaultHasAKnownCode(t *testing.T) {
	known := map[fault.Code]bool{}
	for _, meaning := range fault.Codes() {
		known[meaning.Code] = true
	}
	for _, text := range []string{"external plugins disabled; x", "security; file 'x'", "MalformedYAMLError: x", "other"} {
		if !known[codeOf(text)] {
			t.Errorf("%s has the code %s", text, codeOf(text))
		}
	}
}
