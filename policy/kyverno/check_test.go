package kyverno_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/policy/vap"
)

// findings asks the first object about a policy, beside the others of a render.
func findings(t *testing.T, policy, objects, destination string) []string {
	t.Helper()
	all := decoded(t, objects)
	found, err := load(t, policy).Check(t.Context(), all[0], destination, vap.Namespaces(all))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, f := range found {
		text := fmt.Sprintf("%s %s %s: %s", f.Decision, f.Rule, f.Field, f.Message)
		if f.Failed {
			text = "no answer: " + text
		}
		said = append(said, text)
	}
	return said
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations: {team: '*', wish: 'a | b', code: '{{ request.object.metadata.name }}', more: '>0', \"x\\\"{{ y\": z}\nspec:\n  containers:\n  - {name: a, image: nginx}\n"

// TestRequireImageScanning takes the policies that are passed around under this
// name as they are, with the check in a pattern of images or of annotations.
func TestRequireImageScanning(t *testing.T) {
	const images = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata:
  name: require-image-scanning
spec:
  validationFailureAction: enforce
  background: false
  rules:
  - name: check-image-scan
    match:
      any:
      - resources:
          kinds:
          - Pod
    validate:
      message: "Image must be scanned and approved"
      pattern:
        spec:
          containers:
          - image: "*/scanned/*"
`
	const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: a, image: nginx}]}}}\n"
	const violation = "Image must be scanned and approved"
	expect(t, findings(t, images, pod, "web"), "deny require-image-scanning/check-image-scan spec.containers[0].image: "+violation)
	expect(t, findings(t, images, deployment, "web"), "deny require-image-scanning/check-image-scan spec.template.spec.containers[0].image: "+violation)
	expect(t, findings(t, images, strings.Replace(deployment, "nginx", "registry.example.com/scanned/nginx:1", 1), "web"))
}

// TestWhatATenantWroteIsNoExpression puts what a policy would read as a variable,
// as a wildcard and as operators into an object.
func TestWhatATenantWroteIsNoExpression(t *testing.T) {
	// The text of a variable in a message, in a pattern and in a condition.
	expect(t, findings(t, ruled(aboutPods+"    validate:\n      message: \"{{ request.object.metadata.annotations.code }}\"\n      pattern: {metadata: {name: other}}\n"), pod, "web"),
		"deny p/r metadata.name: {{ request.object.metadata.name }}")
	for annotation, passes := range map[string]bool{"team": false, "wish": false, "more": false, "code": false} {
		pattern := ruled(aboutPods + "    validate:\n      message: m\n      pattern: {spec: {containers: [{image: \"{{ request.object.metadata.annotations." + annotation + " }}\"}]}}\n")
		if got := findings(t, pattern, pod, "web"); (len(got) == 0) != passes {
			t.Errorf("a pattern from the annotation %s: %v", annotation, got)
		}
	}
	// A star of the tenant is not among the allowed, whichever side it is on.
	for _, condition := range []string{
		`{key: "{{ request.object.metadata.annotations.team }}", operator: AnyNotIn, value: [red, blue]}`,
		`{key: [red], operator: AnyNotIn, value: "{{ request.object.metadata.annotations.team }}"}`,
		`{key: red, operator: NotEquals, value: "{{ request.object.metadata.annotations.team }}"}`,
		`{key: red, operator: NotEquals, value: "{{ request.object.metadata.annotations.team }}d"}`,
	} {
		deny := ruled(aboutPods + "    validate:\n      message: m\n      deny: {conditions: {all: [" + condition + "]}}\n")
		if got := findings(t, deny, pod, "web"); len(got) != 1 {
			t.Errorf("%s: %v", condition, got)
		}
	}
	// The policy's own wildcards still count beside them.
	expect(t, findings(t, ruled(aboutPods+"    validate:\n      message: m\n      pattern: {metadata: {name: \"{{ request.object.kind || 'w' }}*\"}, kind: \"{{ request.object.kind }}*\"}\n"), pod, "web"),
		"deny p/r metadata.name: m")
}

func TestActionsOfNamespaces(t *testing.T) {
	policy := strings.Replace(ruled("    match: {any: [{resources: {kinds: [Pod]}}]}\n    validate: {message: m, pattern: {spec: {containers: [{image: a}]}}}\n"),
		"Enforce", "audit\n  validationFailureActionOverrides: [{action: enforce, namespaces: ['prod-*']}]", 1)
	expect(t, findings(t, policy, pod, "staging"), "warn p/r spec.containers[0].image: m")
	expect(t, findings(t, policy, pod, "prod-a"), "deny p/r spec.containers[0].image: m")
	own := strings.Replace(policy, "message: m,", "message: m, failureAction: Enforce,", 1)
	expect(t, findings(t, own, pod, "staging"), "deny p/r spec.containers[0].image: m")
	expect(t, findings(t, strings.Replace(ruled(aboutPods+"    validate: {message: m, pattern: {kind: x}}\n"), "  validationFailureAction: Enforce\n", "", 1), pod, "web"), "warn p/r kind: m")
}

// TestRulesWithoutAnAnswer deny, whatever their action.
func TestRulesWithoutAnAnswer(t *testing.T) {
	missing := strings.Replace(ruled(aboutPods+"    preconditions: {all: [{key: \"{{ request.object.metadata.labels.a }}\", operator: Equals, value: b}]}\n"+anyImage), "Enforce", "Audit", 1)
	const why = "{{ request.object.metadata.labels.a }} is about a field that the object does not have"
	expect(t, findings(t, missing, pod, "web"), "no answer: warn p/r : "+why)
	expect(t, findings(t, strings.Replace(missing, "labels.a }}", "labels.a || 'c' }}", 1), pod, "web"))
	// Also where the comparison would not come to the variable.
	expect(t, findings(t, ruled(aboutPods+"    validate: {pattern: {metadata: {(name): other, uid: \"{{ request.object.metadata.labels.a }}\"}}}\n"), pod, "web"), "no answer: deny p/r : "+why)
	expect(t, findings(t, ruled(aboutPods+"    validate: {pattern: {kind: \"{{ to_upper(request.object.metadata) }}\"}}\n"), pod, "web"),
		"no answer: deny p/r : {{ to_upper(request.object.metadata) }} gives a function what it does not take")
	// A message whose variable has none keeps the verdict.
	expect(t, findings(t, ruled(aboutPods+"    validate: {message: \"{{ request.object.metadata.labels.a }}\", pattern: {kind: x}}\n"), pod, "web"), "deny p/r kind: the rule r is not kept")
}

// TestNamespaceLabels are known where the Namespace is rendered. Where nobody
// knows, the rule is asked, and nothing is excluded.
func TestNamespaceLabels(t *testing.T) {
	const namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: web, labels: {tier: prod}}\n"
	selected := ruled("    match: {any: [{resources: {kinds: [Pod], namespaceSelector: {matchLabels: {tier: dev}}}}]}\n    validate: {message: m, pattern: {kind: x}}\n")
	excluded := ruled(aboutPods + "    exclude: {any: [{resources: {namespaceSelector: {matchLabels: {tier: prod}}}}]}\n    validate: {message: m, pattern: {kind: x}}\n")
	expect(t, findings(t, selected, pod, "web"), "deny p/r kind: m")
	expect(t, findings(t, selected, pod+namespace, "web"))
	expect(t, findings(t, strings.Replace(selected, "dev", "prod", 1), pod+namespace, "web"), "deny p/r kind: m")
	expect(t, findings(t, excluded, pod, "web"), "deny p/r kind: m")
	expect(t, findings(t, excluded, pod+namespace, "web"))
}

// TestObjectsGoToTheirDestination as they would be when the API server asks.
func TestObjectsGoToTheirDestination(t *testing.T) {
	policy := ruled(aboutPods + "    validate: {message: \"{{ request.namespace }}/{{ request.name }} {{ request.operation }} {{ request.kind.kind }}\", pattern: {metadata: {namespace: \"!default\"}}}\n")
	expect(t, findings(t, policy, pod, "default"), "deny p/r metadata.namespace: default/web CREATE Pod")
	expect(t, findings(t, policy, pod, "web"))
}

// TestNamesWithWildcards stand for every label that they fit.
func TestNamesWithWildcards(t *testing.T) {
	policy := ruled(aboutPods + "    validate: {message: m, pattern: {metadata: {=(annotations): {=(team/*): \"x*\"}}}}\n")
	const labelled = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {team/a: xa, team/b: yb}}\n"
	expect(t, findings(t, policy, labelled, "web"), "deny p/r metadata.annotations[team/b]: m")
	expect(t, findings(t, policy, strings.Replace(labelled, "yb", "xb", 1), "web"))
}

// TestConditionsSpeak in the message, and name their field.
func TestConditionsSpeak(t *testing.T) {
	policy := ruled(aboutPods + "    validate:\n      message: 'no'\n      deny:\n        conditions:\n          any:\n          - {key: \"{{ request.object.metadata.name }}\", operator: Equals, value: \"w*\", message: \"not {{ request.name }}\"}\n")
	expect(t, findings(t, policy, pod, "web"), "deny p/r metadata.name: no; not web")
}

// TestMessagesOfItems speak of the item that breaks the rule.
func TestMessagesOfItems(t *testing.T) {
	policy := ruled(aboutPods + "    validate:\n      message: \"{{ element.name }} runs {{ element.image }}\"\n      foreach:\n      - list: request.object.spec.containers\n        pattern: {image: \"own/*\"}\n")
	two := strings.Replace(pod, "  - {name: a, image: nginx}\n", "  - {name: b, image: own/x}\n  - {name: a, image: nginx}\n", 1)
	expect(t, findings(t, policy, two, "web"), "deny p/r spec.containers[1].image: a runs nginx")
}

// TestDenyWithoutConditions refuses whatever the rule matches.
func TestDenyWithoutConditions(t *testing.T) {
	policy := ruled("    match: {any: [{resources: {kinds: [Pod], names: [web]}}]}\n    validate: {message: not here, deny: {}}\n")
	expect(t, findings(t, policy, pod, "web"), "deny p/r : not here")
	expect(t, findings(t, policy, strings.Replace(pod, "name: web", "name: other", 1), "web"))
}

func TestHostileTextsAreJudgedInTime(t *testing.T) {
	long := strings.Repeat("a", 20000)
	policy := ruled(aboutPods + "    validate: {message: m, pattern: {metadata: {name: \"*a*a*a*a*a*a*b\"}, spec: {n: \">1\", d: \"<1e3\"}}}\n")
	object := "apiVersion: v1\nkind: Pod\nmetadata: {name: " + long + "}\nspec: {n: 1e1000000000, d: \"1e-2000000000\"}\n"
	object = strings.Replace(object, "n: 1e1000000000", "n: \"1e1000000000\"", 1)
	expect(t, findings(t, policy, object, "web"), "deny p/r metadata.name: m")
	expect(t, findings(t, strings.Replace(policy, `"*a*a*a*a*a*a*b"`, `"*a*"`, 1), object, "web"), "deny p/r spec.d: m")
}

func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := load(t, ruled(aboutPods+anyImage)).Check(ctx, decoded(t, pod)[0], "web", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
