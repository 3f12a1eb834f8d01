package gatekeeper_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/gatekeeper"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
)

// requiredLabels is the first template of Gatekeeper's own documentation in
// substance: violation over input.review and input.parameters, with a library.
const requiredLabels = `
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8srequiredlabels}
spec:
  crd:
    spec:
      names: {kind: K8sRequiredLabels}
      validation: {openAPIV3Schema: {type: object, properties: {labels: {type: array, items: {type: string}}}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    libs:
    - |
      package lib.labels
      provided(object) = {label | object.metadata.labels[label]}
    rego: |
      package k8srequiredlabels
      import data.lib.labels
      violation[{"msg": msg, "details": {"missing_labels": missing}}] {
        required := {label | label := input.parameters.labels[_]}
        missing := required - labels.provided(input.review.object)
        count(missing) > 0
        msg := sprintf("%v %v in %v needs labels: %v", [input.review.kind.kind, input.review.name, input.review.namespace, missing])
      }
`

const constraint = `
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sRequiredLabels
metadata: {name: gatekeeper-label}
spec:
  match: MATCH
  parameters: {labels: [owner]}
`

func source(text string) []bundle.Source {
	return []bundle.Source{{Name: "gk", Files: map[string][]byte{"policies.yaml": []byte(text)}}}
}

func objectOf(t *testing.T, text string) object.Object {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(asJSON))
	decoder.UseNumber()
	var o object.Object
	if err := decoder.Decode(&o.Fields); err != nil {
		t.Fatal(err)
	}
	return o
}

// messages judges the first object in a render of all of them.
func messages(t *testing.T, policies string, objects ...object.Object) []string {
	t.Helper()
	set, err := gatekeeper.Load(t.Context(), source(policies))
	if err != nil {
		t.Fatal(err)
	}
	var values []ast.Value
	for _, o := range objects {
		value, err := shape.Value(o)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	findings, err := set.Check(t.Context(), gatekeeper.NewRender(objects, values, "web"), objects[0], values[0])
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, finding := range findings {
		if len(finding.Check.Faults) > 0 {
			t.Fatal(finding.Check.Faults)
		}
		for _, f := range finding.Check.Findings {
			all = append(all, string(finding.Decision)+" "+finding.Constraint+": "+f.Message)
		}
	}
	return all
}

func TestTemplateRunsAsItStands(t *testing.T) {
	policies := requiredLabels + strings.Replace(constraint, "MATCH", `{kinds: [{apiGroups: [""], kinds: [Namespace, Pod]}]}`, 1)
	got := messages(t, policies, objectOf(t, "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {app: x}}}"))
	want := []string{`deny K8sRequiredLabels/gatekeeper-label: Pod p in web needs labels: {"owner"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := messages(t, policies, objectOf(t, "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {owner: x}}}")); len(got) > 0 {
		t.Errorf("a labelled pod got %v", got)
	}
}

func TestMatchRules(t *testing.T) {
	const pod = "{apiVersion: v1, kind: Pod, metadata: {name: pod-a, namespace: kube-system, labels: {app: x}}}"
	const role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}}"
	const namespace = "{apiVersion: v1, kind: Namespace, metadata: {name: kube-system, labels: {tier: system}}}"
	const custom = "{apiVersion: example.com/v1, kind: Thing, metadata: {name: t}}"
	tests := map[string]struct {
		match, object string
		want          bool
	}{
		"nothing":                       {"{}", pod, true},
		"null":                          {"null", pod, true},
		"kind":                          {`{kinds: [{apiGroups: [""], kinds: [Pod]}]}`, pod, true},
		"other kind":                    {`{kinds: [{apiGroups: [""], kinds: [Service]}]}`, pod, false},
		"other group":                   {`{kinds: [{apiGroups: [apps], kinds: [Pod]}]}`, pod, false},
		"wildcards":                     {`{kinds: [{apiGroups: ["*"], kinds: ["*"]}]}`, pod, true},
		"namespace":                     {"{namespaces: [kube-system]}", pod, true},
		"namespace prefix":              {"{namespaces: ['kube-*']}", pod, true},
		"namespace suffix":              {"{namespaces: ['*-system']}", pod, true},
		"other namespace":               {"{namespaces: [web]}", pod, false},
		"namespaces for cluster scope":  {"{namespaces: [web]}", role, true},
		"namespaces for a Namespace":    {"{namespaces: [web]}", namespace, false},
		"excluded":                      {"{excludedNamespaces: ['kube-*']}", pod, false},
		"not excluded":                  {"{excludedNamespaces: [web]}", pod, true},
		"label selector":                {"{labelSelector: {matchLabels: {app: x}}}", pod, true},
		"other labels":                  {"{labelSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}", pod, false},
		"namespace selector":            {"{namespaceSelector: {matchLabels: {tier: system}}}", pod, true},
		"other namespace labels":        {"{namespaceSelector: {matchLabels: {tier: web}}}", pod, false},
		"namespace selector, Namespace": {"{namespaceSelector: {matchLabels: {tier: web}}}", namespace, false},
		"cluster scope":                 {"{scope: Cluster}", role, true},
		"cluster scope, namespaced":     {"{scope: Cluster}", pod, false},
		"namespaced scope":              {"{scope: Namespaced}", pod, true},
		"namespaced scope, cluster":     {"{scope: Namespaced}", role, false},
		"a custom kind of no known scope is asked about": {"{scope: Cluster}", custom, true},
		"name":           {"{name: 'pod-*'}", pod, true},
		"other name":     {"{name: 'web-*'}", pod, false},
		"generated only": {"{source: Generated}", pod, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			policies := requiredLabels + strings.Replace(constraint, "MATCH", test.match, 1)
			objects := []object.Object{objectOf(t, test.object)}
			if test.object != namespace {
				objects = append(objects, objectOf(t, namespace))
			}
			if got := len(messages(t, policies, objects...)) > 0; got != test.want {
				t.Errorf("matched %t, want %t", got, test.want)
			}
		})
	}
}

func TestUnknownNamespaceLabelsCountAsMatched(t *testing.T) {
	policies := requiredLabels + strings.Replace(constraint, "MATCH", "{namespaceSelector: {matchLabels: {tier: web}}}", 1)
	if got := messages(t, policies, objectOf(t, "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: unknown}}")); len(got) != 1 {
		t.Errorf("got %v, want one message", got)
	}
}

func TestInventoryIsTheRender(t *testing.T) {
	policies := strings.NewReplacer(`      import data.lib.labels
`, "", `        required := {label | label := input.parameters.labels[_]}
        missing := required - labels.provided(input.review.object)
        count(missing) > 0
        msg :=`, `        other := data.inventory.namespace[input.review.namespace][_]["Ingress"][name]
        name != input.review.name
        other.spec.rules[_].host == input.review.object.spec.rules[_].host
        missing := {name}
        msg :=`).Replace(requiredLabels) + strings.Replace(constraint, "MATCH", "{}", 1)
	ingress := func(name string) object.Object {
		return objectOf(t, "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: "+name+"}, spec: {rules: [{host: h}]}}")
	}
	if got := messages(t, policies, ingress("a"), ingress("b")); len(got) != 1 {
		t.Errorf("got %v, want one message", got)
	}
	if got := messages(t, policies, ingress("a")); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestWhatChecksNothingDoesNotLoad(t *testing.T) {
	with := strings.Replace(constraint, "MATCH", "{}", 1)
	tests := map[string]struct{ text, want string }{
		"no constraint":    {requiredLabels, "no constraint uses the template"},
		"no template":      {with, "no template defines"},
		"no Rego":          {strings.Replace(requiredLabels, "rego: |", "cel: |", 1) + with, "has no Rego"},
		"a wrong match":    {requiredLabels + strings.Replace(constraint, "MATCH", "{kind: [Pod]}", 1), "spec.match"},
		"a wrong selector": {requiredLabels + strings.Replace(constraint, "MATCH", "{labelSelector: {matchExpressions: [{key: a, operator: Is}]}}", 1), "labelSelector"},
		"a wrong action":   {requiredLabels + strings.Replace(with, "spec:\n", "spec:\n  enforcementAction: block\n", 1), "enforcementAction"},
		"another kind":     {requiredLabels + with + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\n", "neither a ConstraintTemplate"},
		"a builtin":        {strings.Replace(requiredLabels, "count(missing) > 0", `http.send({"url": "http://h"}).status_code > 0`, 1) + with, "http.send"},
		"a boolean":        {strings.Replace(requiredLabels, `violation[{"msg": msg, "details": {"missing_labels": missing}}] {`, "violation {", 1) + with, "instead of a set"},
		"not YAML":         {requiredLabels + with + "---\na: [", "gk/policies.yaml"},
		"nothing":          {"", "no constraint"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := gatekeeper.Load(t.Context(), source(test.text))
			if fault.CodeOf(err) != fault.PolicyLoad || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
