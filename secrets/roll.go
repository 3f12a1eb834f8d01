package secrets

import (
	"cmp"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// checksumAnnotation is on the pods of workloads that use a sealed Secret: its
// change replaces them.
const checksumAnnotation = "argocd-seal.io/secrets-checksum"

// users returns copies of the workloads that use a Secret.
func (p *plan) users(planned *secretPlan) []object.Object {
	var workloads []object.Object
	for index, o := range p.request.Objects {
		if p.uses(index, planned) && p.namespaceOf(o) == planned.Namespace {
			workloads = append(workloads, p.editable(index))
		}
	}
	return workloads
}

func (p *plan) uses(index int, planned *secretPlan) bool {
	o, ok := p.changed[index]
	if !ok {
		o = p.request.Objects[index]
	}
	pod, ok := inject.PodOf(o)
	return ok && pod.Uses(planned.Name())
}

// roll annotates the workloads of Secrets whose values were read. The checksum
// is over the values and not over what is sealed, so that a new certificate
// restarts nothing.
func (p *plan) roll() {
	if p.environment.NoChecksums || p.environment.Sealer == nil {
		return
	}
	parts := map[int][][]byte{}
	// By name, so that the order of files in the repository restarts nothing.
	ordered := slices.SortedStableFunc(slices.Values(p.secrets), func(a, b *secretPlan) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name(), b.Name()))
	})
	for _, planned := range ordered {
		if !planned.kind.ReadsValues() {
			continue
		}
		for index, o := range p.request.Objects {
			if !inject.Rolls(o) || p.namespaceOf(o) != planned.Namespace || !p.uses(index, planned) {
				continue
			}
			parts[index] = append(parts[index], []byte(planned.Namespace), []byte(planned.Name()))
			for _, entry := range planned.Entries {
				parts[index] = append(parts[index], []byte(entry.Key), entry.Value.Reveal())
			}
		}
	}
	for index, content := range parts {
		pod, _ := inject.PodOf(p.editable(index))
		pod.Annotate(checksumAnnotation, p.environment.Sealer.Checksum(content...))
	}
}
