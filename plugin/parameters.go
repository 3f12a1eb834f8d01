package plugin

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// Parameter is one entry of spec.source.plugin.parameters of an Application:
// exactly one of the three values is set.
type Parameter struct {
	Name   string             `json:"name"`
	String *string            `json:"string,omitempty"`
	Array  *[]string          `json:"array,omitempty"`
	Map    *map[string]string `json:"map,omitempty"`
}

// Collection is the type of a parameter's value, in Argo CD's words.
type Collection string

// The collection types of Argo CD's parameter announcements.
const (
	CollectionString Collection = "string"
	CollectionArray  Collection = "array"
	CollectionMap    Collection = "map"
)

// ParameterSpec describes one parameter that applications may set.
type ParameterSpec struct {
	Name       string
	Collection Collection
	// Title and Tooltip are what Argo CD's Parameters tab shows.
	Title, Tooltip string

	set func(*Choices, Parameter) error
}

// Choices are what an application's parameters choose.
type Choices struct {
	render.Parameters
	// Injection is the wanted one; empty leaves it to the environment.
	Injection inject.Kind
}

// ParameterSpecs returns every parameter, in the order of the documentation.
func ParameterSpecs() []ParameterSpec { return slices.Clone(parameterSpecs) }

var parameterSpecs = []ParameterSpec{
	text("source-type", "Source type", "kustomize, helm, helm-kustomize, directory or composite; detected when empty", setSourceType),
	list("helm-values-files", "Values files", "paths or globs of values files, later ones win", func(p *Choices) *[]string { return &p.Helm.ValuesFiles }),
	text("helm-values", "Values", "inline YAML that wins over the values files", stringInto(func(p *Choices) *string { return &p.Helm.Values })),
	dict("helm-parameters", "Parameters", "values by dotted path, as helm --set", func(p *Choices) *map[string]string { return &p.Helm.Parameters }),
	dict("helm-string-parameters", "String parameters", "values that stay strings, as helm --set-string", func(p *Choices) *map[string]string { return &p.Helm.StringParameters }),
	dict("helm-file-parameters", "File parameters", "values read from files of the repository, as helm --set-file", func(p *Choices) *map[string]string { return &p.Helm.FileParameters }),
	text("helm-release-name", "Release name", "defaults to the application's name", stringInto(func(p *Choices) *string { return &p.Helm.ReleaseName })),
	text("helm-namespace", "Release namespace", "defaults to the destination namespace", stringInto(func(p *Choices) *string { return &p.Helm.Namespace })),
	text("helm-skip-crds", "Skip CRDs", "true leaves out the chart's crds directory", boolInto(func(p *Choices) *bool { return &p.Helm.SkipCRDs })),
	text("helm-skip-tests", "Skip tests", "true leaves out test hooks", boolInto(func(p *Choices) *bool { return &p.Helm.SkipTests })),
	text("helm-skip-schema-validation", "Skip schema validation", "true ignores values.schema.json", boolInto(func(p *Choices) *bool { return &p.Helm.SkipSchemaValidation })),
	list("kustomize-images", "Image overrides", "[old=]name[:tag][@digest]", func(p *Choices) *[]string { return &p.Kustomize.Images }),
	list("kustomize-components", "Components", "paths of components to add", func(p *Choices) *[]string { return &p.Kustomize.Components }),
	text("kustomize-name-prefix", "Name prefix", "put before every name", stringInto(func(p *Choices) *string { return &p.Kustomize.NamePrefix })),
	text("kustomize-name-suffix", "Name suffix", "put behind every name", stringInto(func(p *Choices) *string { return &p.Kustomize.NameSuffix })),
	text("kustomize-namespace", "Namespace", "set on every namespaced object", stringInto(func(p *Choices) *string { return &p.Kustomize.Namespace })),
	dict("kustomize-labels", "Labels", "set on every object, not on selectors", func(p *Choices) *map[string]string { return &p.Kustomize.Labels }),
	dict("kustomize-annotations", "Annotations", "set on every object", func(p *Choices) *map[string]string { return &p.Kustomize.Annotations }),
	{"kustomize-replicas", CollectionMap, "Replicas", "counts by the name of the workload", setReplicas},
	text("kustomize-patches", "Patches", "a YAML list in the form of a kustomization's patches", stringInto(func(p *Choices) *string { return &p.Kustomize.Patches })),
	text("directory-recurse", "Recurse", "true reads the directories below as well", boolInto(func(p *Choices) *bool { return &p.Directory.Recurse })),
	text("directory-include", "Include", "glob of files to read", stringInto(func(p *Choices) *string { return &p.Directory.Include })),
	text("directory-exclude", "Exclude", "glob of files to leave out", stringInto(func(p *Choices) *string { return &p.Directory.Exclude })),
	text("injection", "Injection", "what Secrets with references become, among what the platform allows", setInjection),
}

// ParseParameters reads the JSON list that the repo-server sends as
// ARGOCD_APP_PARAMETERS; empty means none.
func ParseParameters(data string) ([]Parameter, error) {
	if data == "" {
		return nil, nil
	}
	var parameters []Parameter
	if err := json.Unmarshal([]byte(data), &parameters); err != nil {
		return nil, fault.New(fault.Parameter, "the parameters are not a list of name and string, array or map").
			WithFix("write spec.source.plugin.parameters as docs/parameters.md shows")
	}
	return parameters, nil
}

// ApplyParameters turns parameters into choices. Unknown names, wrong types and
// repeated names are reported all at once.
func ApplyParameters(parameters []Parameter) (Choices, error) {
	var (
		options Choices
		faults  fault.List
		seen    = map[string]bool{}
	)
	for _, parameter := range parameters {
		spec, err := findSpec(parameter.Name)
		switch {
		case err != nil:
			faults = append(faults, err)
			continue
		case seen[parameter.Name]:
			faults = append(faults, parameterFault(parameter.Name, "stands twice"))
			continue
		}
		seen[parameter.Name] = true
		if err := spec.check(parameter); err != nil {
			faults = append(faults, fault.Of(err)...)
		} else if err := spec.set(&options, parameter); err != nil {
			faults = append(faults, fault.Of(err)...)
		}
	}
	return options, faults.OrNil()
}

func findSpec(name string) (ParameterSpec, *fault.Error) {
	names := make([]string, len(parameterSpecs))
	for i, spec := range parameterSpecs {
		if spec.Name == name {
			return spec, nil
		}
		names[i] = spec.Name
	}
	unknown := fault.New(fault.Parameter, "there is no parameter %q", fault.Clean(name, 80)).Meant(name, names)
	if unknown.Nearest == "" {
		unknown = unknown.WithFix("docs/parameters.md lists all parameters")
	}
	return ParameterSpec{}, unknown
}

// check refuses a value of the wrong type. Argo CD's UI sends empty values of
// the other types beside the real one; those do not count.
func (s ParameterSpec) check(p Parameter) error {
	given := map[Collection]bool{
		CollectionString: p.String != nil,
		CollectionArray:  p.Array != nil && (len(*p.Array) > 0 || s.Collection == CollectionArray),
		CollectionMap:    p.Map != nil && (len(*p.Map) > 0 || s.Collection == CollectionMap),
	}
	for _, other := range []Collection{CollectionString, CollectionArray, CollectionMap} {
		if given[other] && other != s.Collection {
			return s.wanted(parameterFault(p.Name, "is given as %s, it takes %s", other, s.Collection))
		}
	}
	if !given[s.Collection] {
		return s.wanted(parameterFault(p.Name, "has no value, it takes %s", s.Collection))
	}
	return nil
}

// wanted says how the parameter is written in an Application.
func (s ParameterSpec) wanted(wrong *fault.Error) *fault.Error {
	form := map[Collection]string{
		CollectionString: "string: TEXT", CollectionArray: "array: [ITEM, ...]", CollectionMap: "map: {KEY: VALUE, ...}",
	}[s.Collection]
	return wrong.WithFix("write {name: %s, %s}", s.Name, form)
}

func parameterFault(name, format string, args ...any) *fault.Error {
	return fault.New(fault.Parameter, "parameter "+name+" "+format, args...)
}

func text(name, title, tooltip string, set func(*Choices, Parameter) error) ParameterSpec {
	return ParameterSpec{name, CollectionString, title, tooltip, set}
}

func list(name, title, tooltip string, field func(*Choices) *[]string) ParameterSpec {
	return ParameterSpec{name, CollectionArray, title, tooltip, func(options *Choices, p Parameter) error {
		*field(options) = *p.Array
		return nil
	}}
}

func dict(name, title, tooltip string, field func(*Choices) *map[string]string) ParameterSpec {
	return ParameterSpec{name, CollectionMap, title, tooltip, func(options *Choices, p Parameter) error {
		*field(options) = *p.Map
		return nil
	}}
}

func stringInto(field func(*Choices) *string) func(*Choices, Parameter) error {
	return func(options *Choices, p Parameter) error {
		*field(options) = *p.String
		return nil
	}
}

func boolInto(field func(*Choices) *bool) func(*Choices, Parameter) error {
	return func(options *Choices, p Parameter) error {
		switch *p.String {
		case "true":
			*field(options) = true
		case "false", "":
			*field(options) = false
		default:
			return parameterFault(p.Name, "is %q, it takes true or false", fault.Clean(*p.String, 40)).Like(*p.String, []string{"true", "false"})
		}
		return nil
	}
}

func setSourceType(options *Choices, p Parameter) error {
	if !slices.Contains(append(render.Kinds(), ""), render.Kind(*p.String)) {
		names := make([]string, len(render.Kinds()))
		for i, kind := range render.Kinds() {
			names[i] = string(kind)
		}
		return parameterFault(p.Name, "is %q, it takes kustomize, helm, helm-kustomize, directory or composite", fault.Clean(*p.String, 40)).Like(*p.String, names)
	}
	options.SourceType = render.Kind(*p.String)
	return nil
}

// setInjection takes any name: which ones are allowed, the secrets stage knows.
func setInjection(options *Choices, p Parameter) error {
	options.Injection = inject.Kind(*p.String)
	return nil
}

func setReplicas(options *Choices, p Parameter) error {
	replicas := make(map[string]int64, len(*p.Map))
	for _, name := range slices.Sorted(maps.Keys(*p.Map)) {
		count, err := strconv.ParseInt(strings.TrimSpace((*p.Map)[name]), 10, 32)
		if err != nil || count < 0 {
			return parameterFault(p.Name, "has %q for %s, it takes a count", fault.Clean((*p.Map)[name], 40), fault.Clean(name, 80))
		}
		replicas[name] = count
	}
	options.Kustomize.Replicas = replicas
	return nil
}
