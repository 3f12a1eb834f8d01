package kustomize

import (
	"fmt"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// ChartRenderer renders the charts that a kustomization lists under helmCharts.
type ChartRenderer interface {
	// RenderChart returns the chart's manifests as a YAML stream, each below a
	// comment "# Source:" with the path in the source of its template, if that is
	// known. It is called from one goroutine at a
	// time. Its error is returned to the caller of [Render] as it is.
	RenderChart(chart ChartRequest) ([]byte, error)
}

// ChartRequest is one entry of helmCharts, as the helm program would be told
// about it by kustomize.
type ChartRequest struct {
	// Dir is the chart's directory below the root of the source.
	Dir string
	// ReleaseName and Namespace are never empty.
	ReleaseName string
	Namespace   string
	// Values win over the chart's own, and ValuesFiles, in order, over Values.
	// The files are paths below the root of the source, and they exist.
	Values      map[string]any
	ValuesFiles []string
	IncludeCRDs bool
	SkipHooks   bool
	SkipTests   bool
	// KubeVersion and APIVersions are the entry's own, or the request's.
	KubeVersion string
	APIVersions []string
}

// chartsDir is the directory, below a kustomization's own, in which a generated
// component holds the output of its charts. Kustomize accumulates components
// after the generators and before the transformers, which is where its own
// inflation of charts would put them.
const chartsDir = ".argocd-seal-charts"

// defaultNamespace is what helm renders with where nobody names a namespace.
const defaultNamespace = "default"

// chartSet is what a kustomization's charts are rendered with.
type chartSet struct {
	// inherited is the namespace of the kustomizations above, which charts get.
	inherited string
	place     place
}

// addCharts notes the charts of a visited kustomization. Two visits that hand
// down two namespaces would need two renderings of one directory.
func (s *survey) addCharts(k *kustomization, here place) {
	if len(k.spec.HelmCharts) == 0 {
		return
	}
	if k.charts == nil {
		k.charts = &chartSet{inherited: here.chartNamespace, place: here}
		return
	}
	if k.charts.inherited == here.chartNamespace {
		return
	}
	for i, chart := range k.spec.HelmCharts {
		if chart.Namespace == "" {
			field := fmt.Sprintf("helmCharts[%d].namespace", i)
			s.faults = append(s.faults, fault.New(fault.Chart, "the chart would be rendered for the namespaces %q and %q in one build",
				k.charts.inherited, here.chartNamespace).In(k.file, k.lineOf("helmCharts", i)).At("", field).
				WithFix("set the namespace of the chart"))
			return
		}
	}
}

// inflateCharts renders every chart of the build and puts the output in place of
// the helmCharts field.
func (b *build) inflateCharts() error {
	for _, k := range b.survey.order {
		if k.charts == nil {
			continue
		}
		component := &types.Kustomization{TypeMeta: types.TypeMeta{Kind: types.ComponentKind, APIVersion: types.ComponentVersion}}
		for i := range k.spec.HelmCharts {
			text, err := b.inflate(k, i)
			if err != nil {
				return err
			}
			if len(text) == 0 {
				continue
			}
			name := fmt.Sprintf("chart-%d.yaml", i)
			b.files.write(path.Join(k.dir, chartsDir, name), text)
			component.Resources = append(component.Resources, name)
		}
		k.spec.HelmCharts, k.spec.HelmGlobals = nil, nil
		k.edited = true
		if len(component.Resources) > 0 {
			generated := &kustomization{dir: path.Join(k.dir, chartsDir), spec: component, edited: true}
			generated.file = path.Join(generated.dir, konfig.DefaultKustomizationFileName())
			k.spec.Components = append([]string{chartsDir}, k.spec.Components...)
			if err := b.save(generated); err != nil {
				return err
			}
		}
		if err := b.save(k); err != nil {
			return err
		}
	}
	return nil
}

// inflate renders one chart and marks its objects, as kustomize does, so that
// the kustomization's namespace is not put on them a second time.
func (b *build) inflate(k *kustomization, index int) ([]byte, error) {
	chart := k.spec.HelmCharts[index]
	at := func(found *fault.Error, field string) *fault.Error {
		return found.In(k.file, k.lineOf("helmCharts", index)).At("", fmt.Sprintf("helmCharts[%d]%s", index, field))
	}
	if b.charts == nil {
		return nil, at(fault.New(fault.Plugin, "charts are not rendered here"), "")
	}
	dir, found := b.findChart(k, chart)
	if found != nil {
		return nil, at(found, "")
	}
	request, found := b.chartRequest(k, chart, dir)
	if found != nil {
		return nil, at(found, "")
	}
	if chart.ReleaseName == "" && chart.NameTemplate == "" {
		b.warnings = append(b.warnings, at(fault.New(fault.Chart, "the release is called %q; helm would make up another name for each render",
			request.ReleaseName).WithFix("set releaseName"), ".releaseName"))
	}
	text, err := b.charts.RenderChart(request)
	if err != nil {
		return nil, err
	}
	if err := checkText(dir, text); err != nil {
		return nil, err
	}
	b.survey.origins.addRendered(text, k.charts.place)
	marked, err := markHelm(text)
	if err != nil {
		return nil, at(b.explainText(err.Error()), "")
	}
	return marked, nil
}

// chartRequest says how one chart is rendered.
func (b *build) chartRequest(k *kustomization, chart types.HelmChart, dir string) (ChartRequest, *fault.Error) {
	request := ChartRequest{
		Dir: dir, ReleaseName: chart.ReleaseName, Namespace: chart.Namespace,
		IncludeCRDs: chart.IncludeCRDs, SkipHooks: chart.SkipHooks, SkipTests: chart.SkipTests,
		KubeVersion: chart.KubeVersion, APIVersions: chart.ApiVersions,
	}
	if strings.Contains(chart.NameTemplate, "{{") {
		return request, fault.New(fault.Chart, "nameTemplate makes a name for each render").WithFix("set releaseName")
	}
	if request.ReleaseName == "" {
		request.ReleaseName = chart.NameTemplate
	}
	if request.ReleaseName == "" {
		request.ReleaseName = path.Base(chart.Name)
	}
	for _, namespace := range []string{k.charts.inherited, defaultNamespace} {
		if request.Namespace == "" {
			request.Namespace = namespace
		}
	}
	if request.KubeVersion == "" {
		request.KubeVersion = b.req.KubeVersion
	}
	if len(request.APIVersions) == 0 {
		request.APIVersions = b.req.APIVersions
	}
	for _, file := range chart.AdditionalValuesFiles {
		request.ValuesFiles = append(request.ValuesFiles, cleanJoin(k.dir, file))
	}
	values, found := b.chartValues(k, chart, dir)
	request.Values = values
	return request, found
}

// findChart finds a vendored chart where kustomize would look for it: below
// chartHome, for a chart with repository and version in a directory that helm
// pull --untar made for that version.
func (b *build) findChart(k *kustomization, chart types.HelmChart) (string, *fault.Error) {
	if chart.Name == "" {
		return "", fault.New(fault.Kustomize, "the chart has no name").WithFix("set name")
	}
	home := types.HelmDefaultHome
	if globals := k.spec.HelmGlobals; globals != nil && globals.ChartHome != "" {
		home = globals.ChartHome
	}
	places := []string{path.Join(home, chart.Name)}
	if chart.Version != "" && chart.Repo != "" {
		pulled := path.Join(home, fmt.Sprintf("%s-%s", chart.Name, chart.Version), chart.Name)
		places = append([]string{pulled}, places...)
	}
	for _, place := range places {
		if dir, ok := b.files.resolve(k.dir, place); ok && b.files.hasDir(dir) && !path.IsAbs(home) {
			return dir, nil
		}
	}
	if chart.Repo == "" {
		return "", fault.New(fault.Path, "there is no chart %q in the source", path.Join(k.dir, places[0])).
			WithFix("vendor the chart there, or set helmGlobals.chartHome")
	}
	return "", fault.New(fault.Dependency, "the chart %q of %s is not in the source", chart.Name, userInfo.ReplaceAllString(chart.Repo, "${1}***@")).
		WithFix("vendor it: run helm pull --untar --untardir %s and commit %s", path.Dir(places[0]), places[len(places)-1])
}

// markHelm sets the annotation by which kustomize knows a chart's objects. It
// reads the text as kustomize reads what the helm program prints.
func markHelm(text []byte) (marked []byte, err error) {
	fence.Lock()
	defer fence.Unlock()
	defer func() {
		if recover() != nil {
			err = fault.New(fault.RenderCrash, "kustomize crashed on the output of the chart")
		}
	}()
	factory := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory())
	objects, err := factory.NewResMapFromBytes(text)
	if err != nil {
		return nil, err
	}
	for _, resource := range objects.Resources() {
		if err := resource.PipeE(yaml.SetAnnotation(konfig.HelmGeneratedAnnotation, "true")); err != nil {
			return nil, err
		}
		document, err := resource.RNode.String()
		if err != nil {
			return nil, err
		}
		marked = append(append(marked, "---\n"...), document...)
	}
	return marked, nil
}
