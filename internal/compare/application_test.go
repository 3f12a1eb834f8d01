package compare_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

func outcome(decision verdict.Decision, rule, object, message string, line int) verdict.Outcome {
	return verdict.Outcome{Rule: rule, Decision: decision, Object: object, Message: message, Line: line, Code: fault.Policy}
}

func sideOf(t *testing.T, manifests string, outcomes ...verdict.Outcome) compare.Side {
	t.Helper()
	return compare.Side{Path: "apps/web", Rendered: compare.Rendered{Objects: objects(t, manifests)}, Verdict: verdict.Verdict{Outcomes: outcomes}}
}

func pod(namespace, name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: %s}\n", name, namespace)
}

func verdictsOf(a compare.Application) []string {
	var lines []string
	for _, v := range a.Verdicts {
		lines = append(lines, fmt.Sprint(v.Status, " ", v.Outcome.Decision, " ", v.Outcome.Rule, " ", v.Outcome.Message))
	}
	return lines
}

func TestVerdictsThatDiffer(t *testing.T) {
	a := compare.Compare(
		sideOf(t, pod("shop", "web"), outcome(verdict.Deny, "stays", "Pod shop/web", "m", 1), outcome(verdict.Deny, "goes", "Pod shop/web", "m", 1), outcome(verdict.Deny, "waived-now", "Pod shop/web", "m", 1)),
		sideOf(t, pod("shop", "web"), outcome(verdict.Warn, "warns", "Pod shop/web", "m", 9), outcome(verdict.Deny, "stays", "Pod shop/web", "m", 9), outcome(verdict.Deny, "comes", "Pod shop/web", "m", 9),
			outcome(verdict.Deny, "comes", "Pod shop/web", "m", 9), outcome(verdict.Waived, "waived-now", "Pod shop/web", "m", 9)),
		compare.Options{})
	if diff := cmp.Diff([]string{"added deny comes m", "removed deny goes m", "removed deny waived-now m", "added warn warns m", "added waived waived-now m"}, verdictsOf(a)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if come, gone := a.Denials(); come != 1 || gone != 2 || a.Status != compare.Changed {
		t.Errorf("%d denials come and %d go; the application is %q", come, gone, a.Status)
	}
}

// What is said of an object under another name is the same.
func TestVerdictsFollowNames(t *testing.T) {
	a := compare.Compare(
		sideOf(t, pod("shop-staging", "staging-web"), outcome(verdict.Deny, "rule", "Pod shop-staging/staging-web", `staging-web in "shop-staging" is bad`, 1)),
		sideOf(t, pod("shop", "web"), outcome(verdict.Deny, "rule", "Pod shop/web", `web in "shop" is bad`, 1)),
		compare.Options{Overlays: true})
	if len(a.Verdicts) > 0 {
		t.Errorf("the verdicts differ: %v", verdictsOf(a))
	}
}

func TestSidesThatAreMissingOrCannotBeRendered(t *testing.T) {
	side := sideOf(t, pod("shop", "web"))
	if a := compare.Compare(compare.Side{}, side, compare.Options{}); a.Status != compare.Added || a.Count(compare.Added) != 1 {
		t.Errorf("a new application is %+v", a)
	}
	if a := compare.Compare(side, compare.Side{}, compare.Options{}); a.Status != compare.Removed || a.Count(compare.Removed) != 1 || a.Path != "apps/web" {
		t.Errorf("one that is gone is %+v", a)
	}
	if a := compare.Compare(side, side, compare.Options{}); a.Status != "" || a.Same != 1 {
		t.Errorf("the same is %+v", a)
	}
	// The objects of a side that failed are not known, so that none is gone.
	failed := compare.Side{Path: "apps/web", Faults: fault.List{fault.New(fault.YAML, "broken")}}
	if a := compare.Compare(side, failed, compare.Options{}); a.Status != compare.Changed || len(a.Objects) != 0 || len(a.Faults) != 1 {
		t.Errorf("a side that cannot be rendered gives %+v", a)
	}
	warned := side
	warned.Warnings = fault.List{fault.New(fault.RefSyntax, "malformed")}
	if a := compare.Compare(side, warned, compare.Options{}); a.Status != compare.Changed || len(a.Warnings) != 1 || a.Warnings[0].Status != compare.Added {
		t.Errorf("a new warning gives %+v", a)
	}
}
