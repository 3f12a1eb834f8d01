package kustomize

import (
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/render"
)

func TestImageParameters(t *testing.T) {
	const digest = "sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3"
	tests := []struct{ own, parameter, want string }{
		{"", "nginx:1.26", "nginx:1.26"},
		{"", "nginx=reg.io:5000/mine/nginx:2", "reg.io:5000/mine/nginx:2"},
		{"", "nginx@" + digest, "nginx@" + digest},
		{"", "nginx=mirror", "mirror:1.25"},
		{"{name: nginx, newTag: '9', newName: own}", "nginx:1.26", "nginx:1.26"},
		{"{name: nginx, newTag: '9', newName: own}", "nginx=*:1.26", "own:1.26"},
		{"{name: nginx, newTag: '9', newName: own}", "nginx=other:*", "other:9"},
		{"{name: nginx, newTag: '9', newName: own}", "unrelated:1", "own:9"},
		{"", "nginx=*:1.26", "nginx:1.26"},
	}
	for _, test := range tests {
		t.Run(test.parameter+" over "+test.own, func(t *testing.T) {
			for _, field := range []string{"images", "imageTags"} {
				req := tree{
					"kustomization.yaml": "resources: [p.yaml]\n" + field + ": [" + test.own + "]\n",
					"p.yaml":             "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: 'nginx:1.25'}]}\n",
				}.request(".")
				req.Parameters.Kustomize.Images = []string{test.parameter}
				wantLines(t, mustRender(t, req, nil), `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"image":"`+test.want+`","name":"c"}]}}`)
			}
		})
	}
}

func TestParameters(t *testing.T) {
	tests := []struct {
		name, text string
		parameters render.KustomizeParameters
		want       string
	}{
		{"names and namespace win", "namePrefix: own-\nnameSuffix: -own\nnamespace: own\n",
			render.KustomizeParameters{NamePrefix: "p-", NameSuffix: "-s", Namespace: "ns"},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"p-web-s","namespace":"ns"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"}}}}`},
		{"labels spare selectors", "labels: [{pairs: {l: own}, includeSelectors: true}]\n",
			render.KustomizeParameters{Labels: map[string]string{"l": "parameter", "m": "1"}},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"l":"parameter","m":"1"},"name":"web"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web","l":"own"}},"template":{"metadata":{"labels":{"l":"own"}}}}}`},
		{"labels win over commonLabels", "commonLabels: {l: own, o: '1'}\n",
			render.KustomizeParameters{Labels: map[string]string{"l": "parameter"}},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"l":"parameter","o":"1"},"name":"web"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web","l":"own","o":"1"}},"template":{"metadata":{"labels":{"l":"own","o":"1"}}}}}`},
		{"annotations win", "commonAnnotations: {a: own, b: own}\n",
			render.KustomizeParameters{Annotations: map[string]string{"a": "parameter"}},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{"a":"parameter","b":"own"},"name":"web"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"annotations":{"a":"parameter","b":"own"}}}}}`},
		{"replicas win", "replicas: [{name: web, count: 2}]\n",
			render.KustomizeParameters{Replicas: map[string]int64{"web": 5}},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":5,"selector":{"matchLabels":{"app":"web"}}}}`},
		{"patches come last", "patches:\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"replace\", \"path\": \"/spec/replicas\", \"value\": 2}]'\n",
			render.KustomizeParameters{Patches: "- target: {kind: Deployment}\n  patch: |-\n    - {op: replace, path: /spec/replicas, value: 3}\n- path: p.yaml\n"},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"paused":true,"replicas":3,"selector":{"matchLabels":{"app":"web"}}}}`},
		{"components and globs", "",
			render.KustomizeParameters{Components: []string{"../parts/*"}},
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a-web-b"},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"web"}}}}`},
	}
	const component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
	files := tree{
		"app/d.yaml":                 "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1, selector: {matchLabels: {app: web}}}\n",
		"app/p.yaml":                 "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {paused: true}\n",
		"parts/a/kustomization.yaml": component + "namePrefix: a-\n",
		"parts/b/kustomization.yaml": component + "nameSuffix: -b\n",
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := files.with("app/kustomization.yaml", "resources: [d.yaml]\n"+test.text).request("app")
			req.Parameters.Kustomize = test.parameters
			wantLines(t, mustRender(t, req, nil), test.want)
			if text, _ := req.Source.File("app/kustomization.yaml"); string(text) != "resources: [d.yaml]\n"+test.text {
				t.Error("the source was changed")
			}
		})
	}
}

func TestParameterFaults(t *testing.T) {
	tests := []struct {
		name       string
		parameters render.KustomizeParameters
		want       string
	}{
		{"image that says nothing", render.KustomizeParameters{Images: []string{"nginx"}}, `E_PARAMETER: kustomize-images[0]: "nginx" names no tag, digest or other image; fix: write`},
		{"patches that are no list", render.KustomizeParameters{Patches: "target: {}"}, "E_PARAMETER: kustomize-patches: the value is not a YAML list of patches"},
		{"patch with a misspelt field", render.KustomizeParameters{Patches: "- pacth: x"}, "E_PARAMETER: kustomize-patches: "},
		{"patch from elsewhere", render.KustomizeParameters{Patches: "- path: http://h/x"}, "E_REMOTE_REF: kustomize-patches[0].path: "},
		{"cycle in a patch", render.KustomizeParameters{Patches: "- target: {kind: X}\n  patch: 'a: &a [*a]'"}, "E_YAML_ALIAS: kustomize-patches[0].patch: "},
		{"component that is missing", render.KustomizeParameters{Components: []string{"../no"}}, `E_PATH: kustomize-components[0]: there is no directory "no" in the source`},
		{"component from elsewhere", render.KustomizeParameters{Components: []string{"github.com/o/r"}}, "E_REMOTE_REF: kustomize-components[0]: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := tree{"app/kustomization.yaml": "resources: [c.yaml]\n", "app/c.yaml": configMap}.request("app")
			req.Parameters.Kustomize = test.parameters
			_, _, err := Render(req, nil)
			wantFault(t, err, test.want)
		})
	}
}
