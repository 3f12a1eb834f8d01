package helm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// TestH10MissingDependencies: nothing is fetched; all that is missing is named
// at its line, with the way out.
func TestH10MissingDependencies(t *testing.T) {
	_, _, err := Template(treeOf(`-- app/Chart.yaml --
apiVersion: v2
name: app
version: 1.0.0
maintainers:
  - name: db
dependencies:
  - name: db
    version: 1.2.3
    repository: https://user:hunter2@charts.example
    condition: db.enabled
  - name: queue
    version: ^2
    repository: "oci://registry.example/charts"
    alias: one
  - name: queue
    version: ^2
    repository: "oci://registry.example/charts"
    alias: two
  - name: outside
    version: "*"
    repository: file://../../outside
  - name: present
    version: "*"
    repository: https://charts.example
-- app/charts/present/Chart.yaml --
name: present
version: 1.0.0
`), ".", Options{Dir: "app", ReleaseName: "web"})
	want := strings.Join([]string{
		"E_DEP: app/Chart.yaml:7: the dependency db 1.2.3 of https://user:xxxxx@charts.example is not in charts/; fix: run helm dependency update and commit charts/, or ask the platform team to allow the repository",
		"E_DEP: app/Chart.yaml:11: the dependency queue ^2 of oci://registry.example/charts is not in charts/; fix: run helm dependency update and commit charts/, or ask the platform team to allow the repository",
		"E_DEP: app/Chart.yaml:15: the dependency queue ^2 of oci://registry.example/charts is not in charts/; fix: run helm dependency update and commit charts/, or ask the platform team to allow the repository",
		"E_DEP: app/Chart.yaml:19: the dependency outside * of file://../../outside is not in charts/; fix: the directory must hold a chart and be sent by the repo-server: list it in argocd.argoproj.io/manifest-generate-paths, or run helm dependency update and commit charts/",
	}, "\n")
	if err == nil {
		t.Fatal("rendered without its dependencies")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("wrong faults (-want +got):\n%s", diff)
	}
}

func TestFileDependency(t *testing.T) {
	const parent = "-- apps/web/Chart.yaml --\napiVersion: v2\nname: web\nversion: 1.0.0\ndependencies:\n- {name: lib, version: %q, repository: %q}\n"
	const lib = "-- lib/Chart.yaml --\nname: lib\nversion: 1.4.0\n"
	tests := map[string]struct {
		source, root string
		code         fault.Code
	}{
		"in the source":          {fmt.Sprintf(parent, "^1", "file://../../lib") + lib, ".", ""},
		"vendored all the same":  {fmt.Sprintf(parent, "^1", "file://../gone") + "-- apps/web/charts/lib/Chart.yaml --\nname: lib\nversion: 1.0.0\n", ".", ""},
		"above the root":         {fmt.Sprintf(parent, "^1", "file://../../lib") + lib, "apps", fault.Dependency},
		"absolute":               {fmt.Sprintf(parent, "^1", "file:///lib") + lib, ".", fault.Dependency},
		"another version":        {fmt.Sprintf(parent, "^2", "file://../../lib") + lib, ".", fault.Dependency},
		"another name":           {fmt.Sprintf(parent, "^1", "file://../../lib") + "-- lib/Chart.yaml --\nname: other\nversion: 1.4.0\n", ".", fault.Dependency},
		"depends on its parent":  {fmt.Sprintf(parent, "^1", "file://../../lib") + lib + "dependencies: [{name: web, version: '*', repository: 'file://../apps/web'}]\n", ".", fault.Dependency},
		"is broken":              {fmt.Sprintf(parent, "^1", "file://../../lib") + "-- lib/Chart.yaml --\nname: lib\n", ".", fault.Chart},
		"directory is no chart":  {fmt.Sprintf(parent, "^1", "file://../../lib") + "-- lib/values.yaml --\n", ".", fault.Dependency},
		"its dependency is gone": {fmt.Sprintf(parent, "^1", "file://../../lib") + lib + "apiVersion: v2\ndependencies: [{name: x, version: '*', repository: 'https://h'}]\n", ".", fault.Dependency},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := Template(treeOf(test.source), test.root, Options{Dir: "apps/web", ReleaseName: "web"})
			if got := fault.CodeOf(err); got != test.code {
				t.Errorf("code %q, want %q: %v", got, test.code, err)
			}
		})
	}
}

// TestWarnOfWhatHelmLeavesOut: Helm does not check the dependencies of
// subcharts, so that they render incompletely without a word.
func TestWarnOfWhatHelmLeavesOut(t *testing.T) {
	_, warnings, err := Template(treeOf(plainChart+`-- app/charts/sub/Chart.yaml --
apiVersion: v2
name: sub
version: 1.0.0
dependencies: [{name: common, version: 2.x.x, repository: "https://charts.example"}]
-- app/templates/crd.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: x, annotations: {helm.sh/hook: crd-install}}
`), ".", Options{Dir: "app", ReleaseName: "web"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"E_DEP: app/charts/sub/Chart.yaml: the dependency common 2.x.x of https://charts.example is not in charts/, and Helm renders the subchart without it; fix: run helm dependency update and commit charts/, or ask the platform team to allow the repository",
		"E_HOOK: app/templates/crd.yaml ConfigMap x metadata.annotations[helm.sh/hook]: Helm 3 has no hook crd-install and leaves the object out",
	}
	var got []string
	for _, warning := range warnings {
		got = append(got, warning.Error())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong warnings (-want +got):\n%s", diff)
	}
}

// TestAliasesMultiply: each alias renders its chart and all below it once more,
// so that a few levels of a few aliases make thousands of charts.
func TestAliasesMultiply(t *testing.T) {
	var text strings.Builder
	dir := "app"
	for level := range 6 {
		fmt.Fprintf(&text, "-- %s/Chart.yaml --\napiVersion: v2\nname: c%d\nversion: 1.0.0\ndependencies:\n", dir, level)
		for alias := range 6 {
			fmt.Fprintf(&text, "- {name: c%d, version: '*', repository: '', alias: a%d}\n", level+1, alias)
		}
		dir = fmt.Sprintf("%s/charts/c%d", dir, level+1)
	}
	fmt.Fprintf(&text, "-- %s/Chart.yaml --\nname: c6\nversion: 1.0.0\n", dir)
	_, _, err := Template(treeOf(text.String()), ".", Options{Dir: "app", ReleaseName: "web"})
	if fault.CodeOf(err) != fault.Limit {
		t.Errorf("got %v, want %s", err, fault.Limit)
	}
}
