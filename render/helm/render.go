package helm

import (
	"path"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Render renders an application that is a chart, as Argo CD does: with the
// application's name as the release name. It returns the objects in the order
// of "helm template", not flattened and not checked, and warnings.
//
// All errors are faults. Render neither blocks on anything nor can it be
// stopped. It is safe for concurrent use.
func Render(req render.Request) ([]object.Object, []*fault.Error, error) {
	manifests, warnings, err := Application(req)
	if err != nil {
		return nil, warnings, err
	}
	var objects []object.Object
	for _, manifest := range manifests {
		objects = append(objects, manifest.Objects...)
	}
	return objects, warnings, nil
}

// Template renders one chart of a tree. Files are taken from root and below;
// an empty root is the tree's. The manifests come in the order of "helm
// template": custom resource definitions, what is installed, hooks.
//
// All errors are faults; see [Render] for the rest of the contract.
func Template(tree *source.Tree, root string, o Options) (manifests []Manifest, warnings []*fault.Error, err error) {
	defer func() {
		// Helm's engine recovers by itself; loading and merging do not.
		if recover() != nil {
			manifests, err = nil, fault.New(fault.RenderCrash, "the chart made Helm crash").In(path.Join(o.Dir, chartFile), 0)
		}
	}()
	defer silenceHelm()()
	r := &rendering{options: o, tree: tree, loader: newChartLoader(tree, path.Clean(root), o.QuoteErrors)}
	r.options.Dir = path.Clean(o.Dir)
	manifests, err = r.run()
	return manifests, r.loader.warnings, err
}

// rendering is one run of [Template].
type rendering struct {
	options Options
	tree    *source.Tree
	loader  *chartLoader
}

func (r *rendering) run() ([]Manifest, error) {
	if err := r.checkOptions(); err != nil {
		return nil, err
	}
	c, err := r.loader.loadDir(r.options.Dir, 0)
	if err != nil {
		return nil, err
	}
	values, err := mergeValues(r.tree, r.loader.root, r.options)
	if err != nil {
		return nil, err
	}
	destination, err := capabilities(r.options)
	if err != nil {
		return nil, err
	}
	if err := r.checkChart(c, destination); err != nil {
		return nil, err
	}
	rendered, err := r.render(c, values, destination)
	if err != nil {
		return nil, err
	}
	var manifests []Manifest
	if r.options.IncludeCRDs {
		if manifests, err = r.loader.definitions(c); err != nil {
			return nil, err
		}
	}
	collected := collector{options: r.options, sources: r.loader.templates(c)}
	documents, err := collected.collect(rendered)
	r.loader.warnings = append(r.loader.warnings, collected.warnings...)
	return append(manifests, documents...), err
}

func (r *rendering) checkOptions() error {
	if !IsChart(r.tree, r.options.Dir) {
		return fault.New(fault.Chart, "the directory has no Chart.yaml").In(path.Join(r.options.Dir, chartFile), 0)
	}
	if err := chartutil.ValidateReleaseName(r.options.ReleaseName); err != nil {
		return fault.New(fault.Chart, "%q cannot be a release name", fault.Clean(r.options.ReleaseName, 128)).
			At("", "helm-release-name").
			WithFix("set helm-release-name to at most 53 lower case letters, digits, dashes and dots")
	}
	return nil
}

// checkChart refuses what "helm template" refuses to install.
func (r *rendering) checkChart(c *chart.Chart, destination *chartutil.Capabilities) error {
	file, content := r.loader.place(c, chartFile)
	if strings.EqualFold(c.Metadata.Type, "library") {
		return fault.New(fault.Chart, "a library chart renders nothing by itself").In(file, keyLine(content, "type"))
	}
	wanted, version := c.Metadata.KubeVersion, destination.KubeVersion.Version
	if wanted != "" && !chartutil.IsCompatibleRange(wanted, version) {
		return fault.New(fault.Chart, "the chart requires Kubernetes %s, the destination has %s",
			fault.Clean(wanted, 128), fault.Clean(version, 64)).In(file, keyLine(content, "kubeVersion"))
	}
	if countInstances(c, map[*chart.Chart]int{}) > maxInstances {
		return fault.New(fault.Limit, "the chart renders more than %d subcharts", maxInstances).In(file, 0).
			WithFix("use fewer aliases")
	}
	return nil
}

// render runs the steps of "helm template" on a loaded chart and returns what
// each template rendered to, by Helm's name of the template.
func (r *rendering) render(c *chart.Chart, values map[string]any, destination *chartutil.Capabilities) (map[string]string, error) {
	if err := chartutil.ProcessDependenciesWithMerge(c, values); err != nil {
		return nil, r.valuesFault(c, err)
	}
	release := chartutil.ReleaseOptions{
		Name: r.options.ReleaseName, Namespace: r.options.namespace(), Revision: 1, IsInstall: true,
	}
	// Helm's own validation fetches what schemas refer to; ours does not.
	const skipSchemas = true
	top, err := chartutil.ToRenderValuesWithSchemaValidation(c, values, release, destination, skipSchemas)
	if err != nil {
		return nil, r.valuesFault(c, err)
	}
	if !r.options.SkipSchemaValidation {
		merged, _ := top["Values"].(chartutil.Values)
		if err := r.loader.checkSchemas(c, merged).OrNil(); err != nil {
			return nil, err
		}
	}
	before := copied(c, top)
	// The zero engine has no client for lookup and resolves no host names.
	rendered, err := engine.Engine{}.Render(c, top)
	if err != nil {
		return nil, templateFault(err, r.loader.templates(c), r.options.QuoteErrors)
	}
	if before != nil {
		r.differing(c, before, rendered)
	}
	return rendered, nil
}

// valuesFault is the fault of values that do not fit together.
func (r *rendering) valuesFault(c *chart.Chart, err error) error {
	file, _ := r.loader.place(c, chartFile)
	problem := "the values do not fit the chart and its subcharts"
	if r.options.QuoteErrors {
		problem += ": " + fault.Clean(err.Error(), maxQuote)
	}
	return fault.New(fault.Chart, "%s", problem).In(file, 0).
		WithFix("the values of a subchart must be a mapping under its name or alias")
}

// templates maps Helm's names of templates to paths in the source. It walks
// charts in the order in which Helm collects templates, so that of two with one
// name the same one counts.
func (l *chartLoader) templates(c *chart.Chart) map[string]string {
	sources := map[string]string{}
	var walk func(*chart.Chart)
	walk = func(c *chart.Chart) {
		for _, sub := range c.Dependencies() {
			walk(sub)
		}
		for _, template := range c.Templates {
			sources[path.Join(c.ChartFullPath(), template.Name)] = l.sources[template]
		}
	}
	walk(c)
	return sources
}

// keyLine returns the line of a top-level key in a YAML text, 0 for none.
func keyLine(content []byte, key string) int {
	for i, line := range strings.Split(string(content), "\n") {
		if strings.HasPrefix(line, key+":") {
			return i + 1
		}
	}
	return 0
}
