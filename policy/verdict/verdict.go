// Package verdict holds what the gate decided about the objects of one request.
package verdict

import (
	"cmp"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// Decision is what an outcome means for the request.
type Decision string

// The decisions. Only Deny stops a request. Pass is what no rule says: an object
// or a request without an outcome.
const (
	Deny   Decision = "deny"
	Warn   Decision = "warn"
	Waived Decision = "waived"
	Pass   Decision = "pass"
)

// The bounds of what one rule may say about one object: messages are made from
// the tenant's text and end up in Argo CD's interface.
const (
	MaxMessageBytes  = 300
	MaxMessagesARule = 20
)

// Outcome is one message of one rule about one object.
type Outcome struct {
	// Rule is the rule's id, by which waivers and people name it.
	Rule string `json:"rule"`
	// Bundle names the bundle, level or policy that the rule belongs to.
	Bundle   string   `json:"bundle"`
	Title    string   `json:"title,omitempty"`
	Severity string   `json:"severity,omitempty"`
	Decision Decision `json:"decision"`
	// Object names the object, such as "Deployment prod/web". It is empty for a
	// rule that judges the render as a whole and names no object.
	Object string `json:"object,omitempty"`
	// File and Line are where the object stands in the source; 0 is unknown.
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
	// Reference is the URL of the standard that the rule comes from.
	Reference string `json:"reference,omitempty"`
	// Code is E_POLICY, or one of E_IMAGE where an image was verified; where a rule
	// gave no answer it is E_POLICY_ENGINE or says what failed. What does not
	// [fault.Code.Denies] can be neither waived nor turned into a warning.
	Code fault.Code `json:"code"`
	// Waiver is set where the decision is Waived.
	Waiver *Waiver `json:"waiver,omitempty"`
	// Quote is the line that the outcome speaks of, where a person is shown it.
	Quote *fault.Quote `json:"-"`
	// Metadata is what the rule gave beside its message.
	Metadata map[string]any `json:"metadata,omitempty"`
}

// Waiver says who lets an outcome pass, and until when.
type Waiver struct {
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"`
	// File and Line are where the waiver stands.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// About places an outcome at an object.
func (o Outcome) About(subject object.Object) Outcome {
	o.Object, o.File, o.Line = subject.String(), subject.File, subject.Line
	return o
}

// Verdict is the answer to one request.
type Verdict struct {
	// Environment is the environment whose rules were asked.
	Environment string `json:"environment,omitempty"`
	// BundleDigest names everything that decided: bundles, levels, parameters
	// and waivers.
	BundleDigest string `json:"bundleDigest"`
	// Inputs are the digests or commits of the remote sources that the policies
	// were made from, by name.
	Inputs map[string]string `json:"inputs,omitempty"`
	// Outcomes are sorted by file, line, object, rule and message. An object
	// without an outcome passed.
	Outcomes []Outcome `json:"outcomes"`
	// Approvals say who must approve changes of what was judged, by CODEOWNERS.
	Approvals fault.List `json:"approvals,omitempty"`
	// Notices are things to know that concern no rule's message: waivers that
	// have expired or are not needed any more.
	Notices fault.List `json:"notices,omitempty"`
	// Objects and Rules count what was judged and by how many rules.
	Objects int `json:"objects"`
	Rules   int `json:"rules"`
}

// Denied reports whether the request must stop.
func (v Verdict) Denied() bool {
	return slices.ContainsFunc(v.Outcomes, func(o Outcome) bool { return o.Decision == Deny })
}

// Severest returns the most severe decision among the outcomes, and Pass where
// there is none.
func (v Verdict) Severest() Decision {
	for _, decision := range []Decision{Deny, Warn, Waived} {
		if v.Count(decision) > 0 {
			return decision
		}
	}
	return Pass
}

// Count returns the number of outcomes with a decision.
func (v Verdict) Count(decision Decision) int {
	count := 0
	for _, outcome := range v.Outcomes {
		if outcome.Decision == decision {
			count++
		}
	}
	return count
}

// Faults returns one fault for each outcome that denies. Together they are at
// most [fault.MaxText] bytes as a text.
func (v Verdict) Faults() fault.List { return v.located(Deny) }

// Warnings returns one fault for each outcome that warns or that is waived, and
// the notices.
func (v Verdict) Warnings() fault.List {
	return slices.Concat(v.located(Warn), v.located(Waived), v.Notices)
}

func (v Verdict) located(decision Decision) fault.List {
	var faults fault.List
	for _, outcome := range v.Outcomes {
		if outcome.Decision != decision {
			continue
		}
		message := outcome.Message
		if outcome.Code.Denies() {
			message = outcome.Rule + ": " + message
		}
		if decision == Waived {
			message = "waived: " + message
		}
		located := fault.New(outcome.Code, "%s", message).
			In(outcome.File, outcome.Line).At(outcome.Object, outcome.Field).WithFix("%s", outcome.Fix)
		located.Quote = outcome.Quote
		faults = append(faults, located)
	}
	return faults
}

// Sort puts outcomes in their order.
func Sort(outcomes []Outcome) {
	slices.SortStableFunc(outcomes, func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Object, b.Object),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
}
