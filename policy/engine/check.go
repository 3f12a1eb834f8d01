package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/conftest/output"
	"github.com/open-policy-agent/opa/v1/topdown"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// Check is what the rules of one namespace said about one input.
type Check struct {
	Namespace string
	Findings  []Finding
	// Successes counts tests as conftest does: rules without a message, of
	// which each body of the same name is one.
	Successes int
	// Faults are rules that gave no answer that can be used. The input is to be
	// denied.
	Faults fault.List
}

// Finding is one message of a rule, in conftest's form.
type Finding struct {
	Rule bundle.Rule
	// Exception says that an exception took the rule away; the message is then
	// the query that did, as in conftest.
	Exception bool
	output.Result
}

// CheckResult gives the check in conftest's form, for its output formats.
func (c Check) CheckResult(file string) output.CheckResult {
	result := output.CheckResult{FileName: file, Namespace: c.Namespace, Successes: c.Successes}
	for _, finding := range c.Findings {
		switch {
		case finding.Exception:
			result.Exceptions = append(result.Exceptions, finding.Result)
		case finding.Rule.Kind == bundle.Warning:
			result.Warnings = append(result.Warnings, finding.Result)
		default:
			result.Failures = append(result.Failures, finding.Result)
		}
	}
	return result
}

// check reads the answers of the namespace. Get returns one answer: an empty
// list where the rule is undefined, otherwise a list with its value.
func (s space) check(get func(number int, ref string) ([]any, error)) Check {
	check := Check{Namespace: s.name}
	exceptions, err := get(0, s.exception())
	if err != nil {
		// Without the exceptions every rule counts, and the fault is told.
		check.Faults = append(check.Faults, unanswered(s.rules[0], "exception", err))
	}
	successes, bodies := 0, 0
	for i, rule := range s.rules {
		bodies += rule.Bodies
		value, err := get(i+1, rule.Query())
		if err != nil {
			check.Faults = append(check.Faults, unanswered(rule, rule.Name, err))
			continue
		}
		if excepted := excepted(rule, exceptions); len(excepted) > 0 {
			check.Findings = append(check.Findings, excepted...)
			continue
		}
		if len(value) == 0 {
			continue
		}
		findings, err := messages(rule, value[0])
		if err != nil {
			check.Faults = append(check.Faults, unanswered(rule, rule.Name, err))
			continue
		}
		if len(findings) == 0 {
			successes++
		}
		check.Findings = append(check.Findings, findings...)
	}
	check.Successes = successes + max(0, bodies-successes-len(check.Findings))
	return check
}

// messages reads the value of a rule: a set or list of strings, or of objects
// with a msg. Anything else is an error, whatever else the rule gives.
func messages(rule bundle.Rule, value any) ([]Finding, error) {
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("it gave %s instead of a set of messages", typeName(value))
	}
	findings := make([]Finding, 0, len(items))
	for _, item := range items {
		var result output.Result
		switch item := item.(type) {
		case string:
			result = output.Result{Message: item, Metadata: map[string]any{}}
		case map[string]any:
			var err error
			if result, err = output.NewResult(item); err != nil {
				return nil, errors.New("it gave an object whose msg is missing or is not a string")
			}
		default:
			return nil, fmt.Errorf("it gave %s instead of a message", typeName(item))
		}
		if strings.TrimSpace(result.Message) == "" {
			return nil, errors.New("it gave an empty message")
		}
		result.Metadata["query"] = rule.Query()
		findings = append(findings, Finding{Rule: rule, Result: result})
	}
	return findings, nil
}

// excepted returns a finding for each exception that names the rule: the value
// of exception is a collection of collections of names.
func excepted(rule bundle.Rule, exceptions []any) []Finding {
	var findings []Finding
	for _, value := range exceptions {
		for _, names := range elements(value) {
			for _, name := range elements(names) {
				if name == any(rule.ExceptionName()) {
					query := fmt.Sprintf("data.%s.exception[_][_] == %q", rule.Namespace, rule.ExceptionName())
					findings = append(findings, Finding{Rule: rule, Exception: true, Result: output.Result{Message: query}})
				}
			}
		}
	}
	return findings
}

func elements(value any) []any {
	switch value := value.(type) {
	case []any:
		return value
	case map[string]any:
		values := make([]any, 0, len(value))
		for _, element := range value {
			values = append(values, element)
		}
		return values
	default:
		return nil
	}
}

func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	default:
		return "a number"
	}
}

// unanswered is the fault of a rule that gave no answer, at the place that OPA
// names, which may be in a helper of the rule, or at the rule.
func unanswered(rule bundle.Rule, name string, err error) *fault.Error {
	file, line, message := rule.File, rule.Line, err.Error()
	var evaluation *topdown.Error
	if errors.As(err, &evaluation) {
		message = evaluation.Message
		if evaluation.Location != nil && evaluation.Location.File != "" {
			file, line = evaluation.Location.File, evaluation.Location.Row
		}
	}
	return fault.New(fault.PolicyEngine, "policy %s/%s gave no verdict: %s", rule.Namespace, name, fault.Clean(message, 200)).
		In(file, line).WithFix("the platform team corrects the policy; until then the object is denied")
}
