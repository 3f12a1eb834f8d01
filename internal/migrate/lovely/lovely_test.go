package lovely_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/lovely"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
)

func TestTranslate(t *testing.T) {
	text := func(name, value string) []lovely.Parameter {
		return []lovely.Parameter{{Name: name, Kind: lovely.String, Text: value}}
	}
	tests := []struct {
		name, value string
		several     bool
		want        []lovely.Parameter
		// reason is a part of why it stays.
		reason string
	}{
		{name: "LOVELY_HELM_NAME", value: "web", want: text("helm-release-name", "web")},
		{name: "lovely_helm_name", value: "web", want: text("helm-release-name", "web")},
		{name: "ARGOCD_ENV_LOVELY_HELM_NAMESPACE", value: "shop", want: text("helm-namespace", "shop")},
		{name: "LOVELY_HELM_NAME", value: "$NAME", reason: "a shell would read"},
		{name: "LOVELY_HELM_VALUES", value: "a.yaml  b.yaml", want: []lovely.Parameter{{Name: "helm-values-files", Kind: lovely.Array, Items: []string{"a.yaml", "b.yaml"}}}},
		{name: "LOVELY_HELM_VALUES", value: `"a b.yaml"`, reason: "a shell would read"},
		{name: "LOVELY_HELM_CRDS", value: "true"},
		{name: "LOVELY_HELM_CRDS", value: "false", want: text("helm-skip-crds", "true")},
		{name: "LOVELY_HELM_CRDS", value: "maybe", reason: "neither true nor false"},
		{name: "LOVELY_HELM_MERGE", value: "a: {b: 1}\n", want: text("helm-values", "a: {b: 1}")},
		{name: "LOVELY_HELM_MERGE", value: "a: 1", several: true, reason: "several values files"},
		{name: "LOVELY_HELM_MERGE", value: "a: {$patch: replace}", reason: "strategic merge"},
		{name: "LOVELY_HELM_MERGE", value: "- a", reason: "not a YAML mapping"},
		{name: "LOVELY_HELM_PATCH", value: "- op: add", reason: "patched by operations"},
		{name: "LOVELY_HELM_TEMPLATE_PARAMS", value: "-f a.yaml --values=b.yaml,c.yaml --set x=0 --set x=1 --set y.z=two --set-string t=1.10 --set-file f=x.txt -n shop --skip-crds --include-crds --skip-tests=true", want: []lovely.Parameter{
			{Name: "helm-values-files", Kind: lovely.Array, Items: []string{"a.yaml", "b.yaml", "c.yaml"}},
			{Name: "helm-parameters", Kind: lovely.Map, Pairs: [][2]string{{"x", "1"}, {"y.z", "two"}}},
			{Name: "helm-string-parameters", Kind: lovely.Map, Pairs: [][2]string{{"t", "1.10"}}},
			{Name: "helm-file-parameters", Kind: lovely.Map, Pairs: [][2]string{{"f", "x.txt"}}},
			{Name: "helm-namespace", Kind: lovely.String, Text: "shop"},
			{Name: "helm-skip-crds", Kind: lovely.String, Text: "true"},
			{Name: "helm-skip-tests", Kind: lovely.String, Text: "true"},
		}},
		{name: "HELM_ARGS", value: "--post-renderer x", reason: "--post-renderer has no parameter"},
		{name: "HELM_ARGS", value: "--set a=1,b=2", reason: "several values at once"},
		{name: "HELM_ARGS", value: "-f https://example.com/v.yaml", reason: "from the repository only"},
		{name: "HELM_ARGS", value: "-f a.yaml; rm -r .", reason: "a shell would read"},
		{name: "HELM_ARGS", value: "-f", reason: "-f has no parameter"},
		{name: "HELM_VALUES", value: "a: $x\n", want: text("helm-values", "a: $x")},
		{name: "LOVELY_KUSTOMIZE_MERGE", value: "namespace: shop\nnamePrefix: a-\nnameSuffix: -b\ncommonAnnotations: {x: y}\n", want: []lovely.Parameter{
			{Name: "kustomize-namespace", Kind: lovely.String, Text: "shop"}, {Name: "kustomize-name-prefix", Kind: lovely.String, Text: "a-"},
			{Name: "kustomize-name-suffix", Kind: lovely.String, Text: "-b"}, {Name: "kustomize-annotations", Kind: lovely.Map, Pairs: [][2]string{{"x", "y"}}},
		}},
		{name: "LOVELY_KUSTOMIZE_MERGE", value: "namespace: shop\npatches: []", reason: "its field patches"},
		{name: "LOVELY_KUSTOMIZE_MERGE", value: "{", reason: "not a YAML mapping"},
		{name: "LOVELY_PLUGINS", value: "argocd-vault-plugin generate -"},
		{name: "LOVELY_PLUGINS", value: "argocd-vault-plugin generate -, argocd-vault-replacer", reason: "it runs argocd-vault-replacer"},
		{name: "LOVELY_PREPROCESSORS", value: "x", reason: "without other programs"},
		{name: "LOVELY_HELMFILE_MERGE", value: "x", reason: "helmfile is not rendered"},
		{name: "LOVELY_SOMETHING_NEW", value: "x", reason: "not known here"},
	}
	known := map[string]bool{}
	for _, one := range plugin.ParameterSpecs() {
		known[one.Name] = true
	}
	for _, test := range tests {
		got := lovely.Translate(test.name, test.value, test.several)
		if diff := cmp.Diff(test.want, got.Parameters); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", test.name, test.value, diff)
		}
		if (test.reason == "") != (got.Reason == "") || !strings.Contains(got.Reason, test.reason) || (got.Reason == "") != (got.Fix == "") {
			t.Errorf("%s %q stays because %q; fix %q", test.name, test.value, got.Reason, got.Fix)
		}
		for _, one := range got.Parameters {
			if !known[one.Name] {
				t.Errorf("%s is no parameter of the plugin", one.Name)
			}
		}
		if !lovely.Known(test.name) {
			t.Errorf("%s is not known", test.name)
		}
	}
}
