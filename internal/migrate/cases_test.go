package migrate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// secretHead begins a Secret whose body a case adds.
const secretHead = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"

func annotatedHead(annotations string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {" + annotations + "}}\n"
}

const dbPath = "avp.kubernetes.io/path: kv/data/shop/db"

// TestCases: each is a repository in txtar, what of it is new, and what is
// listed, as "file:line code what".
func TestCases(t *testing.T) {
	tests := map[string]struct {
		input migrate.Input
		files string
		// moved are texts that the files have afterwards and had not before.
		moved  []string
		listed []string
	}{
		"a path of another backend": {
			files:  "-- a.yaml --\n" + secretHead + "stringData:\n  a: <path:some-path/secret#key>\n  b: <path:my-secret#key>\n  c: <path:some-path/secret#key#AWSCURRENT>\n",
			listed: []string{"a.yaml:5 path <path:some-path/secret#key>", "a.yaml:6 syntax stringData.b", "a.yaml:7 syntax stringData.c"},
		},
		"a backend that the repository names": {
			files:  "-- avp.yaml --\n" + secretHead + "stringData: {AVP_TYPE: awssecretsmanager, AWS_REGION: x}\n-- a.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: '<path:kv/data/shop/db#key>'}\n",
			listed: []string{"a.yaml:4 backend <path:kv/data/shop/db#key>", "avp.yaml:4 backend AVP_TYPE"},
		},
		"KV version 1, by the flag": {
			input: migrate.Input{KV: "1"},
			files: "-- a.yaml --\n" + secretHead + "stringData: {a: '<path:old/data/db#key#3>', b: '<path:old/db#key>'}\n",
			moved: []string{"<vault:old/data/db#key>", "<vault:old/db#key>"},
		},
		"KV version 1, by a setting": {
			files: "-- avp.yaml --\n" + secretHead + "data: {AVP_KV_VERSION: MQ==}\n-- a.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: '<path:old/db#key>'}\n",
			moved: []string{"<vault:old/db#key>"},
		},
		"several segments named data, and a mount that another path gives away": {
			files: "-- a.yaml --\n" + secretHead + "stringData: {a: '<path:kv/data/app/data/db#key>', b: '<path:kv/data/x#key>', c: '<path:team/data/app/data/db#key>', d: '<path:kv/data/data/db#k>'}\n",
			moved: []string{"<vault:kv/app/data/db#key>", "<vault:kv/x#key>", "<vault:kv/data/db#k>"}, listed: []string{"a.yaml:4 path <path:team/data/app/data/db#key>"},
		},
		"annotations in a List": {
			files: "-- a.yaml --\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: a, annotations: {" + dbPath + "}}\n  stringData: {a: <key>, b: '<path:kv/data/x#key>'}\n",
			moved: []string{"<vault:kv/x#key>"}, listed: []string{"a.yaml:7 list <key>"},
		},
		"text that is folded in the middle of a placeholder": {
			files:  "-- a.yaml --\n" + secretHead + "stringData:\n  a: before <path:kv/data/shop/db#key |\n    base64encode> after\n  b: <path:kv/data/shop/db#key>\n",
			moved:  []string{"<vault:kv/shop/db#key>"},
			listed: []string{"a.yaml:5 folded <path:kv/data/shop/db#key | base64encode>"},
		},
		"an anchor that two places use alike": {
			files: "-- a.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  a: &a <path:kv/data/shop/db#key>\n  b: *a\n",
			moved: []string{"&a <vault:kv/shop/db#key>"},
		},
		"an anchor that a Secret and a label use": {
			files:  "-- a.yaml --\napiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  labels: {l: &a '<path:kv/data/shop/db#key>'}\nstringData:\n  b: *a\n",
			listed: []string{"a.yaml:5 mixed <path:kv/data/shop/db#key>"},
		},
		"merge keys": {
			files:  "-- a.yaml --\n" + secretHead + "x: &x {a: '<path:kv/data/shop/db#key>'}\nstringData:\n  <<: *x\n",
			listed: []string{"a.yaml:4 mixed <path:kv/data/shop/db#key>"},
		},
		"texts put together from base64, under data": {
			files:  "-- a.yaml --\n" + secretHead + "data:\n  a: <path:kv/data/shop/db#x | base64encode><path:kv/data/shop/db#y | base64encode>\n",
			listed: []string{"a.yaml:5 base64 <path:kv/data/shop/db#x | base64encode>", "a.yaml:5 base64 <path:kv/data/shop/db#y | base64encode>"},
		},
		"remove-missing where it cannot be": {
			files:  "-- a.yaml --\napiVersion: x/v1\nkind: Thing\nmetadata: {name: t, annotations: {" + dbPath + ", avp.kubernetes.io/remove-missing: \"true\"}}\nspec: {a: <key>}\n",
			listed: []string{"a.yaml:1 remove-missing avp.kubernetes.io/remove-missing"},
		},
		"an annotation that cannot be read": {
			files:  "-- a.yaml --\n" + annotatedHead(dbPath+", avp.kubernetes.io/secret-version: latest") + "stringData: {a: <key>}\n",
			listed: []string{"a.yaml:1 syntax Secret s"},
		},
		"annotations beside others, in flow style": {
			files: "-- a.yaml --\n" + annotatedHead("a: b, "+dbPath+", avp.kubernetes.io/kv-version: \"2\"") + "stringData: {a: <key>}\n-- b.yaml --\n" +
				strings.Replace(annotatedHead(dbPath+", c: d"), "name: s", "name: b", 1) + "stringData: {a: <key>}\n",
			moved: []string{"annotations: {a: b}", "annotations: {c: d}", "<vault:kv/shop/db#key>"},
		},
		"a path that a kustomization sets for all": {
			files:  "-- kustomization.yaml --\nresources: [a.yaml]\ncommonAnnotations: {" + dbPath + "}\n-- a.yaml --\n" + secretHead + "stringData: {a: <key>}\n",
			listed: []string{"kustomization.yaml:0 unseen <key>"},
		},
		"a patch that takes the path from its base": {
			files: "-- base/kustomization.yaml --\nresources: [a.yaml]\n-- base/a.yaml --\n" + annotatedHead(dbPath) + "stringData: {a: <key>}\n" +
				"-- prod/kustomization.yaml --\nresources: [../base]\npatches: [{path: patch.yaml}]\n-- prod/patch.yaml --\n" + secretHead + "stringData: {b: <other>}\n",
			moved: []string{"a: <vault:kv/shop/db#key>", "b: <vault:kv/shop/db#other>"},
		},
		"a patch by operations that needs the annotation": {
			files: "-- kustomization.yaml --\nresources: [a.yaml]\npatches:\n- target: {kind: Secret}\n  patch: |\n    - op: add\n      path: /stringData/b\n      value: <other>\n" +
				"-- a.yaml --\n" + annotatedHead(dbPath) + "stringData: {a: <key>}\n",
			moved: []string{annotatedHead(dbPath) + "stringData: {a: <vault:kv/shop/db#key>}"}, listed: []string{"kustomization.yaml:0 unseen <other>"},
		},
		"a kustomization that takes a placeholder apart": {
			files: "-- kustomization.yaml --\nresources: [a.yaml]\nreplacements:\n- source: {kind: Secret, fieldPath: stringData.a, options: {delimiter: '/', index: 2}}\n" +
				"  targets: [{select: {kind: ConfigMap}, fieldPaths: [data.b]}]\n-- a.yaml --\n" + secretHead + "stringData: {a: '<path:kv/data/shop/db#key>'}\n" +
				"---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {b: x}\n",
			listed: []string{"a.yaml:4 meaning <path:kv/data/shop/db#key>"},
		},
		"a kustomization that does not render keeps the annotations": {
			files: "-- kustomization.yaml --\nresources: [a.yaml, 'https://example.com/base?ref=main']\n-- a.yaml --\n" + annotatedHead(dbPath) + "stringData: {a: <key>}\n",
			moved: []string{annotatedHead(dbPath) + "stringData: {a: <vault:kv/shop/db#key>}"},
		},
		"a patch beside what it patches": {
			files: "-- kustomization.yaml --\nresources: [a.yaml]\npatches: [{path: patch.yaml}]\n-- a.yaml --\n" + annotatedHead(dbPath) + "stringData: {a: <key>}\n-- patch.yaml --\n" + secretHead + "stringData: {b: <other>}\n",
			moved: []string{"a: <vault:kv/shop/db#key>", "b: <vault:kv/shop/db#other>"},
		},
		"base64 under stringData": {
			files:  "-- a.yaml --\n" + secretHead + "stringData: {a: PHBhdGg6a3YvZGF0YS9zaG9wL2RiI2tleT4=, b: aGVsbG8=}\n",
			listed: []string{"a.yaml:4 base64 stringData.a"},
		},
		"an object of the same name somewhere else": {
			files: "-- one/a.yaml --\n" + annotatedHead(dbPath) + "stringData: {a: <key>}\n-- two/a.yaml --\n" + secretHead + "stringData: {b: <html>}\n",
			moved: []string{"a: <vault:kv/shop/db#key>"},
		},
		"a template that puts placeholders together, and one with a path": {
			files: "-- Chart.yaml --\napiVersion: v2\nname: c\nversion: 1.0.0\n-- templates/a.yaml --\napiVersion: v1\nkind: Secret\nmetadata:\n  name: {{ .Release.Name }}\n" +
				"  annotations: {" + dbPath + "}\nstringData:\n  a: <key>\n  b: {{ printf \"<path:kv/data/%s#key>\" .Chart.Name }}\n  c: <path:kv/data/shop/api#key>\n",
			moved:  []string{"c: <vault:kv/shop/api#key>"},
			listed: []string{"Chart.yaml:0 unseen <key>", "Chart.yaml:0 unseen <path:kv/data/c#key>", "templates/a.yaml:5 generic avp.kubernetes.io/path", "templates/a.yaml:8 syntax <path:kv/data/%s#key>"},
		},
		"a value that ends in two ways": {
			files: "-- Chart.yaml --\napiVersion: v2\nname: c\nversion: 1.0.0\n-- values.yaml --\nv: <path:kv/data/shop/db#key>\n-- templates/a.yaml --\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n" +
				"stringData: {a: '{{ .Values.v }}'}\ndata: {b: '{{ .Values.v }}'}\n",
			listed: []string{"values.yaml:1 mixed <path:kv/data/shop/db#key>"},
		},
		"a chart that does not render": {
			files:  "-- Chart.yaml --\napiVersion: v2\nname: c\nversion: 1.0.0\n-- values.yaml --\nv: <path:kv/data/shop/db#key>\n-- templates/a.yaml --\n{{ fail \"no\" }}\n",
			listed: []string{"values.yaml:1 unseen <path:kv/data/shop/db#key>"},
		},
		"a document that is a list, and one that is empty": {
			files: "-- kustomization.yaml --\nresources: [a.yaml]\npatches: [{path: ops.yaml, target: {kind: Secret}}]\n-- ops.yaml --\n---\n- op: add\n  path: /stringData\n  value: {x: '<path:kv/data/shop/db#key>'}\n-- a.yaml --\n" + secretHead,
			moved: []string{"<vault:kv/shop/db#key>"},
		},
		"base64 in a block": {
			files: "-- a.yaml --\n" + secretHead + "data:\n  a: |\n    PHBhdGg6a3YvZGF0YS9zaG9wL2RiI2tleT4=\n  b: >-\n    PHBhdGg6a3YvZGF0YS9zaG9wL2RiI2tleT4=\n",
			moved: []string{"a: |\n    PHZhdWx0Omt2L3Nob3AvZGIja2V5Pg==\n  b: >-\n    PHZhdWx0Omt2L3Nob3AvZGIja2V5Pg==\n"},
		},
		"base64 over two lines": {
			files:  "-- a.yaml --\n" + secretHead + "data:\n  a: |\n    PHBhdGg6a3YvZGF0YS9zaG9w\n    L2RiI2tleT4=\n",
			listed: []string{"a.yaml:5 folded <path:kv/data/shop/db#key>"},
		},
		"only what is in scope": {
			input: migrate.Input{Scope: "one"},
			files: "-- one/a.yaml --\n" + secretHead + "stringData: {a: '<path:kv/data/shop/db#key>'}\n-- two/a.yaml --\n" + secretHead + "stringData: {b: '<path:kv/data/shop/db#key>', c: '<path:nowhere#x>'}\n",
			moved: []string{"a: '<vault:kv/shop/db#key>'"},
		},
		"what plugins and sidecars do for all applications": {
			files: "-- a.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: avp}\nspec:\n  version: v1\n  generate:\n    command: [sh, -c]\n" +
				"    args: ['helm template $ARGOCD_APP_NAME . -f prod.yaml -f <(echo \"$X\") --include-crds -n $NS --set a=$A | envsubst | argocd-vault-plugin generate -']\n" +
				"---\napiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: other}\nspec: {generate: {command: [jsonnet, .]}}\n" +
				"---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: argocd-repo-server}\nspec: {template: {spec: {containers: [{name: lovely, env: [{name: LOVELY_HELM_CRDS, value: \"false\"}, {name: LOVELY_PREPROCESSORS, value: x}, {name: AVP_PATH_PREFIX, value: kv}]}]}}}\n",
			listed: []string{"a.yaml:1 plugin plugin avp-v1", "a.yaml:1 plugin plugin avp-v1", "a.yaml:18 variable LOVELY_HELM_CRDS", "a.yaml:18 variable LOVELY_PREPROCESSORS", "a.yaml:18 setting AVP_PATH_PREFIX"},
		},
		"variables in a file that Argo CD merges": {
			files:  "-- .argocd-source.yaml --\nplugin:\n  env:\n    - name: LOVELY_HELM_NAME\n      value: x\n    - name: AVP_TYPE\n      value: vault\n",
			listed: []string{".argocd-source.yaml:3 variable LOVELY_HELM_NAME", ".argocd-source.yaml:5 variable AVP_TYPE"},
		},
		"settings in a command": {
			files: "-- a.yaml --\napiVersion: argoproj.io/v1alpha1\nkind: ConfigManagementPlugin\nmetadata: {name: avp}\nspec: {generate: {command: [sh, -c, 'export AVP_TYPE=vault && AVP_KV_VERSION=1 AVP_AUTH_TYPE=\"github\" argocd-vault-plugin generate .']}}\n" +
				"-- b.yaml --\n" + secretHead + "stringData: {a: '<path:old/db#key>'}\n",
			moved: []string{"<vault:old/db#key>"}, listed: []string{"a.yaml:1 setting AVP_AUTH_TYPE"},
		},
		"native references are left alone": {
			files: "-- a.yaml --\n" + annotatedHead(dbPath) + "stringData: {a: '<vault:kv/shop/db#x>', b: '<key> <vault:kv/shop/db#y>'}\n",
			moved: []string{"'<vault:kv/shop/db#key> <vault:kv/shop/db#y>'"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tree, before := unpack(test.files)
			test.input.Tree, test.input.Renderer = tree, &inProcess{}
			if test.input.Scope == "" {
				test.input.Scope = "."
			}
			plan, err := migrate.New(t.Context(), test.input)
			if err != nil {
				t.Fatal(err)
			}
			after := ""
			for _, change := range plan.Changes {
				after += string(change.After)
			}
			for _, text := range test.moved {
				if strings.Contains(before, text) || !strings.Contains(after, text) {
					t.Errorf("%s is not new in:\n%s", text, after)
				}
			}
			if len(test.moved) == 0 && after != "" {
				t.Errorf("something has changed:\n%s", after)
			}
			var listed []string
			for _, one := range plan.Findings {
				listed = append(listed, fmt.Sprintf("%s:%d %s %s", one.File, one.Line, one.Code, one.What))
			}
			if diff := cmp.Diff(test.listed, listed); diff != "" {
				t.Errorf("listed (-want +got):\n%s\nnotes: %v", diff, plan.Notes)
			}
		})
	}
}

func unpack(text string) (*source.Tree, string) {
	tree := source.NewTree()
	for _, file := range txtar.Parse([]byte(text)).Files {
		tree.Add(file.Name, file.Data)
	}
	return tree, text
}

func TestWrongInput(t *testing.T) {
	tree, _ := unpack("-- a.yaml --\na: 1\n")
	for code, input := range map[fault.Code]migrate.Input{
		fault.Parameter: {Tree: tree, Scope: ".", KV: "3"},
		fault.Path:      {Tree: tree, Scope: "none"},
	} {
		if _, err := migrate.New(t.Context(), input); fault.CodeOf(err) != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
}
