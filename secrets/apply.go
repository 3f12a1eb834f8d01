package secrets

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// inject builds the result: texts in clear, Secrets replaced, workloads rolled.
// After a fault it only looks for others, and the result is empty.
func (p *plan) inject() Result {
	p.changed = map[int]object.Object{}
	result := Result{Warnings: p.warnings}
	for _, inline := range p.inlines {
		if inline.template == nil || failedOf(p.sitesFor(inline.template)) {
			continue
		}
		p.fillInline(inline)
		result.Injections = append(result.Injections, Injected{
			Object: p.request.Objects[inline.index].String(), Kind: inject.KindPlaintext, Keys: []string{inline.field},
		})
	}
	replaced := map[int][]object.Object{}
	gone := map[int]bool{}
	for _, planned := range p.secrets {
		objects, ok := p.injectSecret(planned)
		if !ok {
			continue
		}
		replaced[planned.index] = append(replaced[planned.index], objects...)
		gone[planned.index] = gone[planned.index] || !planned.lifted
		result.Injections = append(result.Injections, Injected{Object: planned.Object.String(), Kind: planned.kind, Keys: planned.keys()})
		for _, scope := range inject.ScopeAnnotations(planned.Object) {
			result.Warnings = append(result.Warnings, planned.Object.Fault(fault.Seal, join("metadata.annotations", scope),
				"the annotation is dropped: the scope comes from plugin.yaml"))
		}
	}
	if len(p.faults) > 0 {
		return Result{}
	}
	p.roll()
	for index, o := range p.request.Objects {
		result.Objects = append(result.Objects, replaced[index]...)
		if gone[index] {
			continue
		}
		if changed, ok := p.changed[index]; ok {
			o = changed
		}
		result.Objects = append(result.Objects, o)
	}
	result.Used = p.used()
	return result
}

// editable returns the stage's own copy of an object.
func (p *plan) editable(index int) object.Object {
	o, ok := p.changed[index]
	if !ok {
		o = p.request.Objects[index].Clone()
		p.changed[index] = o
	}
	return o
}

// fillInline puts values into a text outside of a Secret's data. Only a field
// that is one whole reference takes a number, an object or another kind, and a
// ConfigMap, which holds texts, never does.
func (p *plan) fillInline(inline *inlinePlan) {
	original := p.request.Objects[inline.index]
	result, missing, err := p.render(inline.template)
	if err != nil {
		p.located(err, original, inline.field)
		return
	}
	var filled any = string(result.Reveal())
	if !result.Scalar() && (original.Kind() == "ConfigMap" || isSecret(original)) {
		p.located(reference.NotText(result.Kind()), original, inline.field)
		return
	}
	if result.Kind() != value.Text && original.Kind() != "ConfigMap" && !isSecret(original) {
		decoder := json.NewDecoder(bytes.NewReader(result.Reveal()))
		decoder.UseNumber()
		if decoder.Decode(&filled) != nil {
			p.located(reference.NotText(result.Kind()), original, inline.field)
			return
		}
	}
	setAt(p.editable(inline.index).Fields, inline.path, filled, missing)
}

// setAt sets or removes the field at a path of keys and indexes.
func setAt(node any, path []any, filled any, remove bool) {
	for i, step := range path {
		last := i == len(path)-1
		switch step := step.(type) {
		case string:
			fields := node.(map[string]any)
			switch {
			case last && remove:
				delete(fields, step)
			case last:
				fields[step] = filled
			}
			node = fields[step]
		case int:
			items := node.([]any)
			if last {
				items[step] = filled
			}
			node = items[step]
		}
	}
}

// injectSecret resolves a Secret's entries and has its injection replace it.
func (p *plan) injectSecret(planned *secretPlan) ([]object.Object, bool) {
	if planned.kind == "" {
		return nil, false // reported when it was settled
	}
	before := len(p.faults)
	for i := range planned.entries {
		if entry, ok := p.entry(planned, &planned.entries[i]); ok {
			planned.Entries = append(planned.Entries, entry)
		}
	}
	p.imports(planned)
	slices.SortFunc(planned.Entries, func(a, b inject.Entry) int { return cmp.Compare(a.Key, b.Key) })
	if len(p.faults) > before || failedOf(p.sitesOf(planned)) {
		return nil, false
	}
	var injection inject.Injection = inject.Plaintext{}
	if planned.kind != inject.KindPlaintext {
		injection = p.environment.Injections[planned.kind]
	}
	for _, moved := range planned.lifts {
		moved.point(p.editable(planned.index), planned.Name())
	}
	objects, err := injection.Inject(&planned.Secret, p.users(planned))
	if err != nil {
		for _, one := range fault.Of(err) {
			p.fail(one)
		}
		return nil, false
	}
	return objects, true
}

// entry resolves one key. It returns false where the key goes, or failed.
func (p *plan) entry(planned *secretPlan, entry *entryPlan) (inject.Entry, bool) {
	resolved := inject.Entry{Key: entry.key, Template: entry.template, Decode: entry.decode, InData: entry.inData}
	if entry.template == nil {
		resolved.Value = value.New(entry.literal)
		return resolved, true
	}
	if failedOf(p.sitesFor(entry.template)) {
		return inject.Entry{}, false
	}
	for _, s := range p.sitesFor(entry.template) {
		if s.missing {
			return inject.Entry{}, false
		}
		resolved.Locations = append(resolved.Locations, s.location)
	}
	if !planned.kind.ReadsValues() {
		return resolved, true
	}
	result, _, err := p.render(entry.template)
	if err == nil && !result.Scalar() {
		err = reference.NotText(result.Kind())
	}
	if err != nil {
		p.located(err, planned.Object, entry.field)
		return inject.Entry{}, false
	}
	if entry.decode && !p.generated(entry.template) {
		decoded, err := base64.StdEncoding.DecodeString(string(result.Reveal()))
		if err != nil {
			p.located(fault.New(fault.Modifier, "the value is not base64, as data needs").
				WithFix("write the reference under stringData, or add | base64encode"), planned.Object, entry.field)
			return inject.Entry{}, false
		}
		result = value.New(decoded)
	}
	resolved.Value = result
	return resolved, true
}

func (p *plan) generated(template reference.Template) bool {
	return slices.ContainsFunc(p.sitesFor(template), func(s *site) bool { return s.generated })
}

// imports adds all keys of the paths that a Secret takes. A key that the Secret
// names itself wins.
func (p *plan) imports(planned *secretPlan) {
	for _, s := range planned.imports {
		if !s.ready() {
			continue
		}
		planned.Imports = append(planned.Imports, s.location)
		if !planned.kind.ReadsValues() {
			continue
		}
		query := p.queryOf(s)
		for key, v := range p.reads[readKey(query, true)].secret.Values {
			named := slices.ContainsFunc(planned.Entries, func(e inject.Entry) bool { return e.Key == key })
			if named || v.Kind() == value.Null {
				continue
			}
			if err := inject.CheckKey(key); err != nil {
				p.located(err, planned.Object, s.field)
				continue
			}
			if !v.Scalar() {
				p.located(reference.NotText(v.Kind()), planned.Object, s.field)
				continue
			}
			planned.Entries = append(planned.Entries, inject.Entry{Key: key, Locations: []inject.Location{s.location}, Value: v})
		}
	}
}

// used lists the versions that were read, and what pointers name, for the audit
// trail.
func (p *plan) used() []Usage {
	var used []Usage
	for _, s := range p.ordered {
		if s.ref.Points() {
			if usage := s.usage(); !slices.Contains(used, usage) {
				used = append(used, usage)
			}
			continue
		}
		usage := Usage{Binding: s.grant.Binding, Mount: s.location.Mount.Path, Path: s.location.Path, Key: s.ref.Key, Pinned: s.location.Version > 0}
		if r := p.reads[readKey(p.queryOf(s), s.kind.ReadsValues())]; r != nil && !p.static(s) {
			usage.Version = cmp.Or(r.secret.Version, s.location.Version)
		}
		if !slices.Contains(used, usage) {
			used = append(used, usage)
		}
	}
	slices.SortFunc(used, func(a, b Usage) int {
		return cmp.Or(cmp.Compare(a.Store, b.Store), cmp.Compare(a.Mount, b.Mount), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Key, b.Key),
			cmp.Compare(a.Version, b.Version), cmp.Compare(a.Label, b.Label))
	})
	return used
}

func (s *secretPlan) keys() []string {
	keys := make([]string, len(s.Entries))
	for i, entry := range s.Entries {
		keys[i] = entry.Key
	}
	return keys
}
