package vap_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/vap"
)

const policies = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: replicas}
spec:
  failurePolicy: Fail
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}
  matchConditions:
  - {name: not-exempt, expression: "!has(object.metadata.labels) || !('exempt' in object.metadata.labels)"}
  variables:
  - {name: most, expression: "int(params.data.max)"}
  validations:
  - expression: object.spec.replicas <= variables.most
    messageExpression: "'at most ' + string(variables.most) + ' replicas in ' + namespaceObject.metadata.name"
  - expression: "object.metadata.name != 'bad'"
    message: the name is bad
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: prod}
spec:
  policyName: replicas
  paramRef: {name: limits, parameterNotFoundAction: Deny}
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {tier: prod}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: limits}
data: {max: "3"}
`

func source(text string) []bundle.Source {
	return []bundle.Source{{Name: "vap", Files: map[string][]byte{"p.yaml": []byte(text)}}}
}

func deployment(name, replicas string, labels map[string]any) object.Object {
	return object.Object{Fields: map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": name, "namespace": "web", "labels": labels},
		"spec":     map[string]any{"replicas": json.Number(replicas)},
	}}
}

func namespace(tier string) object.Object {
	return object.Object{Fields: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "web", "labels": map[string]any{"tier": tier}},
	}}
}

func messages(t *testing.T, text string, o object.Object, others ...object.Object) []string {
	t.Helper()
	set, err := vap.Load(source(text))
	if err != nil {
		t.Fatal(err)
	}
	findings, err := set.Check(t.Context(), o, "web", vap.Namespaces(others))
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, finding := range findings {
		line := string(finding.Decision) + " " + finding.Binding + ": " + finding.Message
		if finding.Failed {
			line = "failed " + line
		}
		lines = append(lines, line)
	}
	return lines
}

func TestPolicyWithBindingParametersAndVariables(t *testing.T) {
	tests := map[string]struct {
		text    string
		object  object.Object
		others  []object.Object
		want    []string
		failing string
	}{
		"too many replicas":      {policies, deployment("a", "5", nil), nil, []string{"deny replicas/prod: at most 3 replicas in web"}, ""},
		"few enough":             {policies, deployment("a", "3", nil), nil, []string{}, ""},
		"both validations":       {policies, deployment("bad", "5", nil), nil, []string{"deny replicas/prod: at most 3 replicas in web", "deny replicas/prod: the name is bad"}, ""},
		"a match condition":      {policies, deployment("a", "5", map[string]any{"exempt": "yes"}), nil, []string{}, ""},
		"another kind":           {policies, namespace("prod"), nil, []string{}, ""},
		"namespace selected":     {policies, deployment("a", "5", nil), []object.Object{namespace("prod")}, []string{"deny replicas/prod: at most 3 replicas in web"}, ""},
		"namespace not selected": {policies, deployment("a", "5", nil), []object.Object{namespace("dev")}, []string{}, ""},
		"warn": {strings.Replace(policies, "[Deny]", "[Warn]", 1), deployment("a", "5", nil), nil,
			[]string{"warn replicas/prod: at most 3 replicas in web"}, ""},
		"updates only": {strings.Replace(policies, "[CREATE, UPDATE]", "[UPDATE]", 1), deployment("a", "5", nil), nil, []string{}, ""},
		"names":        {strings.Replace(policies, "resources: [deployments]", "resources: [deployments], resourceNames: [b]", 1), deployment("a", "5", nil), nil, []string{}, ""},
		"excluded": {strings.Replace(policies, "    resourceRules:", "    excludeResourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]\n    resourceRules:", 1),
			deployment("a", "5", nil), nil, []string{}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, messages(t, test.text, test.object, test.others...)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnExpressionThatFailsDenies(t *testing.T) {
	o := deployment("a", "5", nil)
	delete(o.Fields, "spec")
	got := messages(t, policies, o)
	if len(got) != 1 || !strings.HasPrefix(got[0], "failed deny replicas/prod: ") {
		t.Errorf("got %q", got)
	}
}

func TestFailurePolicyIgnoreWarns(t *testing.T) {
	o := deployment("a", "5", nil)
	delete(o.Fields, "spec")
	got := messages(t, strings.Replace(policies, "failurePolicy: Fail", "failurePolicy: Ignore", 1), o)
	if len(got) != 1 || !strings.HasPrefix(got[0], "warn replicas/prod: ") {
		t.Errorf("got %q", got)
	}
}

func TestWhatChecksNothingDoesNotLoad(t *testing.T) {
	tests := map[string]struct{ old, new, want string }{
		"a broken expression":  {"object.spec.replicas <= variables.most", "object.spec.replicas <=", "does not compile"},
		"a broken variable":    {"int(params.data.max)", "int(", "does not compile"},
		"a broken message":     {"'at most ' +", "1 +", "does not compile"},
		"a broken condition":   {"!has(object.metadata.labels)", "!", "does not compile"},
		"the authorizer":       {"object.metadata.name != 'bad'", "authorizer.group('').resource('pods').check('get').allowed()", "does not compile"},
		"no binding":           {"policyName: replicas", "policyName: other", `no ValidatingAdmissionPolicy "other"`},
		"no action":            {"[Deny]", "[]", "no validationActions"},
		"no parameter":         {"name: limits, param", "name: other, param", "no ConfigMap matches"},
		"a misspelt field":     {"failurePolicy", "failPolicy", "unknown field"},
		"a selector":           {"{matchLabels: {tier: prod}}", "{matchExpressions: [{key: a, operator: Is}]}", "namespaceSelector"},
		"no rules":             {"    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}\n", "", "resourceRules"},
		"another kind of rule": {"kind: ValidatingAdmissionPolicyBinding", "kind: MutatingAdmissionPolicy", "cannot be run here"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(policies, test.old, test.new, 1)
			if text == policies {
				t.Fatal("nothing was replaced")
			}
			_, err := vap.Load(source(text))
			if fault.CodeOf(err) != fault.PolicyLoad || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
