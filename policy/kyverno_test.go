package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

const clusterPolicy = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: images, annotations: {policies.kyverno.io/title: Our images, policies.kyverno.io/severity: high}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: own
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: "{{ request.name }} runs no image of ours", pattern: {spec: {containers: [{image: "own/*"}]}}}
`

func clusterPolicies(text string) policy.Config {
	files := []bundle.Source{{Files: map[string][]byte{"p.yaml": []byte(text)}}}
	return policy.Config{Environments: map[string]policy.Environment{"prod": {Kyverno: files}}}
}

// TestClusterPoliciesAreRulesLikeOthers: they have a field, a title and a severity,
// can be waived and turned into warnings, and count in the digest.
func TestClusterPoliciesAreRulesLikeOthers(t *testing.T) {
	config := clusterPolicies(clusterPolicy)
	gate := newGate(t, config)
	v := evaluate(t, gate, podObject(t, false))
	if diff := cmp.Diff([]string{"deny images/own Pod web/p: p runs no image of ours"}, said(v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if o := v.Outcomes[0]; o.Title != "Our images" || o.Severity != "high" || o.Field != "spec.containers[0].image" || o.Bundle != "kyverno" {
		t.Errorf("the outcome is %+v", o)
	}
	changed := clusterPolicies(strings.Replace(clusterPolicy, "own/*", "our/*", 1))
	if other := newGate(t, changed); other.Digests()["prod"] == gate.Digests()["prod"] {
		t.Error("another policy has the same digest")
	}
	before, err := config.Fingerprint()
	after, err2 := changed.Fingerprint()
	if err != nil || err2 != nil || before == after {
		t.Errorf("a changed file would not be seen: %v, %v", err, err2)
	}

	config.WaiversFS, config.Waivers = fstest.MapFS{"w.yaml": {Data: []byte(`waivers:
- {rule: images/own, objects: {kind: Pod}, owner: team-web, reason: migration, expires: 2026-12-31}
`)}}, "w.yaml"
	config.Now = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
	if diff := cmp.Diff([]string{"waived images/own Pod web/p: p runs no image of ours"}, said(evaluate(t, newGate(t, config), podObject(t, false)))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestClusterPoliciesWithoutAnAnswerDeny in an environment that only warns, too.
func TestClusterPoliciesWithoutAnAnswerDeny(t *testing.T) {
	config := clusterPolicies(strings.Replace(clusterPolicy, `"own/*"`, `"{{ request.object.metadata.labels.registry }}/*"`, 1))
	env := config.Environments["prod"]
	env.Enforcement = policy.Decision("warn")
	config.Environments["prod"] = env
	v := evaluate(t, newGate(t, config), podObject(t, false))
	if len(v.Outcomes) != 1 || v.Outcomes[0].Code != "E_POLICY_ENGINE" || !v.Denied() {
		t.Errorf("got %+v", v.Outcomes)
	}
}
