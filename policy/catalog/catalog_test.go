package catalog_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/catalog"
)

func load(t *testing.T, parameters map[string]any) *catalog.Catalog {
	t.Helper()
	rules := &catalog.Catalog{}
	if err := rules.Builtin(parameters); err != nil {
		t.Fatal(err)
	}
	return rules
}

func explain(t *testing.T, rules *catalog.Catalog, id string, width int) string {
	t.Helper()
	rule, err := rules.Find(id)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := catalog.Explain(&b, rule, width); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Every rule that names a parameter shows what holds without it, read from the
// very call in the rule that uses it.
func TestParametersHaveDefaults(t *testing.T) {
	rules, err := load(t, nil).Rules("")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, rule := range rules {
		for _, parameter := range rule.Parameters {
			found++
			if parameter.Default == "" || parameter.Meaning == "" || parameter.Value != "" {
				t.Errorf("%s: %+v", rule.ID, parameter)
			}
		}
	}
	if found < 6 {
		t.Errorf("found only %d parameters", found)
	}
}

func TestExplainShowsWhatIsSet(t *testing.T) {
	rules := load(t, map[string]any{"allowedRegistries": []any{"registry.example.com"}})
	if text := explain(t, rules, "image-registry", 0); !strings.Contains(text, `(set to ["registry.example.com"], default [])`) {
		t.Errorf("got:\n%s", text)
	}
}

func TestExplainKeepsToTheWidth(t *testing.T) {
	rules := load(t, nil)
	for line := range strings.Lines(explain(t, rules, "network-policy-missing", 60)) {
		if strings.HasPrefix(line, "The rule") {
			break
		}
		if len(line) > 61 && !strings.Contains(line, "https://") && !strings.HasPrefix(line, "    ") {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
}

func TestLevelsHoldThoseBelow(t *testing.T) {
	rules := load(t, nil)
	before := 0
	for _, level := range builtin.Levels() {
		held, err := rules.Rules(string(level))
		if err != nil || len(held) <= before {
			t.Errorf("%s has %d rules (%v), the level below it %d", level, len(held), err, before)
		}
		before = len(held)
	}
	if _, err := rules.Rules("high"); fault.CodeOf(err) != fault.Config {
		t.Errorf("an unknown level gave %v", err)
	}
}

func TestMisspeltIDsLeadToNearOnes(t *testing.T) {
	rules := load(t, nil)
	for id, want := range map[string]string{
		"pod-priviledged":                     "pod-privileged",
		"priviliged":                          "pod-privileged",
		"IMAGE-LATEST":                        "image-latest",
		"rbac":                                "rbac-anonymous, rbac-cluster-admin or rbac-escalation",
		"nonsense":                            "argocd-seal policy list shows the rules",
		"":                                    "argocd-seal policy list shows the rules",
		strings.Repeat("pod-privileged", 100): "argocd-seal policy list shows the rules",
	} {
		_, err := rules.Find(id)
		faults := fault.Of(err)
		if !slices.ContainsFunc(faults, func(f *fault.Error) bool { return strings.Contains(f.Advice(), want) }) {
			t.Errorf("%q gives %v, want %s", id, err, want)
		}
	}
}

// TestARuleHasAnIDOfItsOwn holds the rules of the program against the built-in ones:
// a waiver of one must not be a waiver of another.
func TestARuleHasAnIDOfItsOwn(t *testing.T) {
	all := load(t, nil)
	all.Native()
	rules, err := all.Rules("")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, rule := range rules {
		if seen[rule.ID] {
			t.Errorf("%s stands twice", rule.ID)
		}
		seen[rule.ID] = true
	}
}
