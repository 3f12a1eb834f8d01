// Package builtin is the bundle of policies that comes with the plugin, in four
// levels that build on each other. The policies are Rego files in the folder
// rules, each rule with its id, reason, fix and reference in a METADATA comment
// and with tests beside it; they run under conftest as they stand.
package builtin

import (
	"embed"
	"io/fs"
	"maps"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

//go:embed rules/*.rego
var files embed.FS

// Level names how much is asked of an environment. Each level holds the rules
// of those before it.
type Level string

// The levels, from the least to the most.
const (
	Basic      Level = "basic-security"
	Enhanced   Level = "enhanced-security"
	Production Level = "production-security"
	Compliance Level = "compliance-validation"
)

// Levels lists the levels, from the least to the most.
func Levels() []Level { return []Level{Basic, Enhanced, Production, Compliance} }

// Load compiles the whole bundle, which takes some tens of milliseconds.
// Parameters are what the platform sets for the rules; each rule's metadata
// says what it knows.
func Load(parameters map[string]any) (*bundle.Bundle, error) {
	rules, err := fs.Sub(files, "rules")
	if err != nil {
		return nil, err
	}
	b, err := bundle.Load("builtin", []bundle.Source{{Name: "builtin", FS: rules}}, bundle.Options{Version: bundle.V1, Parameters: parameters})
	if err != nil {
		return nil, err
	}
	return b, known(b, parameters)
}

// At returns the rules of a level.
func At(b *bundle.Bundle, level Level) (*bundle.Bundle, error) {
	upTo := slices.Index(Levels(), level)
	if upTo < 0 {
		return nil, UnknownLevel(level)
	}
	return b.Only(string(level), func(rule bundle.Rule) bool {
		at := slices.Index(Levels(), Level(rule.Meta.Level))
		return at >= 0 && at <= upTo
	}), nil
}

// UnknownLevel is the fault of a level that does not exist.
func UnknownLevel(level Level) error {
	names := make([]string, len(Levels()))
	for i, known := range Levels() {
		names[i] = string(known)
	}
	return fault.New(fault.Config, "there is no policy level %q", string(level)).Like(string(level), names).
		WithFix("use %s, %s, %s or %s", Basic, Enhanced, Production, Compliance)
}

// known refuses a parameter that no rule reads: a misspelt list of registries
// would allow every registry.
func known(b *bundle.Bundle, parameters map[string]any) error {
	names := map[string]bool{}
	for _, rule := range b.Rules() {
		for name := range rule.Meta.Parameters {
			names[name] = true
		}
	}
	var faults fault.List
	for name := range parameters {
		if !names[name] {
			faults = append(faults, fault.New(fault.Config, "no built-in policy knows the parameter %q", name).At("", "parameters."+name).
				Meant(name, slices.Sorted(maps.Keys(names))).WithFix("argocd-seal policy list shows the parameters"))
		}
	}
	return faults.OrNil()
}
