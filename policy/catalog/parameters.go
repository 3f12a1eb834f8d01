package catalog

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// parametersOf returns what the metadata of a rule says of its parameters, with
// their defaults from the rule's text.
func parametersOf(rule bundle.Rule, b *bundle.Bundle, set map[string]any) []Parameter {
	defaults := b.Fallbacks(rule)
	var parameters []Parameter
	for _, name := range slices.Sorted(maps.Keys(rule.Meta.Parameters)) {
		parameter := Parameter{Name: name, Meaning: fmt.Sprint(rule.Meta.Parameters[name]), Default: defaults[name]}
		if value, ok := set[name]; ok {
			if text, err := json.Marshal(value); err == nil {
				parameter.Value = string(text)
			}
		}
		parameters = append(parameters, parameter)
	}
	return parameters
}
