package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

const misspelt = "{apiVersion: v1, kind: ConfigMap, metadata: {name: p, namespace: web}, dta: {a: b}}"

func TestTheSchemaCheckFollowsItsSetting(t *testing.T) {
	const said = ` schema ConfigMap web/p: unknown field "dta"`
	tests := map[string]struct {
		environment policy.Environment
		want        []string
	}{
		"asked alone":         {policy.Environment{Schema: verdict.Deny}, []string{"deny" + said}},
		"as a warning":        {policy.Environment{Schema: verdict.Warn}, []string{"warn" + said}},
		"with enforcement":    {policy.Environment{Schema: verdict.Deny, Enforcement: verdict.Warn}, []string{"warn" + said}},
		"at the first level":  {policy.Environment{Level: builtin.Basic}, []string{}},
		"asked there":         {policy.Environment{Level: builtin.Basic, Schema: verdict.Deny}, []string{"deny" + said}},
		"at the second level": {policy.Environment{Level: builtin.Enhanced}, []string{"deny" + said}},
		"at the third level":  {policy.Environment{Level: builtin.Production}, []string{"deny" + said}},
		"off there":           {policy.Environment{Level: builtin.Enhanced, Schema: policy.SchemaOff}, []string{}},
		"a warning there":     {policy.Environment{Level: builtin.Enhanced, Schema: verdict.Warn}, []string{"warn" + said}},
		"with other policies": {policy.Environment{Bundles: own("package main\ndeny contains \"m\" if input.x").Environments["prod"].Bundles}, []string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": test.environment}})
			if diff := cmp.Diff(test.want, saidBySchema(evaluate(t, gate, objectOf(t, misspelt)))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, wrong := range []policy.Environment{{Schema: "denied"}, {Schema: policy.SchemaOff}} {
		if _, err := policy.New(t.Context(), policy.Config{Environments: map[string]policy.Environment{"prod": wrong}}); fault.CodeOf(err) != fault.Config {
			t.Errorf("%q gave %v", wrong.Schema, err)
		}
	}
}

// saidBySchema leaves out what the rules of a level say.
func saidBySchema(v policy.Verdict) []string {
	lines := []string{}
	for _, line := range said(v) {
		if strings.Contains(line, " schema ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestASchemaOutcomeIsLocated(t *testing.T) {
	gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Schema: verdict.Deny}}})
	v := evaluate(t, gate, objectOf(t, misspelt))
	want := `E_POLICY: app/objects.yaml:1 ConfigMap web/p dta: schema: unknown field "dta"; fix: did you mean "data"?`
	if got := v.Faults().Error(); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if v.Rules != 1 || v.Outcomes[0].Bundle != "kubernetes 1.33" {
		t.Errorf("%d rules, outcome %+v", v.Rules, v.Outcomes[0])
	}
}

func TestTheSchemaCheckCanBeWaived(t *testing.T) {
	config := policy.Config{
		Environments: map[string]policy.Environment{"prod": {Schema: verdict.Deny}}, Waivers: "w.yaml",
		WaiversFS: fstest.MapFS{"w.yaml": {Data: []byte("waivers:\n- {rule: schema, objects: {kind: ConfigMap, name: p}, owner: a, reason: b, expires: 2999-01-01}\n")}},
	}
	other := objectOf(t, strings.Replace(misspelt, "name: p", "name: q", 1))
	want := []string{`waived schema ConfigMap web/p: unknown field "dta"`, `deny schema ConfigMap web/q: unknown field "dta"`}
	if diff := cmp.Diff(want, said(evaluate(t, newGate(t, config), objectOf(t, misspelt), other))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	config.Environments["prod"] = policy.Environment{Level: builtin.Basic}
	if _, err := policy.New(t.Context(), config); fault.CodeOf(err) != fault.Waiver {
		t.Errorf("a waiver of a check that nobody asks for gave %v", err)
	}
}

func TestTheSchemaFollowsTheCluster(t *testing.T) {
	gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Schema: verdict.Deny}}})
	pod := objectOf(t, "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {hostnameOverride: b, containers: [{name: a}]}}")
	for version, want := range map[string]struct {
		denied  bool
		notices int
	}{"1.33.2": {true, 0}, "v1.34.0": {false, 0}, "": {false, 0}, "1.99.0": {false, 1}} {
		v, err := gate.Evaluate(t.Context(), policy.Input{Objects: []object.Object{pod, pod}, Environment: "prod", KubeVersion: version})
		if err != nil {
			t.Fatal(err)
		}
		if v.Denied() != want.denied || len(v.Notices) != want.notices {
			t.Errorf("%q: denied %t, notices %v", version, v.Denied(), v.Notices)
		}
		if want.notices > 0 && (fault.CodeOf(v.Warnings()) != fault.KubeVersion || !strings.Contains(v.Warnings().Error(), "1.99.0")) {
			t.Errorf("%q: %v", version, v.Warnings())
		}
	}
}

func TestReferencesAreCheckedOnceTheyAreResolved(t *testing.T) {
	gate := newGate(t, policy.Config{Environments: map[string]policy.Environment{"prod": {Schema: verdict.Deny}}})
	secret := objectOf(t, "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {a: '<vault:kv/a#b>'}}")
	for _, sealed := range []bool{false, true} {
		v, err := gate.Evaluate(t.Context(), policy.Input{Objects: []object.Object{secret}, Environment: "prod", KubeVersion: "1.33", Sealed: sealed})
		if err != nil || v.Denied() != sealed {
			t.Errorf("sealed %t: %v, %v", sealed, said(v), err)
		}
	}
}

func BenchmarkSchema(b *testing.B) {
	for name, count := range map[string]int{"30": 30, "1000": 1000} {
		b.Run(name, func(b *testing.B) {
			gate := newGate(b, policy.Config{Environments: map[string]policy.Environment{"prod": {Schema: verdict.Deny}}})
			objects := goodObjects(b, count)
			for b.Loop() {
				evaluate(b, gate, objects...)
			}
		})
	}
}
