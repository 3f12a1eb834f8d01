package policy_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

func TestAdmissionPolicyRunsAsItStands(t *testing.T) {
	gate := newGate(t, own(`package kubernetes.admission

deny[msg] {
  input.request.kind.kind == "Pod"
  input.request.object.spec.containers[_].securityContext.privileged == true
  msg := sprintf("Privileged containers are not allowed in %s/%s (%s)", [input.request.namespace, input.request.name, input.request.operation])
}`))
	v := evaluate(t, gate, podObject(t, true), podObject(t, false))
	want := []string{"deny kubernetes.admission/deny Pod web/p: Privileged containers are not allowed in web/p (CREATE)"}
	if diff := cmp.Diff(want, said(v)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if !v.Denied() || fault.CodeOf(v.Faults()) != fault.Policy {
		t.Errorf("denied %t, faults %v", v.Denied(), v.Faults())
	}
}

func TestRulesSeeFactsAndTheWholeRender(t *testing.T) {
	gate := newGate(t, own(`package main

# METADATA
# custom:
#   id: one-pod
#   input: render
deny_count contains {"msg": sprintf("%d pods in %s", [count(input), data.request.environment]), "index": 1} if count(input) > 1

warn contains sprintf("%s on %s", [data.conftest.file.name, data.request.kubeVersion])`))
	v := evaluate(t, gate, podObject(t, false), podObject(t, false))
	want := []string{
		"warn main/warn Pod web/p: objects.yaml on 1.33.2",
		"warn main/warn Pod web/p: objects.yaml on 1.33.2",
		"deny one-pod Pod web/p: 2 pods in prod",
	}
	if diff := cmp.Diff(want, said(v)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestCombineGivesEveryRuleAllObjects(t *testing.T) {
	config := own("package main\ndeny contains sprintf(\"%d\", [count(input)]) if input[0].contents.kind == \"Pod\"")
	env := config.Environments["prod"]
	env.Bundles[0].Combine = true
	v := evaluate(t, newGate(t, config), podObject(t, false), podObject(t, false))
	if diff := cmp.Diff([]string{"deny main/deny : 2"}, said(v)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestARuleWithoutAnAnswerDeniesWhateverTheEnforcement(t *testing.T) {
	config := own("package main\ndeny contains \"m\" if to_number(input.metadata.name) > 3")
	env := config.Environments["prod"]
	env.Enforcement = verdict.Warn
	config.Environments["prod"] = env
	v := evaluate(t, newGate(t, config), podObject(t, false))
	if !v.Denied() || fault.CodeOf(v.Faults()) != fault.PolicyEngine {
		t.Fatalf("got %v", said(v))
	}
	if text := v.Faults().Error(); !strings.Contains(text, "own/policy.rego:2") || !strings.Contains(text, "Pod web/p") {
		t.Errorf("the fault names neither policy nor object: %s", text)
	}
}

func TestEnforcementWarnLetsViolationsPass(t *testing.T) {
	config := own("package main\ndeny contains \"m\" if input.kind == \"Pod\"")
	env := config.Environments["prod"]
	env.Enforcement = verdict.Warn
	config.Environments["prod"] = env
	v := evaluate(t, newGate(t, config), podObject(t, false))
	if v.Denied() || v.Count(verdict.Warn) != 1 {
		t.Errorf("got %v", said(v))
	}
}

func TestConfigurationsThatCheckNothingDoNotStart(t *testing.T) {
	environment := func(e policy.Environment) policy.Config {
		return policy.Config{Environments: map[string]policy.Environment{"prod": e}}
	}
	tests := map[string]struct {
		config policy.Config
		code   fault.Code
	}{
		"no policy":            {environment(policy.Environment{}), fault.Config},
		"an unknown level":     {environment(policy.Environment{Level: "strict"}), fault.Config},
		"an enforcement":       {environment(policy.Environment{Level: builtin.Basic, Enforcement: "waived"}), fault.Config},
		"an unknown parameter": {environment(policy.Environment{Level: builtin.Basic, Parameters: map[string]any{"registries": 1}}), fault.Config},
		"an unknown input":     {own("package main\n# METADATA\n# custom:\n#   input: file\ndeny contains \"m\" if input.x"), fault.PolicyLoad},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := policy.New(t.Context(), test.config); fault.CodeOf(err) != test.code {
				t.Errorf("got %v, want %s", err, test.code)
			}
		})
	}
	gate := newGate(t, own("package main\ndeny contains \"m\" if input.x"))
	if _, err := gate.Evaluate(t.Context(), policy.Input{Environment: "staging"}); fault.CodeOf(err) != fault.Config {
		t.Errorf("an environment that is not set gave %v", err)
	}
}

func TestO6FiveThousandViolationsFitTheStatus(t *testing.T) {
	gate := newGate(t, own(`package main
		deny contains sprintf("\u001b[31m%v\n", [input]) if input.kind == "Pod"`))
	objects := make([]object.Object, 5000)
	for i := range objects {
		objects[i] = podObject(t, true)
	}
	text := evaluate(t, gate, objects...).Faults().Error()
	if len(text) > fault.MaxText || !strings.Contains(text, " more") || strings.ContainsAny(text, "\x1b") {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestP6OneRuleCannotFloodAVerdict(t *testing.T) {
	gate := newGate(t, own("package main\ndeny contains sprintf(\"message %d\", [n]) if some n in numbers.range(1, 5000)"))
	v := evaluate(t, gate, podObject(t, false))
	if len(v.Outcomes) != verdict.MaxMessagesARule || !v.Denied() {
		t.Errorf("%d outcomes", len(v.Outcomes))
	}
}

func TestAnObjectWithAHugeNumberIsRefused(t *testing.T) {
	gate := newGate(t, own("package main\ndeny contains \"m\" if input.spec.n + 1 > 3"))
	o := podObject(t, false)
	o.Fields["spec"] = map[string]any{"n": jsonNumber("1e9999999")}
	_, err := gate.Evaluate(t.Context(), policy.Input{Objects: []object.Object{o}, Environment: "prod"})
	if fault.CodeOf(err) != fault.ObjectShape || !strings.Contains(err.Error(), "spec.n") {
		t.Errorf("got %v", err)
	}
}

func TestEvaluateEndsWithItsTimeout(t *testing.T) {
	config := own("package main\ndeny contains \"m\" if { some a in numbers.range(1, 100000); some b in numbers.range(1, 100000); a * b == 0 }")
	config.Timeout = 200 * time.Millisecond
	gate := newGate(t, config)
	_, err := gate.Evaluate(t.Context(), policy.Input{Objects: []object.Object{podObject(t, false)}, Environment: "prod"})
	if fault.CodeOf(err) != fault.PolicyEngine || !strings.Contains(err.Error(), "Pod web/p") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gate.Evaluate(ctx, policy.Input{Objects: []object.Object{podObject(t, false)}, Environment: "prod"}); fault.CodeOf(err) != fault.Canceled {
		t.Errorf("a canceled request gave %v", err)
	}
}

func TestP8ParallelRequestsGetTheVerdictOfTheirOwnObjects(t *testing.T) {
	gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Level: builtin.Production}}})
	good, bad := goodObjects(t, 12), []object.Object{podObject(t, true)}
	wantGood, wantBad := said(evaluate(t, gate, good...)), said(evaluate(t, gate, bad...))
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			objects, want := good, wantGood
			if i%2 == 1 {
				objects, want = bad, wantBad
			}
			v, err := gate.Evaluate(t.Context(), policy.Input{Objects: objects, Environment: "prod", KubeVersion: "1.33.2", Namespace: "web"})
			if err != nil {
				t.Error(err)
				return
			}
			if diff := cmp.Diff(want, said(v)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	wait.Wait()
}

func TestTheDigestFollowsWhatDecides(t *testing.T) {
	digest := func(config policy.Config) string {
		return evaluate(t, newGate(t, config), podObject(t, false)).BundleDigest
	}
	withWaivers := own("package main\ndeny contains \"m\" if input.x")
	withWaivers.WaiversFS, withWaivers.Waivers = fstest.MapFS{"w.yaml": {Data: []byte("waivers: []")}}, "w.yaml"
	digests := map[string]bool{
		digest(own("package main\ndeny contains \"m\" if input.x")): true,
		digest(own("package main\ndeny contains \"m\" if input.y")): true,
		digest(withWaivers): true,
		digest(policy.Config{Environments: map[string]policy.Environment{"prod": {Level: builtin.Basic}}}):                           true,
		digest(policy.Config{Environments: map[string]policy.Environment{"prod": {Level: builtin.Enhanced}}}):                        true,
		digest(policy.Config{Environments: map[string]policy.Environment{"prod": {Level: builtin.Basic, Parameters: registries()}}}): true,
	}
	if len(digests) != 6 {
		t.Errorf("6 configurations have %d digests", len(digests))
	}
}

func registries() map[string]any { return map[string]any{"allowedRegistries": []any{"r.example.com"}} }

func TestOutcomesDoNotDependOnOrder(t *testing.T) {
	gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Level: builtin.Enhanced}}})
	a, b := podObject(t, true), podObject(t, false)
	b.Fields["metadata"] = map[string]any{"name": "q"}
	first, second := evaluate(t, gate, a, b), evaluate(t, gate, b, a)
	if diff := cmp.Diff(said(first), said(second)); diff != "" {
		t.Errorf("(-a,b +b,a):\n%s", diff)
	}
	if fmt.Sprint(first.BundleDigest) != second.BundleDigest {
		t.Error("the digest differs")
	}
}

func TestForeignPoliciesTakePartInTheVerdict(t *testing.T) {
	const template = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: nopods}
spec:
  crd: {spec: {names: {kind: NoPods}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package nopods
      violation[{"msg": msg}] { msg := sprintf("no %s", [input.review.kind.kind]) }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: NoPods
metadata: {name: all}
spec: {match: {kinds: [{apiGroups: [""], kinds: [Pod]}]}}
`
	const admission = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: names}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}
  validations: [{expression: "object.metadata.name != 'p'", message: the name p is taken}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: prod}
spec: {policyName: names, validationActions: [Warn]}
`
	const cluster = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: images, annotations: {policies.kyverno.io/severity: high}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: own
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: no image of ours, pattern: {spec: {containers: [{image: "own/*"}]}}}
`
	source := func(text string) []bundle.Source {
		return []bundle.Source{{Files: map[string][]byte{"p.yaml": []byte(text)}}}
	}
	gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Gatekeeper: source(template), AdmissionPolicies: source(admission), Kyverno: source(cluster)}}})
	v := evaluate(t, gate, podObject(t, false), goodObjects(t, 1)[0])
	want := []string{"deny NoPods/all Pod web/p: no Pod", "deny images/own Pod web/p: no image of ours", "warn names/prod Pod web/p: the name p is taken"}
	if diff := cmp.Diff(want, said(v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v.Rules != 3 || v.Objects != 2 {
		t.Errorf("%d rules on %d objects", v.Rules, v.Objects)
	}
}
