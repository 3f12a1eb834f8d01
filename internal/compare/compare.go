package compare

import (
	"cmp"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// Status is what became of an object or a field.
type Status string

// The states.
const (
	Added   Status = "added"
	Removed Status = "removed"
	Changed Status = "changed"
)

// Object is one object that is not the same on both sides.
type Object struct {
	Status Status `json:"status"`
	// Name names the object as it is afterwards, or was where it is removed, such
	// as "Deployment prod/web".
	Name string `json:"object"`
	// Was is the former name where the object was found again under another one.
	Was string `json:"was,omitempty"`
	// File and Line are where it stands in the source; 0 is unknown.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Fields are what changed; empty for objects that come or go, and where only
	// the injection changes.
	Fields []Field `json:"fields,omitempty"`
	// Notes say in words what the fields cannot: what becomes of references and
	// of injections, and that something differs which is not shown.
	Notes []string `json:"notes,omitempty"`
	// Hunks are the differences of the objects as YAML.
	Hunks []Hunk `json:"-"`
}

// Image is a container whose image is not the same on both sides; Before or After
// is empty where there is no such container.
type Image struct {
	Object    string `json:"object"`
	Container string `json:"container"`
	Before    string `json:"before,omitempty"`
	After     string `json:"after,omitempty"`
}

// Reference is a field whose references to Vault are not the same on both sides.
// Before and After are the references with what stands around them hidden in a
// Secret; empty where there is none.
type Reference struct {
	Object string `json:"object"`
	Field  string `json:"field"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Injection is a Secret that becomes something else than before. Before or After
// is empty where nothing is injected.
type Injection struct {
	Object string `json:"object"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Difference is all that differs between two lists of objects.
type Difference struct {
	Objects    []Object    `json:"objects,omitempty"`
	Images     []Image     `json:"images,omitempty"`
	References []Reference `json:"references,omitempty"`
	Injections []Injection `json:"injections,omitempty"`
	// Same counts the objects that are on both sides and do not differ.
	Same int `json:"same"`
	// renamed holds the later names of objects by their former ones.
	renamed map[string]string
}

// Count returns how many objects have a status.
func (d Difference) Count(status Status) int {
	count := 0
	for _, o := range d.Objects {
		if o.Status == status {
			count++
		}
	}
	return count
}

// Options say how objects are matched.
type Options struct {
	// Overlays compares two overlays of one application, so that an object may
	// have another namespace, prefix or suffix on each side. Between two revisions
	// it would be another object.
	Overlays bool
}

// Rendered are the objects of one side, with the injection of each Secret by the
// object's name as [object.Object.String] gives it.
type Rendered struct {
	Objects  []object.Object
	Injected map[string]string
}

// Objects compares two lists of objects. Neither is changed.
func Objects(before, after Rendered, options Options) Difference {
	d := Difference{renamed: map[string]string{}}
	for _, p := range match(before.Objects, after.Objects, options.Overlays) {
		d.add(p, before.Injected, after.Injected)
	}
	d.injections(before.Injected, after.Injected)
	slices.SortStableFunc(d.Objects, func(a, b Object) int { return cmp.Compare(a.Name, b.Name) })
	return d
}

// add compares the two sides of one object.
func (d *Difference) add(p pair, injectedBefore, injectedAfter map[string]string) {
	if p.before != nil && p.after != nil && p.before.String() != p.after.String() {
		d.renamed[p.before.String()] = p.after.String()
	}
	shown := show(p)
	found := Object{Name: p.name(), Fields: shown.fields(), Hunks: shown.hunks()}
	references := shown.references(found.Name)
	switch {
	case p.before == nil:
		found.Status, found.Fields = Added, nil
	case p.after == nil:
		found.Status, found.Fields = Removed, nil
	default:
		found.Status = Changed
		if p.before.String() != found.Name {
			found.Was = p.before.String()
		}
	}
	found.File, found.Line = p.place()
	found.Notes = notes(found.Status, references, found.Fields)
	if found.Status == Changed {
		if before, after := injectedBefore[p.before.String()], injectedAfter[p.after.String()]; before != after {
			found.Notes = append(found.Notes, injectionNote(before, after))
		}
		if len(found.Fields) == 0 && len(found.Notes) == 0 {
			d.Same++
			return
		}
	}
	d.Objects = append(d.Objects, found)
	d.References = append(d.References, references...)
	d.Images = append(d.Images, images(p)...)
}

// injections lists the Secrets that become something else, and those that come
// or go.
func (d *Difference) injections(before, after map[string]string) {
	former := map[string]string{}
	for name, kind := range before {
		former[cmp.Or(d.renamed[name], name)] = kind
	}
	names := map[string]bool{}
	for name := range former {
		names[name] = true
	}
	for name := range after {
		names[name] = true
	}
	for name := range names {
		if former[name] != after[name] {
			d.Injections = append(d.Injections, Injection{Object: name, Before: former[name], After: after[name]})
		}
	}
	slices.SortFunc(d.Injections, func(a, b Injection) int { return cmp.Compare(a.Object, b.Object) })
}

// name names the object as it is afterwards, if it is there.
func (p pair) name() string {
	if p.after != nil {
		return p.after.String()
	}
	return p.before.String()
}

func (p pair) place() (file string, line int) {
	if p.after != nil {
		return p.after.File, p.after.Line
	}
	return p.before.File, p.before.Line
}
