package policy_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// promotionConfig is an environment that asks for a promotion with owners.
func promotionConfig(waivers string) policy.Config {
	config := policy.Config{Environments: map[string]policy.Environment{"prod": {Promotion: &promotion.Rule{RequireOwners: true}}}}
	config.Now = func() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }
	if waivers != "" {
		config.Waivers, config.WaiversFS = "w.yaml", fstest.MapFS{"w.yaml": {Data: []byte(waivers)}}
	}
	return config
}

func promotionInput(t *testing.T) policy.Input {
	t.Helper()
	pinned := func(name, digit string) object.Object {
		return objectOf(t, "{apiVersion: v1, kind: Pod, metadata: {name: "+name+"}, spec: {containers: [{name: c, image: shop@sha256:"+strings.Repeat(digit, 64)+"}]}}")
	}
	return policy.Input{
		Environment: "prod", Namespace: "web",
		Objects: []object.Object{pinned("old", "1"), pinned("new", "2"),
			objectOf(t, "{apiVersion: v1, kind: Pod, metadata: {name: loose}, spec: {containers: [{name: c, image: 'shop:v1'}]}}")},
		Promotion: &promotion.Request{Path: "prod", From: "staging", Source: []object.Object{pinned("staging", "1")},
			File: func(string) ([]byte, bool) { return nil, false }},
	}
}

func TestPromotionsAreWaivedAsOtherRules(t *testing.T) {
	waiver := func(rule, objects, expires string) string {
		return "- {rule: " + rule + ", objects: " + objects + ", owner: team, reason: r, expires: " + expires + "}\n"
	}
	const head = "waivers:\n"
	for name, test := range map[string]struct {
		waivers string
		want    []string
		notice  string
	}{
		"none":                           {"", []string{"deny promotion-owners", "deny promotion-digest Pod loose", "deny promotion-source Pod new"}, ""},
		"one object":                     {head + waiver("promotion-source", "{name: new}", "2026-12-31"), []string{"deny promotion-owners", "deny promotion-digest Pod loose", "waived promotion-source Pod new"}, ""},
		"the application":                {head + waiver("promotion-owners", "{namespace: web}", "2026-12-31"), []string{"waived promotion-owners", "deny promotion-digest Pod loose", "deny promotion-source Pod new"}, ""},
		"the owners for one object only": {head + waiver("promotion-owners", "{name: new}", "2026-12-31"), []string{"deny promotion-owners", "deny promotion-digest Pod loose", "deny promotion-source Pod new"}, ""},
		"expired": {head + waiver("promotion-owners", "{kind: Pod}", "2026-01-31"), []string{"deny promotion-owners", "deny promotion-digest Pod loose", "deny promotion-source Pod new"},
			"the waiver of promotion-owners for all objects by team expired on 2026-01-31"},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := newGate(t, promotionConfig(test.waivers)).Evaluate(t.Context(), promotionInput(t))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, outcome := range v.Outcomes {
				got = append(got, strings.TrimSpace(string(outcome.Decision)+" "+outcome.Rule+" "+outcome.Object))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if notices := v.Notices.Error(); !strings.Contains(notices, test.notice) || test.notice == "" && notices != "" {
				t.Errorf("notices %q, want %q", notices, test.notice)
			}
		})
	}
}

func TestPromotionDecidesAndIsCounted(t *testing.T) {
	asks := newGate(t, promotionConfig(""))
	input := promotionInput(t)
	v, err := asks.Evaluate(t.Context(), input)
	if err != nil || v.Rules != 3 || v.Objects != 3 {
		t.Errorf("%d rules, %d objects, %v", v.Rules, v.Objects, err)
	}
	other := promotionConfig("")
	other.Environments["prod"] = policy.Environment{Promotion: &promotion.Rule{Owners: []string{"@a"}}, Enforcement: verdict.Warn}
	warned, err := newGate(t, other).Evaluate(t.Context(), input)
	if err != nil || warned.Denied() || warned.Count(verdict.Warn) != 3 {
		t.Errorf("with warn: %+v, %v", warned.Outcomes, err)
	}
	if warned.BundleDigest == v.BundleDigest {
		t.Error("another rule has the same digest")
	}
	input.Promotion = nil
	if _, err := asks.Evaluate(t.Context(), input); fault.CodeOf(err) != fault.Internal {
		t.Errorf("without what is promoted from: %v, want E_INTERNAL", err)
	}
}
