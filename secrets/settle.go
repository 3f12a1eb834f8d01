package secrets

import (
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// access is what is known of a reference's right and place in Vault.
type access struct {
	grant *binding.Grant
	// open is set where the reference stands in clear because the platform has
	// declared it non-secret; that must hold for where it really points.
	open     bool
	kind     inject.Kind
	location inject.Location
	value    value.Value
	// generated marks a made-up value, missing one that is not there and need not be.
	generated, missing bool
}

// authorize looks every reference up in the bindings, before anything is asked
// of the store.
func (p *plan) authorize() {
	if !p.stage.Local && !binding.FixedRevision(p.request.Identity.Revision) {
		p.fail(fault.New(fault.IdentityStreamed, "the revision %q is no commit of the repository, so no reference is resolved",
			fault.Clean(p.request.Identity.Revision, 80)).WithFix("commit and push, then let Argo CD render the commit"))
		return
	}
	grants := p.grants()
	for _, s := range p.ordered {
		if s.ref.Points() {
			p.authorizePointer(s, grants)
			continue
		}
		grant, ok := grants.Authorize(s.ref.LogicalPaths()...)
		if !ok {
			p.fail(s.forbidden(grants.Mounts()))
			continue
		}
		s.grant = grant
	}
}

func (p *plan) grants() *binding.Grants {
	if p.stage.Local {
		allowed := []string{string(p.environment.Default)}
		for _, kind := range p.environment.Allowed {
			allowed = append(allowed, string(kind))
		}
		return binding.Unrestricted(allowed, p.stage.Bindings)
	}
	if p.stage.Bindings == nil {
		return &binding.Grants{}
	}
	return p.stage.Bindings.Match(p.request.Identity)
}

// forbidden speaks of the reference's text, and of the mounts that the
// application's own bindings name: nothing of what exists or of others' bindings.
func (s *site) forbidden(mounts []string) *fault.Error {
	err := s.object.Fault(fault.Forbidden, s.field, "no binding lets this application read %s", s.ref.Path).
		WithFix("check the path's spelling, or ask the platform team for a binding")
	if !s.ref.InAPIForm() && strings.Contains(s.ref.Path, "/data/") {
		err = err.WithFix("leave out data/: <vault:...> takes the path as vault kv get does, without the API's segments")
	}
	if mount, _, _ := strings.Cut(s.ref.Path, "/"); !slices.Contains(mounts, mount) {
		err.Nearest = nearest.Of(mount, mounts)
	}
	return err
}

// moveIt is the way out for a reference where no value may stand.
const moveIt = "move it into data or stringData of a Secret, or make it the whole value of a container's env entry"

// settle decides what each text and each Secret becomes.
func (p *plan) settle() {
	for _, planned := range p.secrets {
		p.settleSecret(planned, p.sitesOf(planned))
	}
	lifted := map[liftKey]*secretPlan{}
	for _, inline := range p.inlines {
		p.settleInline(inline, lifted)
	}
	for _, key := range sortedKeysOf(lifted) {
		planned := lifted[key]
		p.settleSecret(planned, p.sitesOf(planned))
		p.secrets = append(p.secrets, planned)
	}
	p.checkNames()
}

func (p *plan) sitesOf(planned *secretPlan) []*site {
	sites := slices.Clone(planned.imports)
	for _, entry := range planned.entries {
		sites = append(sites, p.sitesFor(entry.template)...)
	}
	return sites
}

func (p *plan) sitesFor(template reference.Template) []*site {
	var sites []*site
	for _, ref := range template.References() {
		sites = append(sites, p.sites[ref])
	}
	return sites
}

// settleSecret fixes a Secret's namespace and injection.
func (p *plan) settleSecret(planned *secretPlan, sites []*site) {
	o := planned.Object
	if o.Name() == "" {
		p.fail(o.Fault(fault.Injection, "metadata.name", "a Secret with references needs a name: what is sealed is bound to it").
			WithFix("set metadata.name instead of generateName"))
		return
	}
	planned.Namespace = p.namespaceOf(o)
	if planned.Namespace == "" {
		p.fail(o.Fault(fault.Namespace, "metadata.namespace", "neither the Secret nor the application's destination has a namespace").
			WithFix("set spec.destination.namespace of the Application"))
		return
	}
	for _, s := range sites {
		if s.grant == nil {
			return // reported as forbidden
		}
		if !s.grant.AllowsNamespace(planned.Namespace) {
			p.fail(o.Fault(fault.Namespace, "metadata.namespace", "the binding does not allow secrets in namespace %s", fault.Clean(planned.Namespace, 80)).
				WithFix("remove metadata.namespace, or ask the platform team to allow the namespace"))
			return
		}
	}
	if len(sites) == 0 && !p.stage.Local && planned.Namespace != p.request.Identity.Namespace {
		p.fail(o.Fault(fault.Namespace, "metadata.namespace", "the namespace %s is not the application's destination", fault.Clean(planned.Namespace, 80)).
			WithFix("remove metadata.namespace, or set it to the destination's"))
		return
	}
	kind, err := p.choose(sites)
	if err != nil {
		p.located(err, o, "")
		return
	}
	planned.kind = kind
	for _, s := range sites {
		s.kind = kind
	}
	if !kind.ReadsValues() && p.environment.PlainSecrets != PlainPass && p.environment.PlainSecrets != PlainSeal {
		p.refuseLiterals(planned)
	}
}

// refuseLiterals keeps keys that stand in clear in the repository out of
// pointer injections, which would carry them in clear.
func (p *plan) refuseLiterals(planned *secretPlan) {
	for _, entry := range planned.entries {
		if entry.template == nil {
			p.fail(planned.Object.Fault(fault.PlainSecret, entry.field, "the value stands in clear, and the injection %s would emit it so", planned.kind).
				WithFix("put it in Vault and refer to it, or move it to a ConfigMap"))
		}
	}
}

func (p *plan) namespaceOf(o object.Object) string {
	if namespace := o.Namespace(); namespace != "" {
		return namespace
	}
	return p.request.Identity.Namespace
}

// choose picks the injection: the application's choice where the platform
// allows it, else the environment's default, else the first that all bindings
// allow.
func (p *plan) choose(sites []*site) (inject.Kind, error) {
	if len(sites) == 0 {
		return p.configured(inject.KindSealedSecret)
	}
	if pointers, ofVault := split(sites); len(pointers) > 0 {
		return p.choosePointers(pointers, ofVault)
	}
	allowed := func(kind inject.Kind) bool { return p.permitsAll(sites, kind) }
	switch wanted := p.request.Injection; {
	case wanted != "" && allowed(wanted):
		return p.configured(wanted)
	case wanted != "":
		refused := fault.New(fault.Injection, "the injection %q is not allowed here", fault.Clean(string(wanted), 40)).
			WithFix("leave the parameter out, or ask the platform team to allow it")
		if !slices.Contains(inject.Kinds(), wanted) {
			refused = refused.MeantWord(string(wanted), kindNames())
		}
		return "", refused
	case allowed(p.environment.Default):
		return p.configured(p.environment.Default)
	}
	for _, kind := range inject.Kinds() {
		if allowed(kind) {
			return p.configured(kind)
		}
	}
	return "", fault.New(fault.Injection, "no injection is allowed by all bindings of the Secret's references").
		WithFix("split the Secret, or ask the platform team")
}

func kindNames() []string {
	names := make([]string, len(inject.Kinds()))
	for i, kind := range inject.Kinds() {
		names[i] = string(kind)
	}
	return names
}

func (p *plan) permitsAll(sites []*site, kind inject.Kind) bool {
	return !slices.ContainsFunc(sites, func(s *site) bool { return !p.permits(s.grant, kind) })
}

// permits tells whether a binding and the environment allow an injection. Only
// a binding that names it allows plaintext.
func (p *plan) permits(grant *binding.Grant, kind inject.Kind) bool {
	if len(grant.Injections) > 0 {
		return slices.Contains(grant.Injections, string(kind))
	}
	return kind != inject.KindPlaintext && p.environment.allows(kind)
}

func (p *plan) configured(kind inject.Kind) (inject.Kind, error) {
	if _, ok := p.environment.Injections[kind]; !ok && kind != inject.KindPlaintext {
		return "", fault.New(fault.Injection, "the injection %s is not set up in environment %q", kind, p.request.Environment).
			WithFix("the platform team adds it to plugin.yaml")
	}
	return kind, nil
}

// settleInline decides on a text outside of a Secret's data: in clear where the
// platform says that it is no secret or allows plaintext, lifted where it is a
// whole variable, and otherwise a fault.
func (p *plan) settleInline(inline *inlinePlan, lifted map[liftKey]*secretPlan) {
	sites := p.sitesFor(inline.template)
	o := p.request.Objects[inline.index]
	open := true
	for _, s := range sites {
		if s.grant == nil {
			return // reported as forbidden
		}
		if s.ref.Imports() {
			p.fail(o.Fault(fault.RefPosition, inline.field, "a reference to a whole path stands only for all data of a Secret").
				WithFix("name a key: <vault:%s#KEY>", s.ref.Path))
			return
		}
		open = open && slices.ContainsFunc(s.ref.LogicalPaths(), func(path string) bool { return s.grant.NonSecret(path, s.ref.Key) })
	}
	if pointers, _ := split(sites); len(pointers) > 0 {
		p.settlePointers(inline, pointers, lifted)
		return
	}
	kind, err := p.choose(sites)
	switch {
	case open:
		for _, s := range sites {
			s.open, s.kind = true, inject.KindPlaintext
		}
	case err == nil && kind == inject.KindPlaintext:
		for _, s := range sites {
			s.kind = inject.KindPlaintext
		}
	case inline.variable != nil:
		p.lift(inline, lifted, false)
	default:
		p.fail(o.Fault(fault.RefPosition, inline.field, "a value must not stand here: Argo CD stores and shows this field in clear").
			WithFix(moveIt))
	}
}

// checkNames refuses a lifted Secret that has the name of a rendered one.
func (p *plan) checkNames() {
	names := map[string]bool{}
	for _, o := range p.request.Objects {
		if isSecret(o) {
			names[p.namespaceOf(o)+"/"+o.Name()] = true
		}
	}
	for _, planned := range p.secrets {
		if planned.lifted && names[planned.Namespace+"/"+planned.Name()] {
			p.fail(planned.Object.Fault(fault.Injection, "metadata.name", "variables with references need a Secret of this name, and the application has one").
				WithFix("rename the application's own Secret"))
		}
	}
}

// checkPaths bounds how many distinct versions a request may ask for.
func (p *plan) checkPaths(count int) bool {
	most := limit(p.stage.Limits.Paths, defaultPaths)
	if count > most {
		p.fail(fault.New(fault.Limit, "the references name %d distinct paths and versions, the limit is %d", count, most).
			WithFix("split the application, or keep more keys under one path"))
	}
	return count <= most
}
