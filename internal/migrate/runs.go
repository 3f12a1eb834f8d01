package migrate

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/helm"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// maxRuns bounds how many applications are rendered.
const maxRuns = 2000

// run is one way in which an application is rendered.
type run struct {
	dir        string
	parameters render.Parameters
	// application is set where an Application says how the source is rendered.
	application *application
	before      []object.Object
	// takenBack tells that all of it has been left as it was.
	takenBack bool
}

// runs renders every application of the tree as it is.
func (p *planner) runs(ctx context.Context) ([]run, error) {
	if p.Renderer == nil {
		return nil, nil
	}
	ways := p.ways()
	if len(ways) > maxRuns {
		p.notes = append(p.notes, fmt.Sprintf("more than %d applications have placeholders; the others were checked file by file", maxRuns))
		ways = ways[:maxRuns]
	}
	rendered, err := p.render(ctx, asItIs, ways)
	if err != nil {
		return nil, err
	}
	var runs []run
	for i, one := range ways {
		if err := rendered[i].err; err != nil {
			p.notes = append(p.notes, fmt.Sprintf("%s does not render, so that its files were checked one by one and keep their annotations: %s", one, fault.Clean(fault.Of(err)[0].Error(), 400)))
			p.keepAnnotations(one)
			continue
		}
		one.before = rendered[i].objects
		runs = append(runs, one)
	}
	return runs, nil
}

// keepAnnotations leaves the annotations of an application whose patches and
// bases cannot be seen together: something else may need them.
func (p *planner) keepAnnotations(one run) {
	for _, f := range p.files {
		if p.uses(one, f) {
			for _, d := range f.documents {
				d.keep = true
			}
		}
	}
}

// uses tells whether an application may use a file.
func (p *planner) uses(one run, f *file) bool {
	return slices.Contains(p.reached(one.dir), p.owner(f.name)) || one.application != nil && one.application.document.file == f
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
		if p.local(a) && (p.concerns(a.path) || a.document.file.inScope && len(a.document.sites) > 0) {
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

// concerns tells whether an application uses a file with placeholders that may
// change.
func (p *planner) concerns(dir string) bool {
	return slices.ContainsFunc(p.files, func(f *file) bool {
		return f.inScope && (len(f.sites) > 0 || suspicious(f.data)) && slices.Contains(p.reached(dir), p.owner(f.name))
	})
}

// valuesOf returns a chart's other values files that have placeholders.
func (p *planner) valuesOf(dir string) []render.Parameters {
	var variants []render.Parameters
	for _, f := range p.files {
		relative := strings.TrimPrefix(strings.TrimPrefix(f.name, dir), "/")
		if f.text == nil || len(f.sites) == 0 || !source.Within(dir, f.name) || relative == "values.yaml" || strings.Contains(relative, "charts/") {
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

// rendered is what one run came to.
type rendered struct {
	objects []object.Object
	err     error
}

// render renders applications from what files hold, a few at a time. It fails
// where it is interrupted.
func (p *planner) render(ctx context.Context, says content, runs []run) ([]rendered, error) {
	tree := p.with(says)
	results := make([]rendered, len(runs))
	step, stop := func() {}, func() {}
	if p.Progress != nil {
		step, stop = p.Progress(len(runs))
	}
	defer stop()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, one := range runs {
		request := render.Request{
			Source: tree, Path: one.dir, AppName: appName(one.dir), Namespace: "default", Parameters: one.parameters, Limits: render.Limits{QuoteErrors: true},
		}
		if a := one.application; a != nil {
			request.Parameters, _ = parametersOf(*a, says(a.document.file))
			request.AppName, request.Namespace = cmp.Or(a.name, request.AppName), cmp.Or(a.namespace, request.Namespace)
		}
		group.Go(func() error {
			result, err := p.Renderer.Render(ctx, request)
			results[i] = rendered{result.Objects, err}
			step()
			return nil
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return nil, fault.New(fault.Canceled, "the migration was interrupted")
	}
	return results, nil
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

// file is the file that says how the application is rendered, or its directory.
func (r run) file(tree *source.Tree) string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization", "Chart.yaml"} {
		if _, ok := tree.File(path.Join(r.dir, name)); ok {
			return path.Join(r.dir, name)
		}
	}
	return r.dir
}
