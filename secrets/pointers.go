package secrets

import (
	"fmt"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// References to other stores than Vault go another way than the rest: no value
// of theirs is read, by nobody and for nothing, so all that is known of one is its
// text and the object in the cluster that reads it.

// authorizePointer looks a pointer up in the bindings. With that it is placed:
// there is nothing to ask.
func (p *plan) authorizePointer(s *site, grants *binding.Grants) {
	grant, store, ok := grants.AuthorizePointer(s.ref)
	if !ok {
		p.fail(s.object.Fault(fault.Forbidden, s.field, "no binding lets this application refer to %s of %s", fault.Clean(s.ref.Path, 200), s.ref.Store).
			WithFix("check the name's spelling, or ask the platform team to list it under stores of a binding"))
		return
	}
	s.grant = grant
	s.location = inject.Location{Key: s.ref.Key, Pointer: &inject.Pointer{
		StoreKind: store.Kind, StoreName: store.Name, Name: s.ref.Name(), Version: s.ref.Label,
	}}
}

// split tells pointers from references to Vault.
func split(sites []*site) (pointers, ofVault []*site) {
	for _, s := range sites {
		if s.ref.Points() {
			pointers = append(pointers, s)
		} else {
			ofVault = append(ofVault, s)
		}
	}
	return pointers, ofVault
}

// vaultSites are the references that are still looked at and lead to Vault.
func (p *plan) vaultSites() []*site {
	_, ofVault := split(p.readySites())
	return ofVault
}

// choosePointers is choose for references of which some are pointers: nothing but
// an ExternalSecret can carry those, whatever is chosen for Vault.
func (p *plan) choosePointers(pointers, ofVault []*site) (inject.Kind, error) {
	const kind = inject.KindExternalSecret
	for _, s := range pointers {
		if !p.permits(s.grant, kind) {
			return "", fault.New(fault.Injection, "a reference to %s becomes an ExternalSecret, and the injection %s is not allowed here", s.ref.Store, kind).At("", s.field).
				WithFix("ask the platform team to add %s to injection.allowed of the environment, and to the binding's injections where it lists some", kind)
		}
	}
	if _, err := p.configured(kind); err != nil || len(ofVault) == 0 {
		return kind, err
	}
	chosen, err := p.choose(ofVault)
	if err != nil || chosen == kind {
		return chosen, err
	}
	way := "split the Secret in two"
	if p.permitsAll(ofVault, kind) {
		way += fmt.Sprintf(", or choose the injection %s for both", kind)
	}
	return "", fault.New(fault.Injection, "%s refers to Vault and is injected as %s, %s refers to %s and becomes an ExternalSecret: one Secret cannot be both",
		fault.Clean(ofVault[0].field, 200), chosen, fault.Clean(pointers[0].field, 200), pointers[0].ref.Store).At("", pointers[0].field).WithFix("%s", way)
}

// usage is what the audit trail is told of a pointer: what was named, since
// nothing was read.
func (s *site) usage() Usage {
	return Usage{
		Binding: s.grant.Binding, Store: string(s.ref.Store), Path: s.ref.Path, Key: s.ref.Key, Label: s.ref.Label, Pinned: s.ref.Label != "",
	}
}

// settlePointers is settleInline for a text with pointers: there is no value that
// could stand in clear, whatever the platform allows.
func (p *plan) settlePointers(inline *inlinePlan, pointers []*site, lifted map[liftKey]*secretPlan) {
	if inline.variable != nil {
		p.lift(inline, lifted, true)
		return
	}
	err := fault.New(fault.RefPosition, "a reference to %s cannot stand here: its value is not read, and Argo CD would show this field in clear", pointers[0].ref.Store)
	p.located(err.WithFix(moveIt), pointers[0].object, inline.field)
}
