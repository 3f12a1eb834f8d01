package engine_test

import (
	"maps"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

func treeOf(files map[string]string) *source.Tree {
	tree := source.NewTree()
	for name, content := range files {
		tree.Add(name, []byte(content))
	}
	return tree
}

// TestUnchanged changes one file at a time and asks which applications must be
// rendered.
func TestUnchanged(t *testing.T) {
	files := map[string]string{
		"base/kustomization.yaml":          "resources: [../deep, app.yaml]\n",
		"base/app.yaml":                    "a: 1\n",
		"base/unused.txt":                  "x\n",
		"deep/kustomization.yaml":          "resources: [app.yaml]\n",
		"deep/app.yaml":                    "a: 1\n",
		"component/kustomization.yaml":     "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n",
		"overlays/a/kustomization.yaml":    "resources: [../../base]\ncomponents: [../../component]\n",
		"overlays/b/kustomization.yaml":    "resources: [app.yaml]\n",
		"overlays/b/app.yaml":              "a: 1\n",
		"plain/app.yaml":                   "a: 1\n",
		"chart/Chart.yaml":                 "name: a\nversion: 1.0.0\n",
		"charted/kustomization.yaml":       "helmCharts: [{name: a}]\nhelmGlobals: {chartHome: ../charts}\n",
		"plugged/kustomization.yaml":       "generators: [plugin.yaml]\n",
		"plugged/plugin.yaml":              "a: 1\n",
		"remote/kustomization.yaml":        "resources: ['https://example.com/x.yaml']\n",
		"broken/kustomization.yaml":        "resources: [\n",
		"overlays/over/kustomization.yaml": "resources: [../../charted]\n",
	}
	applications := []string{"overlays/a", "overlays/b", "plain", "chart", "charted", "plugged", "remote", "broken", "overlays/over"}
	uncertain := map[string]bool{"chart": true, "charted": true, "plugged": true, "remote": true, "broken": true, "overlays/over": true}
	before := treeOf(files)
	for changed, affected := range map[string]string{
		"": "", "base/app.yaml": "overlays/a", "base/kustomization.yaml": "overlays/a", "deep/app.yaml": "overlays/a",
		"component/kustomization.yaml": "overlays/a", "base/new.yaml": "overlays/a", "overlays/b/app.yaml": "overlays/b", "plain/deep/new.yaml": "plain", "elsewhere.yaml": "",
	} {
		other := maps.Clone(files)
		if changed != "" {
			other[changed] += "# changed\n"
		}
		after := treeOf(other)
		for _, application := range applications {
			want := application != affected && !uncertain[application]
			if got := engine.Unchanged(before, after, application); got != want {
				t.Errorf("%q changed: %s is unchanged: %v, want %v", changed, application, got, want)
			}
		}
	}
	// A file that goes is a change too.
	fewer := maps.Clone(files)
	delete(fewer, "base/unused.txt")
	if engine.Unchanged(before, treeOf(fewer), "overlays/a") {
		t.Error("a file that is gone is no change")
	}
}
