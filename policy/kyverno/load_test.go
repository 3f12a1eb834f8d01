package kyverno_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/kyverno"
)

// ruled writes a policy whose rule begins at line 7.
func ruled(rule string) string {
	return "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec:\n  validationFailureAction: Enforce\n  rules:\n  - name: r\n" + rule
}

const (
	aboutPods = "    match: {any: [{resources: {kinds: [Pod]}}]}\n"
	anyImage  = "    validate: {pattern: {spec: {containers: [{image: '*'}]}}}\n"
)

// TestWhatCannotBeJudgedIsRefused expects the line of the field, and a part of
// what the fault says.
func TestWhatCannotBeJudgedIsRefused(t *testing.T) {
	for _, test := range []struct {
		name, text string
		line       int
		says       string
	}{
		{"mutation", ruled(aboutPods + "    mutate: {patchStrategicMerge: {}}\n"), 9, "mutate cannot be judged on rendered manifests; fix: keep it in the cluster"},
		{"generation beside a check", ruled(aboutPods + anyImage + "    generate: {kind: ConfigMap}\n"), 10, "generate cannot be judged"},
		{"signatures", ruled(aboutPods + "    verifyImages:\n    - imageReferences: ['*']\n"), 9, "fix: write it as rules of images: in plugin.yaml"},
		{"a context", ruled(aboutPods + "    context:\n    - name: c\n      configMap: {name: a, namespace: b}\n" + anyImage), 11, "configMap cannot be judged on rendered manifests; fix: write the values into the rule"},
		{"a call", ruled(aboutPods + "    context:\n    - name: c\n      apiCall: {urlPath: /api}\n" + anyImage), 11, "apiCall cannot be judged"},
		{"a variable without a value", ruled(aboutPods + "    context:\n    - name: c\n      variable: {default: 1}\n" + anyImage), 11, "neither value nor jmesPath"},
		{"a variable of another name", ruled(aboutPods + "    context:\n    - name: request\n      variable: {value: 1}\n" + anyImage), 10, "is no name for a variable"},
		{"wildcards joined with the object", ruled(aboutPods + "    context:\n    - {name: c, variable: {value: ['a*']}}\n    validate:\n      pattern:\n        a: '{{ [c[0], request.name] | [0] }}'\n"), 13, "joins wildcards with what the object holds"},
		{"a context in foreach", ruled(aboutPods + "    validate:\n      foreach:\n      - list: request.object.spec.containers\n        context: [{name: x}]\n        pattern: {image: a}\n"), 12, "context cannot be judged"},
		{"CEL", ruled(aboutPods + "    validate:\n      cel: {expressions: []}\n"), 10, "fix: write it as a ValidatingAdmissionPolicy, under admissionPolicies:"},
		{"pod security", ruled(aboutPods + "    validate:\n      message: m\n      podSecurity: {level: baseline}\n"), 11, "podSecurity cannot be judged"},
		{"manifests", ruled(aboutPods + "    validate: {manifests: {}}\n"), 9, "manifests cannot be judged"},
		{"subjects", ruled("    match:\n      any:\n      - resources: {kinds: [Pod]}\n        subjects: [{kind: User, name: u}]\n" + anyImage), 11, "subjects cannot be judged"},
		{"roles", ruled(aboutPods + "    exclude:\n      any:\n      - clusterRoles: [cluster-admin]\n" + anyImage), 11, "clusterRoles cannot be judged"},
		{"a misspelt field of a rule", ruled(strings.Replace(aboutPods, "match", "mach", 1) + anyImage), 8, "the field mach is not known; fix: did you mean match?"},
		{"a misspelt field of a match", ruled("    match:\n      any:\n      - resources:\n          kind: [Pod]\n" + anyImage), 11, "did you mean kinds?"},
		{"a rule without match", ruled(anyImage), 7, "the rule selects nothing"},
		{"an empty filter", ruled("    match:\n      any:\n      - resources: {}\n" + anyImage), 10, "selects nothing"},
		{"any beside all", ruled("    match: {any: [{resources: {kinds: [Pod]}}], all: [{resources: {kinds: [Pod]}}]}\n" + anyImage), 8, "side by side"},
		{"no kind", ruled("    match: {any: [{resources: {kinds: [a/b/c/d/e]}}]}\n" + anyImage), 8, "is not a kind"},
		{"an operation", ruled("    match: {any: [{resources: {kinds: [Pod], operations: [create]}}]}\n" + anyImage), 8, `"create" is not an operation`},
		{"a selector", ruled("    match: {any: [{resources: {kinds: [Pod], selector: {matchExpressions: [{key: a, operator: Is}]}}}]}\n" + anyImage), 8, "is not a valid label selector operator"},
		{"a check without anything", ruled(aboutPods + "    validate: {message: m}\n"), 9, "holds 0 of pattern"},
		{"two checks", ruled(aboutPods + "    validate: {pattern: {a: b}, deny: {conditions: {all: [{key: a, operator: Equals, value: b}]}}}\n"), 9, "holds 2 of pattern"},
		{"an addition", ruled(aboutPods + "    validate:\n      pattern:\n        spec:\n          +(hostNetwork): false\n"), 12, "the anchor +()"},
		{"patterns that would be passed over", ruled(aboutPods + "    validate:\n      pattern:\n        spec:\n          containers:\n          - image: a\n          - image: b\n"), 14, "only the first item of a list would be judged"},
		{"an empty list", ruled(aboutPods + "    validate:\n      pattern: {spec: {containers: []}}\n"), 10, "is an empty list"},
		{"existence of no list", ruled(aboutPods + "    validate:\n      pattern: {spec: {^(containers): {image: a}}}\n"), 10, "is for lists of mappings"},
		{"a variable as a name", ruled(aboutPods + "    validate:\n      pattern:\n        metadata: {'{{ request.object.kind }}': a}\n"), 11, "the name of a field holds a variable"},
		{"a reference", ruled(aboutPods + "    validate:\n      pattern:\n        a: $(./b)\n"), 11, "a reference $(...) is not supported"},
		{"a variable within a variable", ruled(aboutPods + "    validate:\n      message: '{{ request.object.{{ request.name }} }}'\n" + "      pattern: {a: b}\n"), 10, "a variable stands within a variable"},
		{"an open variable", ruled(aboutPods + "    validate:\n      message: '{{ request.name '\n      pattern: {a: b}\n"), 10, "no closing braces"},
		{"the field itself", ruled(aboutPods + "    validate:\n      pattern:\n        a: '{{ @ }}'\n"), 11, "@ is not supported"},
		{"who asks", ruled(aboutPods + "    validate:\n      message: '{{ request.userInfo.username }}'\n      pattern: {a: b}\n"), 10, "request.userInfo is not known"},
		{"a service account", ruled(aboutPods + "    validate:\n      message: '{{ serviceAccountName }}'\n      pattern: {a: b}\n"), 10, "nobody is asking"},
		{"images", ruled(aboutPods + "    validate:\n      pattern:\n        a: '{{ images.containers.*.registry }}'\n"), 11, "images is not supported"},
		{"an element outside of a list", ruled(aboutPods + "    validate:\n      pattern:\n        a: '{{ element.name }}'\n"), 11, "element is known within foreach only"},
		{"a misspelt name", ruled(aboutPods + "    validate:\n      pattern:\n        a: '{{ reqest.object }}'\n"), 11, "did you mean request?"},
		{"a function", ruled(aboutPods + "    validate:\n      pattern:\n        a: '{{ random(request.name) }}'\n"), 11, "the function random is not supported"},
		{"a function deep inside", ruled(aboutPods + "    validate:\n      pattern:\n        a: '{{ request.object.a[?time_now() > `1`] }}'\n"), 11, "the function time_now is not supported"},
		{"no JMESPath", ruled(aboutPods + "    validate:\n      pattern:\n        a: '{{ request..object }}'\n"), 11, "is no JMESPath"},
		{"an operator", ruled(aboutPods + "    preconditions:\n      all:\n      - {key: a, operator: Equls, value: b}\n" + anyImage), 11, "the operator Equls is not known; fix: did you mean Equals?"},
		{"a condition without a value", ruled(aboutPods + "    preconditions:\n      all:\n      - {key: a, operator: Equals}\n" + anyImage), 11, "the condition has no value"},
		{"a number for a list", ruled(aboutPods + "    preconditions:\n      all:\n      - {key: a, operator: AnyIn, value: 1}\n" + anyImage), 11, "AnyIn looks in a list"},
		{"an action", strings.Replace(ruled(aboutPods+anyImage), "Enforce", "Deny", 1), 5, `"Deny" is not an action`},
		{"an override by labels", strings.Replace(ruled(aboutPods+anyImage), "  rules", "  validationFailureActionOverrides: [{action: Audit, namespaceSelector: {}}]\n  rules", 1), 6, "namespaceSelector cannot be judged"},
		{"a controller", strings.Replace(ruled(aboutPods+anyImage), "{name: p}", "{name: p, annotations: {pod-policies.kyverno.io/autogen-controllers: Deploymnt}}", 1), 3, `"Deploymnt" is not a kind that holds Pods`},
		{"one rule only", strings.Replace(ruled(aboutPods+anyImage), "  rules", "  applyRules: One\n  rules", 1), 6, "every rule of a policy is asked"},
		{"two rules of a name", ruled(aboutPods + anyImage + "  - name: r\n" + aboutPods + anyImage), 10, "there are two rules r"},
		{"two policies of a name", ruled(aboutPods+anyImage) + "---\n" + ruled(aboutPods+anyImage), 10, "there are two policies p"},
		{"no rules", "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: p}\nspec: {rules: []}\n", 4, "the policy has no rules"},
		{"a policy of a namespace", "apiVersion: kyverno.io/v1\nkind: Policy\nmetadata: {name: p}\nspec: {}\n", 1, "a kyverno.io/v1 Policy cannot be judged here"},
		{"an exception", "apiVersion: kyverno.io/v2\nkind: PolicyException\nmetadata: {name: p}\nspec: {}\n", 1, "PolicyException cannot be judged here"},
		{"nothing", "", 0, "there is no ClusterPolicy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := kyverno.Load(source(test.text))
			faults := fault.Of(err)
			if len(faults) == 0 {
				t.Fatal("it loads")
			}
			if f := faults[0]; f.Line != test.line || !strings.Contains(f.Error(), test.says) || f.Code != fault.PolicyLoad {
				t.Errorf("line %d: %v, want line %d and %q", f.Line, f, test.line, test.says)
			}
			if len(faults) > 2 {
				t.Errorf("one mistake gives %d faults: %v", len(faults), faults)
			}
		})
	}
}

// TestFieldsOfTheClusterAreWithoutEffect loads what says how the cluster asks.
func TestFieldsOfTheClusterAreWithoutEffect(t *testing.T) {
	policy := strings.Replace(ruled("    skipBackgroundRequests: true\n"+aboutPods+anyImage), "  rules",
		"  background: true\n  failurePolicy: Ignore\n  webhookTimeoutSeconds: 5\n  schemaValidation: false\n  emitWarning: true\n  rules", 1)
	if ids := load(t, policy).Rules(); !cmp.Equal(ids, []string{"p/r"}) {
		t.Errorf("loads the rules %v", ids)
	}
}

// TestRulesThatKyvernoWroteGiveWay loads a policy as older versions of Kyverno
// kept it, with the rules that it had made itself.
func TestRulesThatKyvernoWroteGiveWay(t *testing.T) {
	policy := ruled(aboutPods+anyImage) + fmt.Sprintf("  - name: autogen-r\n    match: {any: [{resources: {kinds: [Deployment]}}]}\n%s", anyImage)
	if ids := load(t, policy).Rules(); !cmp.Equal(ids, []string{"p/r"}) {
		t.Errorf("loads the rules %v", ids)
	}
}
