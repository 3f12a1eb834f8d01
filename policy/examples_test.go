package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
)

// TestEveryExampleBreaksItsRule gives the gate the example in the metadata of
// each built-in rule, as policy explain shows it.
func TestEveryExampleBreaksItsRule(t *testing.T) {
	gate, err := policy.New(t.Context(), policy.Config{Environments: map[string]policy.Environment{"all": {
		Level: builtin.Compliance,
		// Two rules hold only where the platform has set something.
		Parameters: map[string]any{"allowedRegistries": []any{"images.example.org"}, "requiredAnnotations": []any{"owner"}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range gate.Rules("all") {
		t.Run(rule.ID(), func(t *testing.T) {
			objects := exampleObjects(t, rule.Meta.Example)
			// A version before the removal of what the example of a deprecated
			// version names.
			version := map[string]string{"api-deprecated": "1.31.0"}[rule.ID()]
			verdict, err := gate.Evaluate(t.Context(), policy.Input{Objects: objects, Environment: "all", KubeVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(verdict.Outcomes, func(o policy.Outcome) bool { return o.Rule == rule.ID() }) {
				t.Errorf("the example does not break the rule: %v", rule.Meta.Example)
			}
		})
	}
}

func exampleObjects(t *testing.T, example any) []object.Object {
	t.Helper()
	documents, many := example.([]any)
	if !many {
		documents = []any{example}
	}
	var objects []object.Object
	for i, document := range documents {
		text, err := yaml.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := object.Decode(fmt.Sprintf("%d.yaml", i), text)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, decoded...)
	}
	if err := object.Check(objects); err != nil || len(objects) == 0 {
		t.Fatalf("%v in %v", err, example)
	}
	return objects
}
