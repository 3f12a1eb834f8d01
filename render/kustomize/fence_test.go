package kustomize

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestK7OptionsAreRestricted(t *testing.T) {
	o := options()
	if o.LoadRestrictions != types.LoadRestrictionsRootOnly {
		t.Error("files are not restricted to the kustomization's directory")
	}
	if o.PluginConfig.PluginRestrictions != types.PluginRestrictionsBuiltinsOnly {
		t.Error("plugins other than the builtin ones are allowed")
	}
	if o.PluginConfig.HelmConfig.Enabled || o.PluginConfig.HelmConfig.Command != "" {
		t.Error("kustomize may run helm")
	}
	if diff := cmp.Diff(types.FnPluginLoadingOptions{}, o.PluginConfig.FnpLoadingOptions); diff != "" {
		t.Errorf("functions are configured: %s", diff)
	}
	if o.AddManagedbyLabel || o.Reorder != krusty.ReorderOptionUnspecified {
		t.Error("the output is not that of kustomize build")
	}
}

func TestK7FileOutsideOfTheKustomization(t *testing.T) {
	files := tree{
		"app/kustomization.yaml": "configMapGenerator: [{name: x, files: [../other/secret.txt]}]\n",
		"other/secret.txt":       "s",
	}
	_, _, err := Render(files.request("app"), nil)
	wantFault(t, err, `E_PATH: app/kustomization.yaml:1 configMapGenerator[0].files[0]: kustomize reads files in or below "app" only, not "other/secret.txt"`)
}

// polluter sets a schema by which containers have no merge key; victim patches
// one of two containers.
func schemaTrees() (polluter, victim tree) {
	schema := `{"definitions":{"D":{"properties":{"spec":{"type":"object"}},` +
		`"x-kubernetes-group-version-kind":[{"group":"apps","kind":"Deployment","version":"v1"}]}}}`
	patch := "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n" +
		"    spec: {template: {spec: {containers: [{name: app, image: patched}]}}}\n"
	victim = tree{"kustomization.yaml": "resources: [d.yaml]\n" + patch, "d.yaml": deployment}
	polluter = victim.with("s.json", schema).
		with("kustomization.yaml", "resources: [d.yaml]\nopenapi: {path: s.json}\n"+patch)
	return polluter, victim
}

func TestK4SchemaDoesNotLeakBetweenBuilds(t *testing.T) {
	polluter, victim := schemaTrees()
	before := mustRender(t, victim.request("."), nil)
	polluted := mustRender(t, polluter.request("."), nil)
	after := mustRender(t, victim.request("."), nil)
	wantLines(t, after, before...)
	if !strings.Contains(after[0], `"name":"sec"`) {
		t.Error("the second container is gone")
	}
	if strings.Contains(polluted[0], `"name":"sec"`) {
		t.Error("the custom schema was not used; the test proves nothing")
	}
}

func TestK4ParallelBuilds(t *testing.T) {
	polluter, victim := schemaTrees()
	want := mustRender(t, victim.request("."), nil)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			files := victim
			if i%2 == 0 {
				files = polluter
			}
			objects, _, err := Render(files.request("."), nil)
			if err != nil || i%2 == 1 && jsonLines(t, objects)[0] != want[0] {
				t.Errorf("build %d differs: %v", i, err)
			}
		})
	}
	group.Wait()
}

func TestK9PanicsBecomeFaults(t *testing.T) {
	tests := map[string]tree{
		"schema with an empty kind": {
			"kustomization.yaml": "resources: [d.yaml]\nopenapi: {path: s.json}\npatches:\n- path: d.yaml\n",
			"d.yaml":             deployment,
			"s.json":             `{"definitions":{"D":{"x-kubernetes-group-version-kind":[{}]}}}`,
		},
		"annotations are a list": {
			"kustomization.yaml": "resources: [c.yaml]\nconfigMapGenerator: [{name: x, behavior: merge, literals: [a=b]}]\n",
			"c.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: [a]}\n",
		},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := Render(files.request("."), nil)
			if code := fault.CodeOf(err); code != fault.RenderCrash && code != fault.Kustomize {
				t.Errorf("fault %v, want %s or %s", err, fault.RenderCrash, fault.Kustomize)
			}
			for _, word := range []string{"goroutine", "runtime.", "interface", "0x", mount} {
				if strings.Contains(fmt.Sprint(err), word) {
					t.Errorf("the fault shows %q: %v", word, err)
				}
			}
			// The next build is not affected.
			_, victim := schemaTrees()
			if got := mustRender(t, victim.request("."), nil); !strings.Contains(got[0], `"name":"sec"`) {
				t.Error("the next build lost a container")
			}
		})
	}
}

// TestNothingIsPrinted: the standard output of a worker is a protocol, and its
// standard error is a log.
func TestNothingIsPrinted(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = write, write
	files := tree{
		"kustomization.yaml": "bases: [base]\ncommonLabels: {a: b}\nvars:\n- name: UNUSED\n  objref: {apiVersion: v1, kind: ConfigMap, name: settings}\n",
		"base/settings.yaml": configMap, "base/kustomization.yaml": "resources: [settings.yaml]\n",
	}
	_, warnings, err := Render(files.request("."), nil)
	os.Stdout, os.Stderr = stdout, stderr
	_ = write.Close()
	var printed bytes.Buffer
	if _, err := printed.ReadFrom(read); err != nil {
		t.Fatal(err)
	}
	if err != nil || printed.Len() > 0 {
		t.Errorf("err %v, printed %q", err, printed.String())
	}
	var got []string
	for _, warning := range warnings {
		got = append(got, warning.Error())
	}
	wantLines(t, got,
		"E_KUSTOMIZE: kustomization.yaml:1 bases: kustomize has deprecated this field; fix: use resources",
		"E_KUSTOMIZE: kustomization.yaml:2 commonLabels: kustomize has deprecated this field; fix: use labels",
		"E_KUSTOMIZE: kustomization.yaml:4 vars: kustomize has deprecated this field; fix: use replacements",
		"E_KUSTOMIZE: kustomization.yaml: well-defined vars that were never replaced: UNUSED")
}

func TestWarmup(t *testing.T) {
	if err := Warmup(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkOverlayOf30(b *testing.B) {
	files := tree{"prod/kustomization.yaml": "resources: [../base]\nnamespace: prod\nnamePrefix: p-\nimages: [{name: nginx, newTag: '2'}]\npatches: [{path: p.yaml}]\n",
		"prod/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web3}\nspec: {template: {spec: {containers: [{name: app, image: x}]}}}\n"}
	resources := "resources:\n"
	for i := range 30 {
		name := fmt.Sprintf("web%d", i)
		files["base/"+name+".yaml"] = strings.Replace(deployment, "name: web\n", "name: "+name+"\n", 1)
		resources += "- " + name + ".yaml\n"
	}
	files["base/kustomization.yaml"] = resources
	if err := Warmup(); err != nil {
		b.Fatal(err)
	}
	req := files.request("prod")
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Render(req, nil); err != nil {
			b.Fatal(err)
		}
	}
}
