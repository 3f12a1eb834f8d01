package helm

import (
	"path"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/render"
)

// defaultNamespace is what Helm renders with when nobody names a namespace.
const defaultNamespace = "default"

// Options say which chart to render and how. All paths are slash-separated.
type Options struct {
	// Dir is the chart's directory, below the root of the tree.
	Dir string
	// ReleaseName is required; Namespace is "default" where it is empty.
	ReleaseName string
	Namespace   string

	// The values, each winning over those above it and all over the chart's
	// own. BaseValues is for callers that bring values of their own, such as
	// a kustomization's valuesInline; it is not changed.
	BaseValues map[string]any
	// ValuesFiles are paths or globs relative to BaseDir; a leading "/" means
	// the root of the tree.
	ValuesFiles []string
	// Values is inline YAML.
	Values string
	// Parameters, StringParameters and FileParameters are helm's --set,
	// --set-string and --set-file with Argo CD's reading of commas: a comma
	// belongs to the value, except in a value written as a {list}.
	Parameters       map[string]string
	StringParameters map[string]string
	FileParameters   map[string]string
	// BaseDir is the directory that ValuesFiles and FileParameters are
	// relative to; empty means Dir.
	BaseDir string

	// KubeVersion is the destination's version, such as "1.33", "v1.33.2" or
	// "1.33.2+k3s1"; empty means Helm's default.
	KubeVersion string
	// APIVersions are added to the versions that Helm knows, in the forms
	// "group/version" and "group/version/Kind".
	APIVersions []string

	// IncludeCRDs renders the crds directories of the chart and its subcharts.
	IncludeCRDs bool
	// SkipTests leaves test hooks out, SkipHooks all hooks.
	SkipTests            bool
	SkipHooks            bool
	SkipSchemaValidation bool

	// QuoteErrors lets Helm's own error text through, trimmed and escaped.
	QuoteErrors bool
}

// optionsOf says how the application of a request is rendered.
func optionsOf(req render.Request) Options {
	parameters := req.Parameters.Helm
	options := Options{
		Dir:                  req.Path,
		ReleaseName:          parameters.ReleaseName,
		Namespace:            parameters.Namespace,
		ValuesFiles:          parameters.ValuesFiles,
		Values:               parameters.Values,
		Parameters:           parameters.Parameters,
		StringParameters:     parameters.StringParameters,
		FileParameters:       parameters.FileParameters,
		KubeVersion:          req.KubeVersion,
		APIVersions:          req.APIVersions,
		IncludeCRDs:          !parameters.SkipCRDs,
		SkipTests:            parameters.SkipTests,
		SkipSchemaValidation: parameters.SkipSchemaValidation,
		QuoteErrors:          req.Limits.QuoteErrors,
	}
	if options.ReleaseName == "" {
		options.ReleaseName = ReleaseName(req.AppName)
	}
	if options.Namespace == "" {
		options.Namespace = req.Namespace
	}
	return options
}

// ReleaseName gives the release name that Argo CD derives from an application's
// name: applications outside of Argo CD's own namespace are called
// "namespace_name", and the release is called "name".
func ReleaseName(appName string) string {
	if _, name, qualified := strings.Cut(appName, "_"); qualified {
		return name
	}
	return appName
}

func (o Options) baseDir() string {
	if o.BaseDir != "" {
		return path.Clean(o.BaseDir)
	}
	return path.Clean(o.Dir)
}

func (o Options) namespace() string {
	if o.Namespace != "" {
		return o.Namespace
	}
	return defaultNamespace
}
