package secrets

import (
	"fmt"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/leak"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// plan is the state of one request.
type plan struct {
	stage       *Stage
	request     Request
	environment Environment

	sites   map[refKey]*site
	ordered []*site
	secrets []*secretPlan
	inlines []*inlinePlan
	reads   map[string]*read

	watched  []leak.Watched
	warnings fault.List
	faults   fault.List
	// changed are the copies of objects that this stage edits, by index.
	changed map[int]object.Object
}

// refKey tells references apart: each occurrence is its own.
type refKey = *reference.Reference

// site is one occurrence of a reference.
type site struct {
	ref    *reference.Reference
	object object.Object
	field  string
	// optional is set for references whose entry goes where the key is missing.
	optional bool
	// failed is set where a fault has been reported, so that later steps pass over
	// the reference.
	failed bool
	access
}

// ready tells whether the steps up to settling have found nothing wrong with
// the reference and with what it stands in.
func (s *site) ready() bool { return !s.failed && s.grant != nil && s.kind != "" }

func failedOf(sites []*site) bool {
	return slices.ContainsFunc(sites, func(s *site) bool { return !s.ready() })
}

// secretPlan is one Secret that will be replaced: a rendered one, or one that
// variables are lifted into.
type secretPlan struct {
	// index is the object's place among the request's, or that of the workload
	// whose variables are lifted.
	index  int
	lifted bool
	inject.Secret
	imports []*site
	entries []entryPlan
	lifts   []lift
	kind    inject.Kind
}

// entryPlan is one key before it is resolved.
type entryPlan struct {
	key      string
	field    string
	template reference.Template
	decode   bool
	inData   bool
	literal  []byte
}

// lift is a variable of a container whose value moves into a Secret.
type lift struct {
	field     string
	key       string
	container string
	variable  int
}

// inlinePlan is a text outside of a Secret's data that has references.
type inlinePlan struct {
	index    int
	field    string
	path     []any
	template reference.Template
	// variable is set where the text is the whole value of a variable.
	variable *lift
}

// refused tells whether the request asks for something that it may not have, or
// for more than it may.
func (p *plan) refused() bool {
	return slices.ContainsFunc(p.faults, func(err *fault.Error) bool {
		return err.Code == fault.Forbidden || err.Code == fault.IdentityStreamed || err.Code == fault.Limit
	})
}

func (p *plan) fail(err *fault.Error) { p.faults = append(p.faults, err) }

// located puts an object's place on faults that have none yet.
func (p *plan) located(err error, o object.Object, field string) {
	for _, one := range fault.Of(err) {
		if one.Field != "" {
			field = one.Field
		}
		found := one.In(o.File, o.Line).At(o.String(), field)
		if found.Code == fault.RefSyntax && found.Expected == "" {
			found.Expected = grammar
		}
		p.fail(found)
	}
}

// grammar is what a reference looks like.
const grammar = "<vault:MOUNT/PATH#KEY>, or <vault:MOUNT/PATH#KEY@VERSION | MODIFIER>"

// readySites are the references that are still looked at, in their order.
func (p *plan) readySites() []*site {
	var ready []*site
	for _, s := range p.ordered {
		if s.ready() {
			ready = append(ready, s)
		}
	}
	return ready
}

// failSite reports what is wrong with a reference and takes it out.
func (p *plan) failSite(s *site, err error) {
	s.failed = true
	p.located(err, s.object, s.field)
}

// zero overwrites what was read.
func (p *plan) zero() {
	for _, r := range p.reads {
		for _, v := range r.secret.Values {
			v.Zero()
		}
	}
	for _, w := range p.watched {
		w.Value.Zero()
	}
}

func readKey(query store.Query, values bool) string {
	return fmt.Sprintf("%t\x00%s\x00%s\x00%s\x00%d", values, query.Role, query.Mount.Path, query.Path, query.Version)
}
