package plugin_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

const (
	oldImage = "registry.example.com/shop@sha256:1111111111111111111111111111111111111111111111111111111111111111"
	newImage = "registry.example.com/shop@sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// overlays is a repository whose production ships what its staging ships.
func overlays() map[string]string {
	pod := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: shop\nspec: {containers: [{name: shop, image: " + oldImage + "}]}\n"
	return map[string]string{
		"CODEOWNERS":                      "* @org/platform\n",
		"shop/staging/kustomization.yaml": "resources: [pod.yaml]\n", "shop/staging/pod.yaml": pod,
		"shop/production/kustomization.yaml": "resources: [pod.yaml]\n", "shop/production/pod.yaml": pod,
	}
}

func promoting(t *testing.T, from string, rule promotion.Rule, enforcement verdict.Decision) (*plugin.Pipeline, *inProcess) {
	t.Helper()
	gate, err := policy.New(t.Context(), policy.Config{Environments: map[string]policy.Environment{
		"production": {Promotion: &rule, Enforcement: enforcement},
	}})
	if err != nil {
		t.Fatal(err)
	}
	renderer := &inProcess{}
	return &plugin.Pipeline{
		Renderer: renderer, Gate: gate, Limits: render.Limits{QuoteErrors: true},
		Environments: []plugin.Environment{{Name: "production", Judged: true, PromotedFrom: from}},
	}, renderer
}

func TestPromotion(t *testing.T) {
	images := func(image string) []plugin.Parameter {
		return []plugin.Parameter{{Name: "kustomize-images", Array: &[]string{image}}}
	}
	tests := map[string]struct {
		from       string
		rule       promotion.Rule
		warn       bool
		files      map[string]string
		parameters []plugin.Parameter
		path       string
		want       string
		warning    string
	}{
		"the same image": {warning: "CODEOWNERS:1: promotion-owners: changes of shop/production need the approval of @org/platform"},
		"an image that staging does not have": {
			files: map[string]string{"shop/production/pod.yaml": strings.Replace(overlays()["shop/production/pod.yaml"], oldImage, newImage, 1)},
			want: "E_POLICY: shop/production/pod.yaml:1 Pod shop spec.containers[0].image: promotion-source: shop/staging does not ship " +
				newImage + "; it ships sha256:1111"},
		"an image that staging does not have, as a warning": {warn: true,
			files:   map[string]string{"shop/production/pod.yaml": strings.Replace(overlays()["shop/production/pod.yaml"], oldImage, newImage, 1)},
			warning: "promotion-source: shop/staging does not ship"},
		"a parameter that changes the image": {parameters: images(newImage), want: "promotion-source: shop/staging does not ship " + newImage},
		"a parameter that promotes": {
			files:      map[string]string{"shop/staging/pod.yaml": strings.Replace(overlays()["shop/staging/pod.yaml"], oldImage, newImage, 1)},
			parameters: images(newImage)},
		"a parameter with a tag": {
			parameters: images("registry.example.com/shop:v2"), want: "promotion-digest: the image registry.example.com/shop:v2 is not pinned"},
		"nobody owns it": {rule: promotion.Rule{RequireOwners: true}, files: map[string]string{"CODEOWNERS": "CODEOWNERS @a\n"},
			want: "E_POLICY: CODEOWNERS: promotion-owners: nobody must approve changes of shop/production"},
		"only a part of the repository was sent": {rule: promotion.Rule{RequireOwners: true}, path: "repo/shop/production",
			want: "E_POLICY: promotion-owners: nobody can tell who must approve changes of shop/production"},
		"staging cannot be rendered": {files: map[string]string{"shop/staging/kustomization.yaml": "resources: [missing.yaml]\n"},
			want: "E_PATH: shop/staging/kustomization.yaml:1 resources[0]: images are promoted from shop/staging, which cannot be rendered: "},
		"staging renders nothing": {files: map[string]string{"shop/staging/kustomization.yaml": "resources: []\n", "shop/staging/pod.yaml": ""},
			want: "images are promoted from shop/staging, which cannot be rendered: "},
		"no such directory":     {from: "../test", want: "E_PATH: the environment production promotes images from ../test of shop/production, which is not in the source"},
		"out of the repository": {from: "../../../staging", want: "E_PATH: the environment production promotes"},
		"from itself":           {from: "../production", want: "E_PATH: shop/production would be promoted from itself"},
		"production cannot be rendered": {files: map[string]string{
			"shop/production/kustomization.yaml": "resources: [missing.yaml]\n", "shop/staging/kustomization.yaml": "resources: [missing.yaml]\n"},
			want: "E_PATH: shop/production/kustomization.yaml:1 "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			repository := overlays()
			maps.Copy(repository, test.files)
			files := source.NewTree()
			for _, file := range slices.Sorted(maps.Keys(repository)) {
				files.Add(file, []byte(repository[file]))
			}
			if test.from == "" {
				test.from = "../staging"
			}
			if test.path == "" {
				test.path = "shop/production"
			}
			enforcement := verdict.Deny
			if test.warn {
				enforcement = verdict.Warn
			}
			pipeline, _ := promoting(t, test.from, test.rule, enforcement)
			output, err := pipeline.Run(t.Context(), plugin.Job{
				Identity: plugin.Identity{App: "shop", Path: test.path}, Source: files, Path: "shop/production", Parameters: test.parameters,
			})
			if test.want != "" {
				if got := fault.Text(fault.Of(err)); err == nil || !strings.Contains(got, test.want) {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(output.Objects) != 1 || !strings.Contains(fault.Text(append(output.Verdict.Approvals, output.Warnings...)), test.warning) {
				t.Errorf("%d objects, warnings %v, want %s", len(output.Objects), output.Warnings, test.warning)
			}
		})
	}
}

// Nobody pays for a second render who does not promote.
func TestOnlyAPromotionRendersTwice(t *testing.T) {
	files := source.NewTree()
	for file, content := range overlays() {
		files.Add(file, []byte(content))
	}
	for from, want := range map[string]int32{"": 1, "../staging": 2} {
		pipeline, renderer := promoting(t, from, promotion.Rule{}, verdict.Deny)
		pipeline.Environments[0].Judged = from != ""
		if _, err := pipeline.Check(t.Context(), plugin.Job{Identity: plugin.Identity{App: "shop"}, Source: files, Path: "shop/production"}); err != nil {
			t.Fatal(err)
		}
		if got := renderer.calls.Load(); got != want {
			t.Errorf("from %q: rendered %d times, want %d", from, got, want)
		}
	}
}
