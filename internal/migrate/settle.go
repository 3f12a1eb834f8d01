package migrate

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/helm"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// maxRounds is how often what renders to something else is taken back before
// all of an application is.
const maxRounds = 4

// maxRuns bounds how many applications are rendered.
const maxRuns = 2000

// trace is the mount of the references that show where a placeholder ends.
const trace = "argocd-seal-migrate"

// run is one way in which an application is rendered.
type run struct {
	dir        string
	parameters render.Parameters
	// application is set where an Application says how the source is rendered.
	application *application
	before      []object.Object
}

// settle decides on what only rendering can tell, and then compares what every
// application renders before and after.
func (p *planner) settle(ctx context.Context) error {
	runs, err := p.runs(ctx)
	if err != nil {
		return err
	}
	landings, err := p.trace(ctx, runs)
	if err != nil {
		return err
	}
	for _, f := range p.files {
		for _, s := range f.sites {
			for _, h := range s.holders {
				if s.place == placeFree && h.obstacle == nil {
					h.land(landings[h.id], p.Renderer != nil)
				}
			}
		}
	}
	for _, one := range runs {
		if err := p.verify(ctx, one); err != nil {
			return err
		}
	}
	p.strays(runs)
	return nil
}

// runs renders every application of the tree as it is.
func (p *planner) runs(ctx context.Context) ([]run, error) {
	if p.Renderer == nil {
		return nil, nil
	}
	var runs []run
	for _, one := range p.ways() {
		if len(runs) == maxRuns {
			p.notes = append(p.notes, fmt.Sprintf("more than %d applications have placeholders; the others were checked file by file", maxRuns))
			break
		}
		result, err := p.render(ctx, asItIs, one)
		if ended := ctx.Err(); ended != nil {
			return nil, fault.New(fault.Canceled, "the migration was interrupted")
		}
		if err != nil {
			p.notes = append(p.notes, fmt.Sprintf("%s does not render, so that its files were checked one by one: %s", one, fault.Clean(fault.Of(err)[0].Error(), 400)))
			continue
		}
		one.before = result
		runs = append(runs, one)
	}
	return runs, nil
}

// ways lists how the applications of the tree are rendered: by themselves, with
// each other values file of a chart, and as Applications say.
func (p *planner) ways() []run {
	var ways []run
	for _, dir := range engine.Applications(p.Tree, ".") {
		if !p.concerns(dir) {
			continue
		}
		ways = append(ways, run{dir: dir})
		if helm.IsChart(p.Tree, dir) {
			for _, parameters := range p.valuesOf(dir) {
				ways = append(ways, run{dir: dir, parameters: parameters})
			}
		}
	}
	for _, a := range p.applications() {
		if p.local(a) && (p.concerns(a.path) || len(a.document.sites) > 0) {
			ways = append(ways, run{dir: a.path, application: &a})
		}
	}
	return ways
}

func (r run) String() string {
	if r.application != nil {
		return r.dir + " as Application " + r.application.name + " says"
	}
	if files := r.parameters.Helm.ValuesFiles; len(files) > 0 {
		return r.dir + " with " + strings.Join(files, ", ")
	}
	return r.dir
}

// concerns tells whether an application uses a file with placeholders.
func (p *planner) concerns(dir string) bool {
	return slices.ContainsFunc(p.files, func(f *file) bool {
		return (len(f.sites) > 0 || suspicious(f.data)) && slices.Contains(p.reached(dir), p.owner(f.name))
	})
}

// valuesOf returns a chart's other values files that have placeholders.
func (p *planner) valuesOf(dir string) []render.Parameters {
	var variants []render.Parameters
	for _, f := range p.files {
		relative := strings.TrimPrefix(strings.TrimPrefix(f.name, dir), "/")
		if f.text == nil || len(f.sites) == 0 || !within(f.name, dir) || relative == "values.yaml" || strings.Contains(relative, "charts/") {
			continue
		}
		if slices.ContainsFunc(f.documents, func(d *document) bool { return d.object == nil }) {
			variants = append(variants, render.Parameters{Helm: render.HelmParameters{ValuesFiles: []string{relative}}})
		}
	}
	return variants
}

// content says what a file holds.
type content func(*file) []byte

func asItIs(f *file) []byte { return f.data }

func (p *planner) render(ctx context.Context, says content, one run) ([]object.Object, error) {
	parameters, name, namespace := one.parameters, appName(one.dir), "default"
	if a := one.application; a != nil {
		parameters, _ = parametersOf(*a, says(a.document.file))
		name, namespace = cmp.Or(a.name, name), cmp.Or(a.namespace, namespace)
	}
	result, err := p.Renderer.Render(ctx, render.Request{
		Source: p.with(says), Path: one.dir, AppName: name, Namespace: namespace, Parameters: parameters,
		Limits: render.Limits{QuoteErrors: true},
	})
	return result.Objects, err
}

func appName(dir string) string {
	if name := path.Base(dir); name != "." {
		return name
	}
	return "app"
}

// with returns the tree with other contents for some files.
func (p *planner) with(says content) *source.Tree {
	changed := map[string][]byte{}
	for _, f := range p.files {
		changed[f.name] = says(f)
	}
	tree := source.NewTree()
	for _, dir := range p.Tree.Dirs(".") {
		tree.AddDir(dir)
	}
	for _, name := range p.Tree.Files(".") {
		data, ok := changed[name]
		if !ok {
			data, _ = p.Tree.File(name)
		}
		tree.Add(name, data)
	}
	return tree
}

// landing is a place that a traced placeholder has come to.
type landing struct {
	place  place
	whole  bool
	native *reference.Reference
	object object.Object
	field  string
}

// trace renders the applications with a name of its own for each placeholder
// whose place is not known, and returns where each was found.
func (p *planner) trace(ctx context.Context, runs []run) (map[string][]landing, error) {
	count := 0
	for _, f := range p.files {
		for _, s := range f.sites {
			for _, h := range s.holders {
				if s.place == placeFree && h.obstacle == nil && f.inScope {
					count++
					h.id = fmt.Sprintf("t%d", count)
				}
			}
		}
	}
	if count == 0 {
		return nil, nil
	}
	found := map[string][]landing{}
	marked := func(f *file) []byte { return p.replaced(f, (*holder).traced, false) }
	for _, one := range runs {
		objects, err := p.render(ctx, marked, one)
		if err != nil {
			continue // the placeholders are not found, and stay
		}
		for _, o := range objects {
			for id, places := range landings(o) {
				found[id] = append(found[id], places...)
			}
		}
	}
	return found, nil
}

// strays lists placeholders that an application renders and that stand in no
// file as such: their path is set by a kustomization, or a template puts them
// together.
func (p *planner) strays(runs []run) {
	known := map[string]bool{}
	for _, f := range p.files {
		for _, s := range f.sites {
			for _, h := range s.holders {
				known[h.ref.Text] = true
			}
		}
	}
	for _, one := range runs {
		if !within(one.dir, p.Scope) {
			continue
		}
		for _, o := range one.before {
			for field, text := range p.reader.Placeholders(o) {
				if known[text] || o.Group() == "argoproj.io" {
					continue
				}
				p.findings = append(p.findings, Finding{
					File: one.file(p.Tree), Code: CodeUnseen, What: fault.Clean(text, 200),
					Reason: fmt.Sprintf("it is put together where %s renders %s of %s: a kustomization sets its path, or a template writes it", one.dir, field, o),
					Fix:    "write the reference by hand; until then the placeholder works as it is",
				})
			}
		}
	}
}

// file is the file that says how the application is rendered, or its directory.
func (r run) file(tree *source.Tree) string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml"} {
		if _, ok := tree.File(path.Join(r.dir, name)); ok {
			return path.Join(r.dir, name)
		}
	}
	return r.dir
}

// traced is the placeholder with a path of its own.
func (h *holder) traced() string {
	if h.id == "" {
		return h.ref.Text
	}
	return fmt.Sprintf("<vault:%s/%s#%s%s>", trace, h.id, h.native.Key, h.native.Text[len("<vault:")+len(h.native.Path)+1+len(h.native.Key):len(h.native.Text)-1])
}

// landings finds traced references in an object.
func landings(o object.Object) map[string][]landing {
	found := map[string][]landing{}
	if o.Group() == "argoproj.io" {
		return nil // its values end in what the Application renders
	}
	envs := variables(o)
	var walk func(node any, field string)
	walk = func(node any, field string) {
		switch node := node.(type) {
		case map[string]any:
			for key, below := range node {
				walk(below, same.Join(field, key))
			}
		case []any:
			for i, item := range node {
				walk(item, fmt.Sprintf("%s[%d]", field, i))
			}
		case string:
			if !strings.Contains(node, "<") && !same.IsSecret(o) {
				return
			}
			text, where := node, placeElsewhere
			switch {
			case same.IsSecret(o) && strings.HasPrefix(field, "stringData"):
				where = placeText
			case same.IsSecret(o) && strings.HasPrefix(field, "data"):
				where = placeData
				if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(node)); err == nil {
					text, where = string(decoded), placeBase64
				}
			case envs[field]:
				where = placeVariable
			}
			template, _, err := reference.Find(text, reference.Annotations{})
			if err != nil {
				return
			}
			for _, ref := range template.References() {
				if id, ok := strings.CutPrefix(ref.Path, trace+"/"); ok {
					found[id] = append(found[id], landing{where, template.Whole() != nil, ref, o, field})
				}
			}
		}
	}
	walk(o.Fields, "")
	return found
}

// land decides on a placeholder by the places that it came to.
func (h *holder) land(landings []landing, rendered bool) {
	if len(landings) == 0 {
		message := "no application of the repository that renders uses it, so that it cannot be seen where the value ends"
		if !rendered {
			message = "it cannot be seen where the value ends without rendering"
		}
		h.obstacle = &avp.Obstacle{Code: CodeUnseen, Message: message, Fix: "write the reference by hand; until then the placeholder works as it is"}
		return
	}
	plain, decoded := false, false
	for _, l := range landings {
		switch {
		case l.place == placeElsewhere:
			h.obstacle = elsewhere(&l.object, l.field, false)
		case l.place == placeVariable && !l.whole:
			h.obstacle = elsewhere(&l.object, l.field, true)
		case l.place == placeData && !l.whole:
			h.obstacle = &avp.Obstacle{Code: CodeBase64, Message: fmt.Sprintf("%s of %s is put together from values that are base64 themselves", l.field, l.object.String()),
				Fix: "write it under stringData, with the values as they are"}
		case l.place == placeData && !avp.EndsEncoded(l.native):
			decoded = true
		default:
			plain = true
		}
		if h.obstacle != nil {
			return
		}
	}
	if plain && decoded {
		h.obstacle = &avp.Obstacle{Code: CodeMixed, Message: "it ends under data as base64 and elsewhere as it is, which a reference means different things in", Fix: "use two values"}
		return
	}
	h.decode = decoded
}

// verify renders an application after the migration and takes back whatever
// does not come to what it was.
func (p *planner) verify(ctx context.Context, one run) error {
	for round := range maxRounds + 1 {
		var differences []same.Difference
		objects, err := p.render(ctx, p.content, one)
		if ended := ctx.Err(); ended != nil {
			return fault.New(fault.Canceled, "the migration was interrupted")
		}
		if err == nil {
			if differences = p.reader.Compare(one.before, objects); len(differences) == 0 {
				return nil
			}
		}
		if round == maxRounds || err != nil || !p.takeBack(differences) {
			p.takeBackAll(one)
			return nil
		}
	}
	return nil
}

// takeBack leaves alone the placeholders that differences come from. It returns
// false where it finds none.
func (p *planner) takeBack(differences []same.Difference) bool {
	changed := false
	for _, d := range differences {
		texts := []string{d.Text}
		if decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(d.Text)); err == nil {
			texts = append(texts, string(decoded))
		}
		obstacle := &avp.Obstacle{Code: CodeMeaning, Message: fmt.Sprintf("as a native reference it would come to another value in %s of %s", d.Field, d.Object), Fix: "write the reference by hand and compare"}
		before := changed
		for _, f := range p.files {
			for _, s := range f.sites {
				for _, h := range s.holders {
					if h.moves() && slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, h.after()) }) {
						h.obstacle, changed = obstacle, true
					}
				}
			}
		}
		if changed != before {
			continue
		}
		for _, f := range p.files {
			for _, document := range f.documents {
				if document.object != nil && !document.keep && document.annotated() && document.object.Kind()+" "+document.object.Name() == kindAndName(d.Object) {
					document.keep, changed = true, true
				}
			}
		}
	}
	return changed
}

// kindAndName leaves the namespace out of an object's name for people.
func kindAndName(object string) string {
	kind, name, _ := strings.Cut(object, " ")
	return kind + " " + path.Base(name)
}

// takeBackAll leaves all alone that an application may use.
func (p *planner) takeBackAll(one run) {
	for _, f := range p.files {
		if !slices.Contains(p.reached(one.dir), p.owner(f.name)) && (one.application == nil || one.application.document.file != f) {
			continue
		}
		for _, d := range f.documents {
			d.keep = true
		}
		for _, s := range f.sites {
			for _, h := range s.holders {
				h.block(&avp.Obstacle{Code: CodeMeaning, Message: fmt.Sprintf("with native references the application %s would render to something else", one), Fix: "write the references by hand and compare"})
			}
		}
	}
}
