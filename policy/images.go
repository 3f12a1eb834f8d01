package policy

import (
	"cmp"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// askImages turns what the verification of images found into outcomes.
func (env *environment) askImages(input Input) ([]found, error) {
	if env.images == "" {
		return nil, nil
	}
	if input.Images == nil {
		if input.ImagesUnverified {
			return nil, nil
		}
		return nil, fault.New(fault.Internal, "nobody verified the images")
	}
	numbers := map[string]int{}
	for i, o := range input.Objects {
		numbers[supplychain.Key(o)] = i
	}
	var all []found
	for _, one := range input.Images.Images {
		index, ok := numbers[one.Key]
		for _, finding := range one.Findings {
			outcome := imageOutcome(finding)
			outcome.Field = one.Field
			at := -1
			if ok {
				at, outcome = index, outcome.About(input.Objects[index])
			}
			all = append(all, found{Outcome: outcome, index: at})
		}
	}
	return all, nil
}

func imageOutcome(finding supplychain.Finding) Outcome {
	return Outcome{
		Rule: finding.Rule, Bundle: "images", Severity: cmp.Or(finding.Severity, "high"), Decision: cmp.Or(finding.Decision, verdict.Deny),
		Message: fault.Clean(finding.Message, 2*verdict.MaxMessageBytes), Fix: fault.Clean(finding.Fix, verdict.MaxMessageBytes), Code: finding.Code,
	}
}

// withImages returns the objects' converted forms with what was verified of their
// images, as policies see them: at images, whatever the object has there itself.
func withImages(objects []object.Object, values []ast.Value, verified *supplychain.Result) []ast.Value {
	if verified == nil {
		return values
	}
	facts := map[string][]*ast.Term{}
	for i := range verified.Images {
		one := &verified.Images[i]
		facts[one.Key] = append(facts[one.Key], ast.NewTerm(one.Facts()))
	}
	key := ast.StringTerm("images")
	seen := make([]ast.Value, len(values))
	for i, value := range values {
		whole, ok := value.(ast.Object)
		if !ok {
			seen[i] = value
			continue
		}
		made := ast.NewObject(ast.Item(key, ast.ArrayTerm(facts[supplychain.Key(objects[i])]...)))
		whole.Foreach(func(name, value *ast.Term) {
			if !name.Equal(key) {
				made.Insert(name, value)
			}
		})
		seen[i] = made
	}
	return seen
}
