package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
)

func TestApplicationsAreWhatSomebodyDeploys(t *testing.T) {
	tests := map[string]struct {
		root  string
		files map[string]string
		want  []string
	}{
		"one of each kind": {".", monorepo, []string{"both", "chart", "inflated", "kust", "plain", "plain/deep"}},
		"overlays without their base": {"web", map[string]string{
			"web/base/kustomization.yaml":          "resources: [a.yaml]\n",
			"web/base/a.yaml":                      configMap("a"),
			"web/overlays/dev/kustomization.yaml":  "resources: [../../base]\n",
			"web/overlays/prod/kustomization.yaml": "resources: [../../base]\ncomponents: [../../component]\n",
			"web/overlays/prod/patch.yaml":         configMap("a"),
			"web/component/kustomization.yaml":     "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
			"web/unused/kustomization.yaml":        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
		}, []string{"web/overlays/dev", "web/overlays/prod"}},
		"overlays below their base": {".", map[string]string{
			"kustomization.yaml":              "resources: [a.yaml]\n",
			"a.yaml":                          configMap("a"),
			"overlays/dev/kustomization.yaml": "resources: [../..]\n",
			"files/b.yaml":                    configMap("b"),
		}, []string{".", "overlays/dev"}},
		"a base that is named": {"base", map[string]string{
			"base/kustomization.yaml": "resources: [a.yaml]\n",
			"base/a.yaml":             configMap("a"),
			"dev/kustomization.yaml":  "resources: [../base]\n",
		}, []string{"base"}},
		"a kustomization that cannot be read": {".", map[string]string{
			"broken/kustomization.yaml": "resources: {\n",
		}, []string{"broken"}},
		"charts without subcharts and libraries": {".", map[string]string{
			"web/Chart.yaml":              "name: web\nversion: 1.0.0\n",
			"web/charts/cache/Chart.yaml": "name: cache\nversion: 1.0.0\n",
			"web/ci/values.yaml":          "apiVersion: x\nkind: y\n",
			"lib/Chart.yaml":              "name: lib\nversion: 1.0.0\ntype: library\n",
		}, []string{"web"}},
		"no manifests": {".", map[string]string{
			"ci/pipeline.yml":   "jobs: {}\n",
			"web/package.json":  "{}",
			"docs/values.yaml":  "replicas: 2\n",
			"apps/README.md":    "apiVersion kind",
			"apps/deep/pod.txt": "apiVersion kind",
		}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, engine.Applications(tree(test.files), test.root)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
