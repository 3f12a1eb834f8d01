package kustomize

import (
	"cmp"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// NamedYAML is a file that an earlier stage made, such as the output of a chart
// that shares its directory with the kustomization.
type NamedYAML struct {
	// Name is relative to the application's directory. A file of that name in
	// the source is hidden.
	Name string
	Data []byte
}

// IsKustomization tells whether a directory holds a kustomization.
func IsKustomization(tree *source.Tree, dir string) bool {
	return slices.ContainsFunc(konfig.RecognizedKustomizationFileNames(), func(base string) bool {
		_, ok := tree.File(path.Join(dir, base))
		return ok
	})
}

// Render builds the kustomization at req.Path and returns its objects in the
// order of kustomize build, neither flattened nor checked. The objects are the
// same as those of kustomize build; each says which file and line it came from
// where that can be told without doubt.
//
// Each extra file joins the application's kustomization: its name is added to
// the resources unless the kustomization lists it already. This is how
// argocd-lovely-plugin passes a rendered chart to kustomize.
//
// The second result holds warnings. The error is a [fault.Error] or a
// [fault.List]: all faults that the survey finds are returned together.
//
// Builds are serialised, because kustomize keeps the OpenAPI schema in globals.
// The request is not changed.
func Render(req render.Request, charts ChartRenderer, extra ...NamedYAML) ([]object.Object, []*fault.Error, error) {
	b := newBuild(req, charts)
	if err := b.prepare(extra); err != nil {
		return nil, b.warnings, err
	}
	objects, err := b.run()
	return objects, b.warnings, err
}

// Warmup does one small build, so that a waiting worker has parsed the
// Kubernetes OpenAPI schema, which takes longer than most builds.
func Warmup() error {
	const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: warm\n" +
		"spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: app\n"
	const kustomization = "resources: [d.yaml]\nnamespace: warm\npatches:\n- path: d.yaml\n"
	tree := source.NewTree()
	tree.Add("d.yaml", []byte(deployment))
	tree.Add(konfig.DefaultKustomizationFileName(), []byte(kustomization))
	_, _, err := Render(render.Request{Source: tree, Path: "."}, nil)
	return err
}

// build is one rendering of one request.
type build struct {
	req      render.Request
	charts   ChartRenderer
	files    *files
	survey   *survey
	warnings []*fault.Error
}

func newBuild(req render.Request, charts ChartRenderer) *build {
	req.Path = path.Clean(req.Path)
	return &build{req: req, charts: charts, files: newFiles(req.Source, req.Root)}
}

// prepare surveys what the build will visit and makes the edits. Nothing in it
// runs kustomize, except for directories of plugin configurations.
func (b *build) prepare(extra []NamedYAML) error {
	b.survey = newSurvey(b.files, b.req.Limits.QuoteErrors)
	top, err := b.survey.open(b.req.Path)
	if err != nil {
		return err
	}
	if err := b.edit(top, extra); err != nil {
		return err
	}
	b.survey.visit(top, nil, place{})
	b.warnings = b.survey.warnings
	if err := b.survey.faults.OrNil(); err != nil {
		return err
	}
	if err := b.inflateCharts(); err != nil {
		return err
	}
	return b.checkPluginDirs()
}

// edit applies the parameters and adds the extra files to the application's
// own kustomization.
func (b *build) edit(top *kustomization, extra []NamedYAML) error {
	if err := applyParameters(top, b.req.Parameters.Kustomize, b.files); err != nil {
		return err
	}
	for _, file := range extra {
		name, ok := b.files.resolve(b.req.Path, file.Name)
		if !ok {
			return fault.New(fault.Path, "the rendered file %q would lie outside of the source", file.Name)
		}
		if err := checkText(name, file.Data); err != nil {
			return err
		}
		b.files.write(name, file.Data)
		b.survey.origins.addRendered(file.Data, place{}.enter(top))
		if !top.lists(name) {
			top.spec.Resources = append(top.spec.Resources, file.Name)
			top.edited = true
		}
	}
	return b.save(top)
}

// save writes an edited kustomization to the in-memory copy.
func (b *build) save(k *kustomization) error {
	if !k.edited {
		return nil
	}
	text, err := k.marshal()
	if err != nil {
		return err
	}
	b.files.write(k.file, text)
	return nil
}

// run builds the application and turns the result into objects.
func (b *build) run() ([]object.Object, error) {
	resources, notes, err := runKustomize(b.files, b.req.Path, b.survey.customSchema)
	for _, note := range notes {
		b.warnings = append(b.warnings, fault.New(fault.Kustomize, "%s", cleanText(note)).In(b.survey.top.file, 0))
	}
	if err != nil {
		return nil, b.explain(err)
	}
	objects := make([]object.Object, 0, len(resources))
	for _, resource := range resources {
		decoded, err := decode(resource)
		if err != nil {
			return nil, cmp.Or(b.findDuplicate(), err)
		}
		for _, o := range decoded {
			b.asBuilt(o)
			label(o, b.req.Parameters.Kustomize.Labels)
			objects = append(objects, b.survey.origins.locate(o))
		}
	}
	return objects, nil
}
