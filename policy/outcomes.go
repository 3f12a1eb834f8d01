package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/engine"
	"github.com/argocd-seal/argocd-seal-plugin/policy/gatekeeper"
	"github.com/argocd-seal/argocd-seal-plugin/policy/kyverno"
	"github.com/argocd-seal/argocd-seal-plugin/policy/vap"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/policy/waiver"
)

// outcomes turns what an engine said into outcomes without an object.
func outcomes(name string, checks []engine.Check) []Outcome {
	var all []Outcome
	for _, check := range checks {
		perRule := map[string]int{}
		for _, finding := range check.Findings {
			id := finding.Rule.ID()
			perRule[id]++
			switch count := perRule[id]; {
			case count < verdict.MaxMessagesARule:
				all = append(all, outcomeOf(name, finding))
			case count == verdict.MaxMessagesARule:
				// The rule has more to say than anybody reads. What counts
				// is that it denies, which the last message shows.
				last := outcomeOf(name, finding)
				last.Message = fmt.Sprintf("and at least one more message, the last shown: %s", last.Message)
				all = append(all, last)
			}
		}
		for _, f := range check.Faults {
			all = append(all, unanswered(name, f))
		}
	}
	return all
}

func outcomeOf(name string, finding engine.Finding) Outcome {
	rule := finding.Rule
	outcome := Outcome{
		Rule: rule.ID(), Bundle: name, Title: rule.Meta.Title, Severity: rule.Meta.Severity, Decision: verdict.Deny,
		Message: fault.Clean(finding.Message, verdict.MaxMessageBytes), Fix: rule.Meta.Fix, Code: fault.Policy,
	}
	if len(rule.Meta.References) > 0 {
		outcome.Reference = rule.Meta.References[0].URL
	}
	switch {
	case finding.Exception:
		outcome.Decision = verdict.Waived
		outcome.Waiver = &verdict.Waiver{Owner: "bundle " + name, Reason: "an exception rule of the bundle", File: rule.File}
	case rule.Kind == bundle.Warning:
		outcome.Decision = verdict.Warn
	}
	for key, value := range finding.Metadata {
		text, isText := value.(string)
		switch {
		case key == "query":
		case key == "field" && isText:
			outcome.Field = fault.Clean(text, verdict.MaxMessageBytes)
		case key == "fix" && isText:
			outcome.Fix = fault.Clean(text, verdict.MaxMessageBytes)
		case key == "severity" && isText:
			outcome.Severity = fault.Clean(text, 20)
		default:
			if outcome.Metadata == nil {
				outcome.Metadata = map[string]any{}
			}
			outcome.Metadata[key] = value
		}
	}
	return outcome
}

// constraintOutcomes turns what a Gatekeeper constraint said into outcomes. The
// constraint, not the template's rule, is what people know.
func constraintOutcomes(finding gatekeeper.Finding) []Outcome {
	all := outcomes("gatekeeper", []engine.Check{finding.Check})
	for i := range all {
		if all[i].Code != fault.Policy {
			continue
		}
		all[i].Rule = finding.Constraint
		if all[i].Decision == verdict.Deny {
			all[i].Decision = finding.Decision
		}
	}
	return all
}

// admissionOutcome turns what a ValidatingAdmissionPolicy said into an outcome.
func admissionOutcome(finding vap.Finding) Outcome {
	outcome := Outcome{
		Rule: finding.Binding, Bundle: "admission", Decision: finding.Decision, Code: fault.Policy,
		Message: fault.Clean(finding.Message, verdict.MaxMessageBytes),
	}
	if finding.Failed {
		outcome.Code, outcome.Decision = fault.PolicyEngine, verdict.Deny
		outcome.Fix = "the platform team corrects the policy; until then the object is denied"
	}
	return outcome
}

// kyvernoOutcome turns what a rule of a ClusterPolicy said into an outcome.
func kyvernoOutcome(finding kyverno.Finding) Outcome {
	outcome := Outcome{
		Rule: finding.Rule, Bundle: "kyverno", Title: finding.Title, Severity: finding.Severity, Decision: finding.Decision, Code: fault.Policy,
		Field:   fault.Clean(finding.Field, verdict.MaxMessageBytes),
		Message: fault.Clean(finding.Message, verdict.MaxMessageBytes),
	}
	if finding.Failed {
		outcome.Code, outcome.Decision = fault.PolicyEngine, verdict.Deny
		outcome.Fix = "the platform team corrects the policy, such as with || '' behind a field that may be missing; until then the object is denied"
	}
	return outcome
}

// unanswered is the outcome of a rule that gave no answer: it denies.
func unanswered(name string, f *fault.Error) Outcome {
	return Outcome{
		Rule: "policy-engine", Bundle: name, Severity: "critical", Decision: verdict.Deny, Code: f.Code,
		Message: fault.Clean(fmt.Sprintf("%s (%s:%d)", f.Message, f.File, f.Line), 2*verdict.MaxMessageBytes), Fix: f.Fix,
	}
}

// subject returns the number of the object that a rule about the whole render
// speaks of, or -1.
func subject(outcome Outcome, objects int) int {
	number, ok := outcome.Metadata["index"].(json.Number)
	if !ok {
		return -1
	}
	index, err := number.Int64()
	if err != nil || index < 0 || index >= int64(objects) {
		return -1
	}
	delete(outcome.Metadata, "index")
	return int(index)
}

// decide applies waivers and enforcement, and builds the verdict.
func (g *Gate) decide(env *environment, input Input, all []found) Verdict {
	v := Verdict{
		Environment: input.Environment, BundleDigest: g.digest(env), Objects: len(input.Objects), Rules: len(env.ruleIDs()),
		Outcomes: make([]Outcome, 0, len(all)),
	}
	at := g.now()
	broken := map[string]map[int]bool{}
	expired := map[string]bool{}
	for _, f := range all {
		if broken[f.Rule] == nil {
			broken[f.Rule] = map[int]bool{}
		}
		broken[f.Rule][f.index] = true
		outcome := f.Outcome
		if outcome.Code.Denies() && outcome.Decision == verdict.Deny {
			outcome = g.waive(&v, outcome, f.index, input, at, expired)
			if outcome.Decision == verdict.Deny {
				outcome.Decision = env.enforcement
			}
		}
		v.Outcomes = append(v.Outcomes, outcome)
	}
	g.unused(&v, input, broken)
	verdict.Sort(v.Outcomes)
	return v
}

// waive lets an outcome pass that a waiver covers, and notes one that has
// expired, once for each object. One about the render as a whole needs a waiver
// that selects all objects.
func (g *Gate) waive(v *Verdict, outcome Outcome, index int, input Input, at time.Time, seen map[string]bool) Outcome {
	subjects := input.Objects
	if index >= 0 {
		subjects = subjects[index : index+1]
	}
	w, expired := g.waivers.Find(outcome.Rule, subjects, input.Namespace, input.Environment, at)
	switch {
	case w == nil:
	case expired:
		key := outcome.Rule + " " + outcome.Object
		if !seen[key] {
			seen[key] = true
			v.Notices = append(v.Notices, w.Fault("the waiver of %s for %s by %s expired on %s", outcome.Rule, cmp.Or(outcome.Object, "all objects"), w.Owner, w.Expires).
				At(outcome.Object, "").WithFix("correct the object, or renew the waiver"))
		}
	default:
		outcome.Decision, outcome.Waiver = verdict.Waived, w.Grant()
	}
	return outcome
}

// unused notes the waivers that select an object on which their rule is kept.
// Waivers for objects of other applications are not known to be unused here.
func (g *Gate) unused(v *Verdict, input Input, broken map[string]map[int]bool) {
	var selecting []*waiver.Waiver
	on := map[*waiver.Waiver]object.Object{}
	used := map[*waiver.Waiver]bool{}
	for i, o := range input.Objects {
		for _, w := range g.waivers.Selecting(o, input.Namespace, input.Environment) {
			if _, seen := on[w]; !seen {
				on[w] = o
				selecting = append(selecting, w)
			}
			used[w] = used[w] || broken[w.Rule][i] || broken[w.Rule][-1]
		}
	}
	for _, w := range selecting {
		if !used[w] {
			v.Notices = append(v.Notices, w.Fault("the waiver of %s by %s is not needed any more", w.Rule, w.Owner).
				At(on[w].String(), "").WithFix("remove the waiver"))
		}
	}
}
