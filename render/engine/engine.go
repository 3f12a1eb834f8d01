// Package engine renders a request: it finds out what kind of source the
// application's directory holds, calls the renderer for it, and brings the
// objects into their final form. It runs in the worker process.
package engine

import (
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/helm"
	"github.com/argocd-seal/argocd-seal-plugin/render/kustomize"
	"github.com/argocd-seal/argocd-seal-plugin/render/plain"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Render renders one request. The objects are flattened, checked, within the
// request's limits and in the order of emission.
func Render(req render.Request) (render.Result, error) {
	result := render.Result{Kind: req.Parameters.SourceType}
	if result.Kind == "" {
		result.Kind = Detect(req.Source, req.Path)
	}
	objects, warnings, err := renderKind(req, result.Kind)
	if err != nil && !req.Limits.QuoteErrors {
		err = hideText(err)
	}
	if err != nil {
		return render.Result{}, err
	}
	if objects, err = object.Flatten(objects); err != nil {
		return render.Result{}, err
	}
	if err := object.Check(objects); err != nil {
		return render.Result{}, err
	}
	if err := checkLimits(objects, req.Limits); err != nil {
		return render.Result{}, err
	}
	object.Sort(objects)
	result.Objects = objects
	result.Warnings = append(warnings, object.Duplicates(objects)...)
	return result, nil
}

// Warmup brings the renderers to working temperature: what they load on first
// use is loaded while the worker waits and not while somebody waits for it.
func Warmup() error {
	if err := helm.Warmup(); err != nil {
		return err
	}
	return kustomize.Warmup()
}

// Detect tells what kind of source a directory is.
func Detect(tree *source.Tree, dir string) render.Kind {
	chart, kustomization := helm.IsChart(tree, dir), kustomize.IsKustomization(tree, dir)
	switch {
	case chart && kustomization:
		return render.KindHelmKustomize
	case chart:
		return render.KindHelm
	case kustomization:
		return render.KindKustomize
	default:
		return render.KindDirectory
	}
}

func renderKind(req render.Request, kind render.Kind) ([]object.Object, []*fault.Error, error) {
	switch kind {
	case render.KindHelm:
		return helm.Render(req)
	case render.KindKustomize:
		return kustomizeWithCharts(req)
	case render.KindHelmKustomize:
		return helmThenKustomize(req)
	case render.KindComposite:
		return composite(req)
	default:
		return plain.Render(req)
	}
}

// renderedChart is the name under which the output of a chart joins the
// resources of the kustomization in the same directory. A kustomization may
// name it, to choose its place among its resources.
const renderedChart = "helm-rendered.yaml"

func helmThenKustomize(req render.Request) ([]object.Object, []*fault.Error, error) {
	manifests, warnings, err := helm.Application(req)
	if err != nil {
		return nil, warnings, err
	}
	objects, more, err := kustomizeWithCharts(req, kustomize.NamedYAML{Name: renderedChart, Data: helm.Stream(manifests)})
	return objects, append(warnings, more...), err
}

func kustomizeWithCharts(req render.Request, extra ...kustomize.NamedYAML) ([]object.Object, []*fault.Error, error) {
	inflated := &charts{req: req}
	objects, warnings, err := kustomize.Render(req, inflated, extra...)
	return objects, append(warnings, inflated.warnings...), err
}

// charts renders the charts that a kustomization lists under helmCharts, and
// keeps what Helm warned of.
type charts struct {
	req      render.Request
	warnings []*fault.Error
}

var _ kustomize.ChartRenderer = (*charts)(nil)

// RenderChart implements [kustomize.ChartRenderer].
func (c *charts) RenderChart(chart kustomize.ChartRequest) ([]byte, error) {
	valuesFiles := make([]string, len(chart.ValuesFiles))
	for i, name := range chart.ValuesFiles {
		valuesFiles[i] = "/" + name
	}
	manifests, warnings, err := helm.Template(c.req.Source, c.req.Root, helm.Options{
		Dir:         chart.Dir,
		ReleaseName: chart.ReleaseName,
		Namespace:   chart.Namespace,
		BaseValues:  chart.Values,
		ValuesFiles: valuesFiles,
		KubeVersion: chart.KubeVersion,
		APIVersions: chart.APIVersions,
		IncludeCRDs: chart.IncludeCRDs,
		SkipHooks:   chart.SkipHooks,
		SkipTests:   chart.SkipTests,
		QuoteErrors: c.req.Limits.QuoteErrors,
	})
	c.warnings = append(c.warnings, warnings...)
	return helm.Stream(manifests), err
}
