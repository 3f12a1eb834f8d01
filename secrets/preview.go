package secrets

import (
	"cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// PreviewNamespace stands for a destination that nobody has named. Which
// injection is chosen does not depend on it.
const PreviewNamespace = "default"

// Preview tells what [Stage.Apply] would replace and by which injection, without
// asking the store for anything. A variable that would be lifted counts as a
// Secret of its workload's name. The second result is what is wrong with
// references as far as it shows without values.
func (s *Stage) Preview(request Request) ([]Injected, fault.List) {
	environment, ok := s.Environments[request.Environment]
	if !ok {
		return nil, fault.List{fault.New(fault.Config, "the environment %q is not configured", fault.Clean(request.Environment, 80))}
	}
	request.Identity.Namespace = cmp.Or(request.Identity.Namespace, PreviewNamespace)
	p := &plan{stage: s, request: request, environment: environment, sites: map[refKey]*site{}}
	p.collect()
	if len(p.ordered) > 0 {
		p.authorize()
	}
	p.settle()
	var found []Injected
	for _, planned := range p.secrets {
		if planned.kind != "" {
			found = append(found, Injected{Object: planned.Object.String(), Kind: planned.kind, Keys: planned.plannedKeys()})
		}
	}
	for _, inline := range p.inlines {
		if inline.template == nil {
			continue // lifted
		}
		for _, s := range p.sitesFor(inline.template) {
			if s.kind == inject.KindPlaintext {
				found = append(found, Injected{Object: s.object.String(), Kind: s.kind, Keys: []string{inline.field}})
				break
			}
		}
	}
	return found, p.faults
}

// plannedKeys are the keys that a Secret names itself.
func (s *secretPlan) plannedKeys() []string {
	keys := make([]string, len(s.entries))
	for i, entry := range s.entries {
		keys[i] = entry.key
	}
	return keys
}
