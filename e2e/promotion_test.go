package e2e

import (
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// shipping is a Pod whose image has a digest of one repeated digit.
func shipping(digit string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: web\n    image: registry.example.com/web@sha256:" +
		strings.Repeat(digit, 64) + "\n"
}

// TestPromotion expects production to get what staging ships at the same
// revision, and nothing else, however it is asked for; and expects the plugin to
// know the repository's CODEOWNERS from what the repo-server sends.
func TestPromotion(t *testing.T) {
	promoted := harness.Plugin{Name: "argocd-seal-promoted", Version: "v1.0", Seal: "environments:\n- name: production\n  match: {namespaces: [apps]}\n" +
		"  promotion: {from: ../staging, owners: ['@org/platform']}\n"}
	each(t, []harness.Plugin{promoted, served}, func(t *testing.T, lab *harness.Lab) {
		repository := harness.NewRepository(t, harness.Files{
			".github/CODEOWNERS":                    "* @org/platform\n/free/ @org/anybody\n",
			"shop/staging/pod.yaml":                 shipping("1"),
			"shop/production/pod.yaml":              shipping("1"),
			"ahead/staging/pod.yaml":                shipping("1"),
			"ahead/production/pod.yaml":             shipping("2"),
			"free/staging/pod.yaml":                 shipping("1"),
			"free/production/pod.yaml":              shipping("1"),
			"broken/staging/pod.yaml":               "kind: [",
			"broken/production/pod.yaml":            shipping("1"),
			"overlay/staging/pod.yaml":              shipping("1"),
			"overlay/production/pod.yaml":           shipping("1"),
			"overlay/production/kustomization.yaml": "resources: [pod.yaml]\n",
		})
		want := generate(t, lab, application(repository, "shop/production", served.FullName()))
		if got := generate(t, lab, application(repository, "shop/production", promoted.FullName())); got != want {
			same(t, want, got)
			t.Error("the promotion changed the bytes of what it let through")
		}
		override := arrayParameter("kustomize-images", "registry.example.com/web@sha256:"+strings.Repeat("2", 64))
		for _, test := range []struct {
			path       string
			parameters []v1alpha1.ApplicationSourcePluginParameter
			want       string
		}{
			{"ahead/production", nil, "E_POLICY: ahead/production/pod.yaml:1 Pod web spec.containers[0].image: promotion-source: ahead/staging does not ship"},
			{"overlay/production", []v1alpha1.ApplicationSourcePluginParameter{override}, "promotion-source: overlay/staging does not ship"},
			{"free/production", nil, "E_POLICY: .github/CODEOWNERS:2: promotion-owners: @org/anybody may approve changes of free/production without @org/platform"},
			{"broken/production", nil, "images are promoted from broken/staging, which cannot be rendered"},
		} {
			response, err := lab.Generate(t.Context(), application(repository, test.path, promoted.FullName(), test.parameters...))
			if err == nil {
				t.Errorf("%s gave %v", test.path, response.Manifests)
			} else if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: the error lacks %q: %v", test.path, test.want, err)
			}
		}
	})
}
