package secrets

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/leak"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// read is one version of one secret, for all references to it.
type read struct {
	query  store.Query
	values bool
	sites  []*site
	secret store.Secret
	keys   []string
	err    error
}

// resolve finds out where references point and reads what is needed there. It
// returns false where nothing may be read.
func (p *plan) resolve(ctx context.Context) bool {
	if !p.locate(ctx) {
		return false
	}
	reads := p.planReads()
	if !p.checkPaths(len(reads)) {
		return false
	}
	p.parallel(len(reads), func(i int) {
		r := reads[i]
		if r.values {
			r.secret, r.err = p.stage.Source.Read(ctx, r.query)
		} else {
			r.keys, r.err = p.stage.Source.Keys(ctx, r.query)
		}
	})
	exposures := p.exposures()
	for _, r := range reads {
		p.settleRead(r)
		p.watchRead(r, exposures[r.query.Logical()])
	}
	slices.SortStableFunc(p.watched, func(a, b leak.Watched) int { return strings.Compare(a.Name, b.Name) })
	return true
}

// parallel runs work for each index, a few at a time, and waits for all.
func (p *plan) parallel(count int, work func(i int)) {
	var group errgroup.Group
	group.SetLimit(limit(p.stage.Limits.Parallel, defaultParallel))
	for i := range count {
		group.Go(func() error { work(i); return nil })
	}
	_ = group.Wait()
}

// static tells whether a reference is handed on without asking Vault.
func (p *plan) static(s *site) bool { return p.environment.HydratorSafe && !s.kind.ReadsValues() }

type located struct {
	mount store.Mount
	err   error
}

// locate finds the mount of each path, and authorizes what the path really is
// once the mount's version is known. It returns false where that is refused.
func (p *plan) locate(ctx context.Context) bool {
	type place struct{ role, path string }
	places := map[place]*located{}
	var order []place
	sites := p.vaultSites()
	for _, s := range sites {
		at := place{s.grant.Role, s.ref.Path}
		if places[at] == nil && !p.static(s) {
			places[at] = &located{}
			order = append(order, at)
		}
	}
	if !p.checkPaths(len(order)) {
		return false
	}
	var mu sync.Mutex
	p.parallel(len(order), func(i int) {
		mount, err := p.stage.Source.Locate(ctx, order[i].role, order[i].path)
		mu.Lock()
		defer mu.Unlock()
		*places[order[i]] = located{mount, err}
	})
	grants := p.grants()
	for _, s := range sites {
		found := located{mount: firstSegment(s.ref.Path)}
		if !p.static(s) {
			found = *places[place{s.grant.Role, s.ref.Path}]
		}
		if found.err != nil {
			p.failSite(s, found.err)
			continue
		}
		if err := s.place(found.mount); err != nil {
			p.failSite(s, err)
			continue
		}
		grant, ok := grants.Authorize(s.location.Logical())
		switch {
		case !ok:
			p.failSite(s, s.forbidden(grants.Mounts()))
		case s.open && !grant.NonSecret(s.location.Logical(), s.ref.Key):
			p.failSite(s, fault.New(fault.RefPosition, "a value must not stand here: Argo CD stores and shows this field in clear").WithFix(moveIt))
		default:
			s.grant = grant
		}
	}
	return !p.refused()
}

// firstSegment is the mount where nobody is asked: KV version 2 at the first
// segment.
func firstSegment(path string) store.Mount {
	mount, _, _ := strings.Cut(path, "/")
	return store.Mount{Path: mount, Version: 2}
}

// place splits the reference's path at its mount. A path in the API's form
// loses the segment that KV version 2 has added.
func (s *site) place(mount store.Mount) error {
	below, ok := strings.CutPrefix(s.ref.Path, mount.Path+"/")
	if s.ref.InAPIForm() && mount.Version == 2 {
		below = strings.TrimPrefix(below, "data/")
	}
	if !ok || below == "" {
		return store.Unavailable()
	}
	version := s.ref.Version
	if mount.Version == 1 {
		if version > 0 && !s.ref.InAPIForm() {
			return fault.New(fault.Secret, "the mount has KV version 1, which keeps no versions").WithFix("leave @%d out", version)
		}
		version = 0 // argocd-vault-plugin passes over it too
	}
	s.location = inject.Location{Mount: mount, Path: below, Key: s.ref.Key, Version: version}
	return nil
}

func (p *plan) queryOf(s *site) store.Query {
	return store.Query{Role: s.grant.Role, Mount: s.location.Mount, Path: s.location.Path, Version: s.location.Version}
}

// planReads groups the references by what has to be asked.
func (p *plan) planReads() []*read {
	p.reads = map[string]*read{}
	var reads []*read
	for _, s := range p.vaultSites() {
		if p.static(s) || !s.kind.ReadsValues() && s.location.Mount.Version == 1 {
			continue // KV version 1 proves nothing without showing the values
		}
		query := p.queryOf(s)
		key := readKey(query, s.kind.ReadsValues())
		r := p.reads[key]
		if r == nil {
			r = &read{query: query, values: s.kind.ReadsValues()}
			p.reads[key] = r
			reads = append(reads, r)
		}
		r.sites = append(r.sites, s)
		if s.ref.Key != "" && !slices.Contains(r.query.Wanted, s.ref.Key) {
			r.query.Wanted = append(r.query.Wanted, s.ref.Key)
		}
	}
	for _, r := range reads {
		slices.Sort(r.query.Wanted)
	}
	return reads
}

// settleRead hands a read's outcome to its references.
func (p *plan) settleRead(r *read) {
	for _, s := range r.sites {
		if r.err != nil {
			p.failSite(s, r.err)
			continue
		}
		if s.ref.Imports() {
			continue
		}
		found := slices.Contains(r.keys, s.ref.Key)
		if r.values {
			s.value, found = r.secret.Values[s.ref.Key]
			s.generated = r.secret.Generated
			found = found && s.value.Kind() != value.Null
		}
		if s.missing = !found; s.missing && !s.optional {
			p.failSite(s, store.Unavailable())
		}
	}
}

// exposure is how the references of a request use one path.
type exposure struct {
	// inClear is set where plaintext puts a value of the path in clear.
	inClear bool
	// hidden are the keys that are used otherwise; the empty key means all.
	hidden map[string]bool
}

func (p *plan) exposures() map[string]*exposure {
	exposures := map[string]*exposure{}
	for _, s := range p.vaultSites() {
		logical := s.location.Logical()
		if exposures[logical] == nil {
			exposures[logical] = &exposure{hidden: map[string]bool{}}
		}
		if s.kind == inject.KindPlaintext && !s.open {
			exposures[logical].inClear = true
		} else {
			exposures[logical].hidden[s.ref.Key] = true
		}
	}
	return exposures
}

// watchRead notes which values of a read must not be seen in the output: all of
// them, used or not, but for those that the platform has declared non-secret.
// Of a path that plaintext puts in clear, only what is sealed elsewhere counts,
// and so it does of values that are too short to be found by anything but
// chance: a port that stands beside a password stops no render.
func (p *plan) watchRead(r *read, exposed *exposure) {
	logical := r.query.Logical()
	for key, v := range r.secret.Values {
		sealed := exposed.hidden[key] || exposed.hidden[""]
		onlySealed := exposed.inClear || v.Len() < leak.MinSearched
		if onlySealed && !sealed || r.sites[0].grant.NonSecret(logical, key) {
			continue
		}
		p.watch(logical+"#"+key, v)
	}
}

// watch adds a value to what the leak scan searches for, and the texts inside
// of an object or a list, which modifiers can take out.
func (p *plan) watch(name string, v value.Value) {
	p.watched = append(p.watched, leak.Watched{Value: v, Name: name})
	if v.Kind() != value.Object && v.Kind() != value.List && (v.Kind() != value.Text || !json.Valid(v.Reveal())) {
		return
	}
	var document any
	if json.Unmarshal(v.Reveal(), &document) != nil {
		return
	}
	var descend func(any)
	descend = func(node any) {
		switch node := node.(type) {
		case string:
			p.watched = append(p.watched, leak.Watched{Value: value.FromString(node), Name: name})
		case map[string]any:
			for _, child := range node {
				descend(child)
			}
		case []any:
			for _, child := range node {
				descend(child)
			}
		}
	}
	descend(document)
}

// render puts values into a template. Missing is true where a reference's key
// is missing and its entry shall go.
func (p *plan) render(template reference.Template) (result value.Value, missing bool, err error) {
	result, err = template.Render(func(ref *reference.Reference) (value.Value, error) {
		s := p.sites[ref]
		if s.missing {
			missing = true
			return value.FromString(""), nil
		}
		if s.generated || len(ref.Modifiers) == 0 {
			return s.value, nil
		}
		v, err := reference.Modify(s.value, ref.Modifiers)
		if err == nil && s.kind != inject.KindPlaintext {
			p.watch(s.location.Logical()+"#"+ref.Key, v)
		}
		return v, err
	})
	return result, missing, err
}
