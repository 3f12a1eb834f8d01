package e2e

import (
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/reposerver/apiclient"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

func stringParameter(name, value string) v1alpha1.ApplicationSourcePluginParameter {
	return v1alpha1.ApplicationSourcePluginParameter{Name: name, String_: &value}
}

func arrayParameter(name string, values ...string) v1alpha1.ApplicationSourcePluginParameter {
	return v1alpha1.ApplicationSourcePluginParameter{Name: name, OptionalArray: &v1alpha1.OptionalArray{Array: values}}
}

func mapParameter(name string, values map[string]string) v1alpha1.ApplicationSourcePluginParameter {
	return v1alpha1.ApplicationSourcePluginParameter{Name: name, OptionalMap: &v1alpha1.OptionalMap{Map: values}}
}

// parameterized has a kustomization and a chart whose values show what reached
// the templates.
func parameterized() harness.Files {
	files := harness.Files{}
	for name, text := range kustomization("resources: [pod.yaml]") {
		files["kustomize/"+name] = text
	}
	files["helm/Chart.yaml"] = "apiVersion: v2\nname: web\nversion: 1.0.0\n"
	files["helm/templates/map.yaml"] = `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
data:
  greeting: {{ .Values.greeting | quote }}
  kind: {{ kindOf .Values.count }}
`
	files["helm/values.yaml"] = "greeting: hello\ncount: 1\n"
	files["helm/more.yaml"] = "greeting: from a file\n"
	return files
}

// TestParameters sets parameters as spec.source.plugin.parameters does.
func TestParameters(t *testing.T) {
	tests := []struct {
		name, path string
		parameters []v1alpha1.ApplicationSourcePluginParameter
		// want is in the manifests, as JSON.
		want string
	}{
		{"no parameter", "kustomize", nil, `"image":"web:1"`},
		{"kustomize-images", "kustomize", []v1alpha1.ApplicationSourcePluginParameter{arrayParameter("kustomize-images", "web=registry.example.com/web:2")}, `"image":"registry.example.com/web:2"`},
		{"kustomize-name-prefix", "kustomize", []v1alpha1.ApplicationSourcePluginParameter{stringParameter("kustomize-name-prefix", "blue-")}, `"name":"blue-web"`},
		{"kustomize-labels", "kustomize", []v1alpha1.ApplicationSourcePluginParameter{mapParameter("kustomize-labels", map[string]string{"team": "a"})}, `"labels":{"team":"a"}`},
		{"no helm parameter", "helm", nil, `"data":{"greeting":"hello","kind":"float64"},"kind":"ConfigMap","metadata":{"name":"shop","namespace":"apps"}`},
		{"helm-parameters", "helm", []v1alpha1.ApplicationSourcePluginParameter{mapParameter("helm-parameters", map[string]string{"greeting": "hi"})}, `"greeting":"hi"`},
		{"helm-string-parameters", "helm", []v1alpha1.ApplicationSourcePluginParameter{mapParameter("helm-string-parameters", map[string]string{"count": "2"})}, `"kind":"string"`},
		{"helm-values", "helm", []v1alpha1.ApplicationSourcePluginParameter{stringParameter("helm-values", "greeting: inline\n")}, `"greeting":"inline"`},
		{"helm-values-files", "helm", []v1alpha1.ApplicationSourcePluginParameter{arrayParameter("helm-values-files", "more.yaml")}, `"greeting":"from a file"`},
		{"helm-release-name", "helm", []v1alpha1.ApplicationSourcePluginParameter{stringParameter("helm-release-name", "other")}, `"name":"other"`},
	}
	repository := harness.NewRepository(t, parameterized())
	each(t, []harness.Plugin{served}, func(t *testing.T, lab *harness.Lab) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				got := generate(t, lab, application(repository, test.path, served.FullName(), test.parameters...))
				if !strings.Contains(got, test.want) {
					t.Errorf("the manifests do not hold %s:\n%s", test.want, got)
				}
			})
		}
	})
}

// TestAnnouncements expects the Parameters tab to show what the application's
// files say.
func TestAnnouncements(t *testing.T) {
	tests := []struct {
		path, parameter string
		// shown tells whether the announcement holds what the files say.
		shown func(*apiclient.ParameterAnnouncement) bool
	}{
		{"kustomize", "kustomize-images", func(a *apiclient.ParameterAnnouncement) bool {
			return a.CollectionType == "array" && strings.Contains(strings.Join(a.Array, " "), "web:1")
		}},
		{"helm", "helm-parameters", func(a *apiclient.ParameterAnnouncement) bool {
			return a.CollectionType == "map" && a.Map["greeting"] == "hello" && a.Map["count"] == "1"
		}},
	}
	repository := harness.NewRepository(t, parameterized())
	each(t, []harness.Plugin{served}, func(t *testing.T, lab *harness.Lab) {
		for _, test := range tests {
			t.Run(test.parameter, func(t *testing.T) {
				details, err := lab.Details(t.Context(), application(repository, test.path, served.FullName()))
				if err != nil {
					t.Fatal(err)
				}
				for _, announcement := range details.GetPlugin().GetParametersAnnouncement() {
					if announcement.Name == test.parameter && test.shown(announcement) {
						return
					}
				}
				t.Errorf("%s does not show what the files say: %v", test.parameter, details.Plugin)
			})
		}
	})
}
