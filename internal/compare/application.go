package compare

import (
	"cmp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Side is one state of an application.
type Side struct {
	// Path is the application's directory; empty where the side has no such
	// application.
	Path string
	// Environment judged it, if one did.
	Environment string
	Rendered    Rendered
	Verdict     verdict.Verdict
	// Warnings are what is wrong with it beside the verdict, such as a malformed
	// reference.
	Warnings fault.List
	// Faults are why it could not be rendered. Such a side has no objects.
	Faults fault.List
}

// Application is what differs of one application.
type Application struct {
	// Path is its directory, and Was the other side's where overlays are compared.
	Path string `json:"path"`
	Was  string `json:"was,omitempty"`
	// Status is empty where the application is on both sides and nothing differs.
	Status Status `json:"status,omitempty"`
	// EnvironmentBefore and Environment judged the two sides.
	EnvironmentBefore string `json:"environmentBefore,omitempty"`
	Environment       string `json:"environment,omitempty"`
	Difference
	Verdicts []Verdict `json:"verdicts,omitempty"`
	Warnings []Warning `json:"warnings,omitempty"`
	// FaultsBefore and Faults are why a side could not be rendered. Then the
	// objects are not compared.
	FaultsBefore fault.List `json:"faultsBefore,omitempty"`
	Faults       fault.List `json:"faults,omitempty"`
}

// Verdict is an outcome that only one side has: one that is [Added] is new.
type Verdict struct {
	Status  Status          `json:"status"`
	Outcome verdict.Outcome `json:"outcome"`
}

// Warning is a warning that only one side has.
type Warning struct {
	Status Status       `json:"status"`
	Fault  *fault.Error `json:"fault"`
}

// Compare compares the two sides of an application.
func Compare(before, after Side, options Options) Application {
	a := Application{
		Path: cmp.Or(after.Path, before.Path), EnvironmentBefore: before.Environment, Environment: after.Environment,
		FaultsBefore: before.Faults, Faults: after.Faults,
	}
	if before.Path != "" && before.Path != a.Path {
		a.Was = before.Path
	}
	if len(a.Faults) == 0 && len(a.FaultsBefore) == 0 {
		a.Difference = Objects(before.Rendered, after.Rendered, options)
		a.Verdicts = verdicts(before.Verdict, after.Verdict, a.renamed)
		a.Warnings = warnings(before.Warnings, after.Warnings)
	}
	switch {
	case before.Path == "":
		a.Status = Added
	case after.Path == "":
		a.Status = Removed
	case !a.same():
		a.Status = Changed
	}
	return a
}

// same tells whether nothing differs that a person would want to know.
func (a Application) same() bool {
	return len(a.Objects)+len(a.Injections)+len(a.Verdicts)+len(a.Warnings)+len(a.Faults)+len(a.FaultsBefore) == 0
}

// Denials counts the denials that come and those that go.
func (a Application) Denials() (come, gone int) {
	for _, v := range a.Verdicts {
		switch {
		case v.Outcome.Decision != verdict.Deny:
		case v.Status == Added:
			come++
		default:
			gone++
		}
	}
	return come, gone
}

// said is what makes two outcomes the same. Lines move with what stands above.
type said struct {
	rule, object, field, message string
	decision                     verdict.Decision
}

func verdicts(before, after verdict.Verdict, renamed map[string]string) []Verdict {
	key := func(o verdict.Outcome) said { return said{o.Rule, o.Object, o.Field, o.Message, o.Decision} }
	former, later := map[said]bool{}, map[said]bool{}
	for _, outcome := range before.Outcomes {
		former[key(follow(outcome, renamed))] = true
	}
	for _, outcome := range after.Outcomes {
		later[key(outcome)] = true
	}
	var found []Verdict
	told := map[said]bool{}
	for _, outcome := range after.Outcomes {
		if one := key(outcome); !former[one] && !told[one] {
			told[one] = true
			found = append(found, Verdict{Added, outcome})
		}
	}
	for _, outcome := range before.Outcomes {
		if one := key(follow(outcome, renamed)); !later[one] && !told[one] {
			told[one] = true
			found = append(found, Verdict{Removed, outcome})
		}
	}
	slices.SortStableFunc(found, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(severity(a), severity(b)), cmp.Compare(a.Outcome.Object, b.Outcome.Object), cmp.Compare(a.Outcome.Rule, b.Outcome.Rule))
	})
	return found
}

// follow gives an outcome about an object that has another name now as it would
// be said of that: messages repeat names and namespaces.
func follow(outcome verdict.Outcome, renamed map[string]string) verdict.Outcome {
	now, ok := renamed[outcome.Object]
	if !ok {
		return outcome
	}
	namespaceWas, nameWas := named(outcome.Object)
	namespaceIs, nameIs := named(now)
	outcome.Object = now
	for _, pair := range [][2]string{{nameWas, nameIs}, {namespaceWas, namespaceIs}} {
		if pair[0] != "" && pair[0] != pair[1] {
			outcome.Message = strings.ReplaceAll(outcome.Message, pair[0], pair[1])
		}
	}
	return outcome
}

// named takes the namespace and the name from what [object.Object.String] gives.
func named(object string) (namespace, name string) {
	_, name, _ = strings.Cut(object, " ")
	if before, after, ok := strings.Cut(name, "/"); ok {
		return before, after
	}
	return "", name
}

// severity sorts what needs somebody to act before the rest.
func severity(v Verdict) int {
	order := map[verdict.Decision]int{verdict.Deny: 0, verdict.Warn: 2, verdict.Waived: 4}[v.Outcome.Decision]
	if v.Status == Removed {
		order++
	}
	return order
}

func warnings(before, after fault.List) []Warning {
	key := func(f *fault.Error) string {
		return string(f.Code) + "\x00" + f.Object + "\x00" + f.Field + "\x00" + f.Message
	}
	former, later := map[string]bool{}, map[string]bool{}
	for _, f := range before {
		former[key(f)] = true
	}
	for _, f := range after {
		later[key(f)] = true
	}
	var found []Warning
	for _, f := range after {
		if !former[key(f)] {
			found = append(found, Warning{Added, f})
		}
	}
	for _, f := range before {
		if !later[key(f)] {
			found = append(found, Warning{Removed, f})
		}
	}
	return found
}
