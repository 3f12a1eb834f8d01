// Package catalog describes the rules of a set of bundles to people: which
// there are, and what one of them asks for, why, and what to do about it.
package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Rule is one rule as people ask about it.
type Rule struct {
	ID string `json:"id"`
	// Bundle is the directory that the rule comes from, or "builtin", or "plugin"
	// for rules that are no policies in Rego.
	Bundle string `json:"bundle"`
	// Level is the lowest level of the built-in bundle that holds the rule.
	Level    string `json:"level,omitempty"`
	Severity string `json:"severity,omitempty"`
	Title    string `json:"title,omitempty"`
	// Decision is what a message of the rule means: deny or warn.
	Decision verdict.Decision `json:"decision"`
	// Why is the reason that the rule exists.
	Why string `json:"why,omitempty"`
	Fix string `json:"fix,omitempty"`
	// Input says what the rule sees: object, admission or render.
	Input      shape.Shape        `json:"input"`
	Parameters []Parameter        `json:"parameters,omitempty"`
	References []bundle.Reference `json:"references,omitempty"`
	// File and Line are where the rule stands, if it is in a file.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Source is the rule's text in Rego.
	Source string `json:"-"`
	// Example is an object, or a list of them, that the rule gives a message
	// about, in YAML.
	Example string `json:"-"`
}

// Parameter is what a platform may set for a rule.
type Parameter struct {
	Name    string `json:"name"`
	Meaning string `json:"meaning"`
	// Default is the value in JSON that holds where the platform sets none;
	// empty where the rule's text does not show it.
	Default string `json:"default,omitempty"`
	// Value is what the platform has set, in JSON; empty where it has not.
	Value string `json:"value,omitempty"`
}

// Catalog is a list of rules.
type Catalog struct{ rules []Rule }

// Builtin adds the rules of the built-in bundle with the parameters of the
// platform, level by level.
func (c *Catalog) Builtin(parameters map[string]any) error {
	b, err := builtin.Load(parameters)
	if err != nil {
		return err
	}
	rules, err := describe(builtinName, b, parameters)
	if err != nil {
		return err
	}
	of := func(rule Rule) int { return slices.Index(builtin.Levels(), builtin.Level(rule.Level)) }
	slices.SortStableFunc(rules, func(a, b Rule) int { return cmp.Or(cmp.Compare(of(a), of(b)), cmp.Compare(a.ID, b.ID)) })
	c.rules = append(c.rules, rules...)
	return nil
}

// Directory adds the rules of a directory of policies, sorted by id.
func (c *Catalog) Directory(path string) error {
	source := []bundle.Source{bundle.Dir(path)}
	b, err := bundle.Load(path, source, bundle.Options{Data: source})
	if err != nil {
		return err
	}
	rules, err := describe(path, b, nil)
	if err != nil {
		return err
	}
	slices.SortStableFunc(rules, func(a, b Rule) int { return cmp.Compare(a.ID, b.ID) })
	c.rules = append(c.rules, rules...)
	return nil
}

// builtinName stands for the built-in bundle where a directory would.
const builtinName = "builtin"

func describe(name string, b *bundle.Bundle, parameters map[string]any) ([]Rule, error) {
	var rules []Rule
	for _, rule := range b.Rules() {
		example, err := exampleOf(rule)
		if err != nil {
			return nil, err
		}
		decision := verdict.Deny
		if rule.Kind == bundle.Warning {
			decision = verdict.Warn
		}
		rules = append(rules, Rule{
			ID: rule.ID(), Bundle: name, Level: rule.Meta.Level, Severity: rule.Meta.Severity, Title: rule.Meta.Title,
			Decision: decision, Why: rule.Meta.Description, Fix: rule.Meta.Fix, Input: shape.Of(rule),
			Parameters: parametersOf(rule, b, parameters), References: rule.Meta.References,
			File: rule.File, Line: rule.Line, Source: b.Text(rule), Example: example,
		})
	}
	return rules, nil
}

// exampleOf writes the example in the metadata of a rule as YAML.
func exampleOf(rule bundle.Rule) (string, error) {
	if rule.Meta.Example == nil {
		return "", nil
	}
	text, err := yaml.Marshal(rule.Meta.Example)
	if err != nil {
		return "", fault.New(fault.PolicyLoad, "custom.example is not YAML").In(rule.File, rule.Line)
	}
	return string(text), nil
}

// Rules returns the rules of the built-in bundle that a level holds, and all
// others, which belong to no level. An empty level leaves none out.
func (c *Catalog) Rules(level string) ([]Rule, error) {
	if level == "" {
		return slices.Clone(c.rules), nil
	}
	upTo := slices.Index(builtin.Levels(), builtin.Level(level))
	if upTo < 0 {
		return nil, builtin.UnknownLevel(builtin.Level(level))
	}
	var kept []Rule
	for _, rule := range c.rules {
		if at := slices.Index(builtin.Levels(), builtin.Level(rule.Level)); rule.Bundle != builtinName || at >= 0 && at <= upTo {
			kept = append(kept, rule)
		}
	}
	return kept, nil
}

// Find returns the rule with an id, or a fault that names those most like it.
func (c *Catalog) Find(id string) (Rule, error) {
	for _, rule := range c.rules {
		if rule.ID == id {
			return rule, nil
		}
	}
	unknown := fault.New(fault.Parameter, "there is no rule %q", fault.Clean(id, 80))
	near := c.near(id)
	switch len(near) {
	case 0:
		return Rule{}, unknown.WithFix("argocd-seal policy list shows the rules")
	case 1:
		unknown.Nearest = near[0]
		return Rule{}, unknown
	default:
		last := len(near) - 1
		return Rule{}, unknown.WithFix("did you mean %s or %s?", strings.Join(near[:last], ", "), near[last])
	}
}

// maxNear is how many rules a fault names.
const maxNear = 3

// near returns the ids that are most like one that does not exist.
func (c *Catalog) near(id string) []string {
	ids := make([]string, len(c.rules))
	for i, rule := range c.rules {
		ids[i] = rule.ID
	}
	slices.Sort(ids)
	near := nearest.Words(id, slices.Compact(ids))
	return near[:min(len(near), maxNear)]
}

// Place is where the rule stands, as file and line.
func (r Rule) Place() string { return fmt.Sprintf("%s:%d", r.File, r.Line) }
