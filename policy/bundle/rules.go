package bundle

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Kind says what a message of a rule means.
type Kind string

// The kinds of rule, after conftest: deny and violation fail, warn warns.
const (
	Failure Kind = "failure"
	Warning Kind = "warning"
)

// The names that conftest gives a meaning to, with any number of suffixes.
var (
	warningName = regexp.MustCompile(`^warn(_[a-zA-Z0-9]+)*$`)
	failureName = regexp.MustCompile(`^(deny|violation)(_[a-zA-Z0-9]+)*$`)
	nearlyName  = regexp.MustCompile(`(?i)^(warn|deny|violation)(_.*)?$`)
)

// Rule is one name in one namespace that gives messages. Several rules of Rego
// may share it.
type Rule struct {
	// Namespace is the package without "data.", such as "kubernetes.admission".
	Namespace string
	// Name is the rule's name with its suffix, such as "deny_privileged".
	Name string
	Kind Kind
	// Bodies counts the rules of Rego with this name. conftest counts each as
	// one test.
	Bodies int
	// File and Line are where the first of them stands.
	File string
	Line int
	// query is the reference that conftest reports as a result's query.
	query string
	// Meta is what the METADATA comment of the rule or its package says.
	Meta Metadata
}

// Query returns the reference that conftest reports as a result's query.
func (r Rule) Query() string { return r.query }

// ID returns the rule's id from its metadata, or namespace/name.
func (r Rule) ID() string { return cmp.Or(r.Meta.ID, r.Namespace+"/"+r.Name) }

// ExceptionName returns the name that an exception rule uses for this rule: the
// suffix, or nothing for a rule without one.
func (r Rule) ExceptionName() string {
	for _, prefix := range []string{"violation", "deny", "warn"} {
		if r.Name == prefix {
			return ""
		}
		if suffix, ok := strings.CutPrefix(r.Name, prefix+"_"); ok {
			return suffix
		}
	}
	return r.Name
}

// rulesOf finds the rules of the modules, sorted by namespace and name, and
// refuses those that conftest would load and that could never deny anything.
func rulesOf(modules []*ast.Module) ([]Rule, error) {
	found := map[string]*Rule{}
	var faults fault.List
	for _, module := range modules {
		namespace := strings.TrimPrefix(module.Package.Path.String(), "data.")
		for _, rule := range module.Rules {
			name := rootName(rule)
			kind, ok := kindOf(name)
			if !ok {
				if nearlyName.MatchString(name) && len(rule.Head.Args) == 0 {
					faults = append(faults, at(rule, "%q is not a name that gives messages, so the rule would never be asked", name).
						WithFix("name it deny, warn or violation, with suffixes of letters and digits, or choose a different name"))
				}
				continue
			}
			if message := cannotDeny(rule); message != "" {
				faults = append(faults, at(rule, "%s %s", name, message).WithFix("write: %s contains msg if { ... }", name))
				continue
			}
			query := "data." + namespace + "." + name
			if found[query] == nil {
				found[query] = &Rule{Namespace: namespace, Name: name, Kind: kind, query: query, File: rule.Location.File, Line: rule.Location.Row, Meta: metadataOf(module, rule)}
			}
			found[query].Bodies++
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	rules := make([]Rule, 0, len(found))
	for _, rule := range found {
		rules = append(rules, *rule)
	}
	slices.SortFunc(rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return rules, nil
}

func kindOf(name string) (Kind, bool) {
	switch {
	case failureName.MatchString(name):
		return Failure, true
	case warningName.MatchString(name):
		return Warning, true
	default:
		return "", false
	}
}

func rootName(rule *ast.Rule) string {
	if ref := rule.Head.Ref(); len(ref) > 0 {
		if name, ok := ref[0].Value.(ast.Var); ok {
			return string(name)
		}
	}
	return string(rule.Head.Name)
}

// cannotDeny says why a rule with a name that gives messages cannot give a set
// of them, as far as its text shows it. What only shows when it is evaluated is
// the engine's to find.
func cannotDeny(rule *ast.Rule) string {
	if len(rule.Head.Args) > 0 {
		return "is a function"
	}
	if rule.Head.RuleKind() == ast.MultiValue {
		if len(rule.Head.Ref()) > 1 {
			return "has a name with parts"
		}
		return notMessage(rule.Head.Key)
	}
	if len(rule.Head.Ref()) > 1 || rule.Head.Key != nil {
		return "has the type object instead of a set of messages"
	}
	for ; rule != nil; rule = rule.Else {
		if rule.Head.Value == nil {
			continue
		}
		switch rule.Head.Value.Value.(type) {
		case ast.Boolean, ast.Number, ast.String, ast.Null, ast.Object, *ast.ObjectComprehension:
			return fmt.Sprintf("has the type %s instead of a set of messages", ast.ValueName(rule.Head.Value.Value))
		}
	}
	return ""
}

// notMessage says why a term in a set of messages is not one.
func notMessage(term *ast.Term) string {
	switch value := term.Value.(type) {
	case ast.String:
		if value == "" {
			return "gives an empty message"
		}
	case ast.Boolean, ast.Number, ast.Null, *ast.Array, ast.Set:
		return fmt.Sprintf("gives the type %s instead of a message", ast.ValueName(value))
	}
	return ""
}

func at(rule *ast.Rule, format string, args ...any) *fault.Error {
	return fault.New(fault.PolicyLoad, format, args...).In(rule.Location.File, rule.Location.Row)
}
