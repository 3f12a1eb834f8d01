package migrate_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
)

// application is an Application whose plugin a case writes.
func application(plugin string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec:\n  source:\n    repoURL: https://git.example.com/a\n    path: a\n" + plugin
}

// TestApplications compares whole files: what moves, moves with its comments,
// and nothing else changes.
func TestApplications(t *testing.T) {
	tests := map[string]struct {
		before, after string
		listed        []string
	}{
		"all variables move": {
			before: application("    plugin:\n      name: lovely\n      env:\n      # first\n      - name: LOVELY_HELM_NAME # who\n        value: web # what\n      - {name: LOVELY_HELM_CRDS, value: \"false\"}\n    targetRevision: x # stays\n"),
			after:  application("    plugin:\n      name: argocd-seal-v1.0\n      parameters:\n      # first\n      - name: helm-release-name # who\n        string: web # what\n      - name: helm-skip-crds\n        string: \"true\"\n      - name: source-type\n        string: composite\n    targetRevision: x # stays\n"),
		},
		"some stay": {
			before: application("    plugin:\n      env:\n        - name: LOVELY_HELM_NAME\n          value: web\n        - name: LOVELY_PREPROCESSORS\n          value: x\n      name: 'lovely'\n"),
			after:  application("    plugin:\n      env:\n        - name: LOVELY_PREPROCESSORS\n          value: x\n      parameters:\n        - name: helm-release-name\n          string: web\n        - name: source-type\n          string: composite\n      name: argocd-seal-v1.0\n"),
			listed: []string{"a.yaml:12 variable LOVELY_PREPROCESSORS"},
		},
		"parameters in small letters, and others beside them": {
			before: application("    plugin:\n      name: lovely\n      parameters:\n        - name: lovely_helm_values\n          string: a.yaml b.yaml\n        - name: other\n          string: x\n      env:\n        - name: LOVELY_HELM_NAMESPACE\n          value: shop\n"),
			after:  application("    plugin:\n      name: argocd-seal-v1.0\n      parameters:\n        - name: other\n          string: x\n        - name: helm-values-files\n          array: [a.yaml, b.yaml]\n        - name: helm-namespace\n          string: shop\n        - name: source-type\n          string: composite\n"),
		},
		"nothing but a name": {
			before: application("    plugin:\n      name: argocd-lovely-plugin # it\n    targetRevision: x\n"),
			after:  application("    plugin:\n      name: argocd-seal-v1.0 # it\n      parameters:\n        - name: source-type\n          string: composite\n    targetRevision: x\n"),
		},
		"a variable that is needless": {
			before: application("    plugin:\n      name: argocd-vault-plugin-helm\n      env:\n        - name: HELM_ARGS\n          value: --include-crds\n"),
			after:  application("    plugin:\n      name: argocd-vault-plugin-helm\n"),
		},
		"no name": {
			before: application("    plugin:\n      env:\n        - name: HELM_VALUES\n          value: |\n            a: 1\n\n            # two\n            b: 2\n"),
			after:  application("    plugin:\n      name: argocd-seal-v1.0\n      parameters:\n        - name: helm-values\n          string: |\n            a: 1\n\n            # two\n            b: 2\n"),
		},
		"settings of argocd-vault-plugin stay": {
			before: application("    plugin:\n      name: argocd-vault-plugin\n      env:\n        - name: AVP_SECRET\n          value: shop\n        - name: ANYTHING\n          value: x\n"),
			listed: []string{"a.yaml:11 variable AVP_SECRET", "a.yaml:13 variable ANYTHING"},
		},
		"flow style": {
			before: application("    plugin: {name: argocd-vault-plugin, env: [{name: HELM_ARGS, value: -f a.yaml}]}\n"),
			listed: []string{"a.yaml:8 variable plugin.env"},
		},
		"line breaks that only YAML knows": {
			before: application("    plugin:\n      name: argocd-vault-plugin\n      env:\n        - name: HELM_ARGS\n\u2028          value: -f a.yaml\n        - name: HELM_VALUES\n          value: x\n"),
			listed: []string{"a.yaml:10 variable plugin.env"},
		},
		"flow style, of argocd-lovely-plugin": {
			before: application("    plugin: {name: lovely, env: [{name: LOVELY_HELM_NAME, value: web}]}\n"),
			listed: []string{"a.yaml:8 variable plugin.env"},
		},
		"an empty list": {
			before: application("    plugin:\n      env: []\n      name: lovely\n"),
			after:  application("    plugin:\n      env: []\n      name: argocd-seal-v1.0\n      parameters:\n        - name: source-type\n          string: composite\n"),
		},
		"a list of Applications": {
			before: "apiVersion: v1\nkind: List\nitems:\n- apiVersion: argoproj.io/v1alpha1\n  kind: Application\n  metadata: {name: a}\n  spec: {source: {path: a, plugin: {name: lovely}}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}\n",
			listed: []string{"a.yaml:7 plugin plugin"},
		},
		"one parameter twice": {
			before: application("    plugin:\n      name: argocd-vault-plugin\n      env:\n        - name: HELM_ARGS\n          value: -f a.yaml\n        - name: LOVELY_HELM_VALUES\n          value: b.yaml\n"),
			after:  application("    plugin:\n      name: argocd-seal-v1.0\n      env:\n        - name: LOVELY_HELM_VALUES\n          value: b.yaml\n      parameters:\n        - name: helm-values-files\n          array: [a.yaml]\n        - name: source-type\n          string: composite\n"),
			listed: []string{"a.yaml:13 variable LOVELY_HELM_VALUES"},
		},
		"several sources, of which one has a plugin": {
			before: strings.Replace(application(""), "  source:\n    repoURL: https://git.example.com/a\n    path: a\n",
				"  sources:\n    - repoURL: https://git.example.com/b\n      path: b\n    - repoURL: https://git.example.com/a\n      path: a\n      plugin:\n        name: argocd-vault-plugin\n        env:\n          - {name: HELM_ARGS, value: \"--set a=true --set-string b=1.10\"}\n", 1),
			after: strings.Replace(application(""), "  source:\n    repoURL: https://git.example.com/a\n    path: a\n",
				"  sources:\n    - repoURL: https://git.example.com/b\n      path: b\n    - repoURL: https://git.example.com/a\n      path: a\n      plugin:\n        name: argocd-vault-plugin\n        parameters:\n          - name: helm-parameters\n            map:\n              a: \"true\"\n          - name: helm-string-parameters\n            map:\n              b: \"1.10\"\n", 1),
		},
		"an ApplicationSet": {
			before: "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: a}\nspec:\n  generators: [{git: {directories: [{path: apps/*}]}}]\n  template:\n    spec:\n      source:\n        path: '{{path}}'\n        plugin:\n          name: argocd-lovely-plugin\n          env:\n            - name: LOVELY_HELM_NAME\n              value: '{{path.basename}}'\n",
			after:  "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: a}\nspec:\n  generators: [{git: {directories: [{path: apps/*}]}}]\n  template:\n    spec:\n      source:\n        path: '{{path}}'\n        plugin:\n          name: argocd-seal-v1.0\n          parameters:\n            - name: helm-release-name\n              string: '{{path.basename}}'\n            - name: source-type\n              string: composite\n",
		},
		"another plugin": {before: application("    plugin:\n      name: jsonnet\n      env:\n        - name: X\n          value: y\n")},
		"this plugin":    {before: application("    plugin:\n      name: argocd-seal-v1.0\n      parameters:\n        - name: helm-release-name\n          string: web\n")},
	}
	for _, name := range slices.Collect(maps.Keys(tests)) {
		test := tests[name]
		// Windows' line breaks stay what they are.
		windows := test
		windows.before, windows.after = strings.ReplaceAll(test.before, "\n", "\r\n"), strings.ReplaceAll(test.after, "\n", "\r\n")
		tests[name+", from Windows"] = windows
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tree, _ := unpack("-- a.yaml --\n" + test.before)
			plan, err := migrate.New(t.Context(), migrate.Input{Tree: tree, Scope: ".", Renderer: &inProcess{}})
			if err != nil {
				t.Fatal(err)
			}
			after := ""
			for _, change := range plan.Changes {
				after = string(change.After)
			}
			if diff := cmp.Diff(test.after, after); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var listed []string
			for _, one := range plan.Findings {
				listed = append(listed, fmt.Sprintf("%s:%d %s %s", one.File, one.Line, one.Code, one.What))
			}
			if diff := cmp.Diff(test.listed, listed); diff != "" {
				t.Errorf("listed (-want +got):\n%s", diff)
			}
			if after == "" {
				return
			}
			again := planOf(t, migrated(tree, plan))
			if len(again.Changes) > 0 {
				t.Errorf("the second run changes:\n%s", again.Changes[0].After)
			}
		})
	}
}
