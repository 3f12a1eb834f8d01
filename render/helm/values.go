package helm

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/strvals"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// The fields that faults of values name: the parameters that they came from.
const (
	fieldValuesFiles      = "helm-values-files"
	fieldValues           = "helm-values"
	fieldParameters       = "helm-parameters"
	fieldStringParameters = "helm-string-parameters"
	fieldFileParameters   = "helm-file-parameters"
)

// mergeValues returns the values that win over the chart's own, merged in the
// order of "helm template": values files, inline values, --set, --set-string,
// --set-file. Parameters apply in the order of their names.
func mergeValues(tree *source.Tree, root string, o Options) (map[string]any, error) {
	files := resolver{tree: tree, root: root, dir: o.baseDir()}
	merged, err := baseValues(o)
	if err != nil {
		return nil, err
	}
	for _, ref := range o.ValuesFiles {
		names, err := files.files(ref, fieldValuesFiles)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			content, _ := tree.File(name)
			if err := object.CheckAliases(name, content); err != nil {
				return nil, err
			}
			values := map[string]any{}
			if err := yaml.Unmarshal(content, &values); err != nil {
				return nil, yamlFault(err, o.QuoteErrors).In(name, yamlErrorLine(err))
			}
			merged = mergeMaps(merged, values)
		}
	}
	inline := map[string]any{}
	if err := yaml.Unmarshal([]byte(o.Values), &inline); err != nil {
		return nil, inlineFault(err, o.QuoteErrors)
	}
	merged = mergeMaps(merged, inline)
	return merged, setParameters(merged, tree, files, o)
}

// baseValues passes the caller's values through YAML, so that their numbers
// have the types of values that Helm reads from a file and the caller's maps
// stay as they are.
func baseValues(o Options) (map[string]any, error) {
	values := map[string]any{}
	if len(o.BaseValues) == 0 {
		return values, nil
	}
	text, err := yaml.Marshal(o.BaseValues)
	if err == nil {
		err = yaml.Unmarshal(text, &values)
	}
	if err != nil {
		return nil, yamlFault(err, o.QuoteErrors)
	}
	return values, nil
}

func setParameters(values map[string]any, tree *source.Tree, files resolver, o Options) error {
	for _, name := range sortedKeys(o.Parameters) {
		if err := strvals.ParseInto(name+"="+escapeCommas(o.Parameters[name]), values); err != nil {
			return setFault(err, fieldParameters, name, o.QuoteErrors)
		}
	}
	for _, name := range sortedKeys(o.StringParameters) {
		if err := strvals.ParseIntoString(name+"="+escapeCommas(o.StringParameters[name]), values); err != nil {
			return setFault(err, fieldStringParameters, name, o.QuoteErrors)
		}
	}
	for _, name := range sortedKeys(o.FileParameters) {
		path, err := files.file(o.FileParameters[name], fieldFileParameters+"."+name)
		if err != nil {
			return err
		}
		content, _ := tree.File(path)
		read := func([]rune) (any, error) { return string(content), nil }
		if err := strvals.ParseIntoFile(name+"=file", values, read); err != nil {
			return setFault(err, fieldFileParameters, name, o.QuoteErrors)
		}
	}
	return nil
}

// escapeCommas keeps Helm from reading a value as several parameters. Argo CD
// does the same: a comma that is escaped already stays so, and a value in
// braces is Helm's notation of a list.
func escapeCommas(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	var escaped strings.Builder
	previous := rune(0)
	for _, r := range value {
		if r == ',' && previous != '\\' {
			escaped.WriteRune('\\')
		}
		escaped.WriteRune(r)
		previous = r
	}
	return escaped.String()
}

// mergeMaps returns base with over merged into it; maps merge, anything else in
// over replaces. Maps of base may become part of the result.
func mergeMaps(base, over map[string]any) map[string]any {
	merged := maps.Clone(base)
	if merged == nil {
		merged = make(map[string]any, len(over))
	}
	for key, value := range over {
		if below, ok := value.(map[string]any); ok {
			if existing, ok := merged[key].(map[string]any); ok {
				merged[key] = mergeMaps(existing, below)
				continue
			}
		}
		merged[key] = value
	}
	return merged
}

func inlineFault(err error, quote bool) *fault.Error {
	problem := yamlFault(err, quote).At("", fieldValues)
	if line := yamlErrorLine(err); line > 0 {
		problem.Message = problem.Message + " in line " + strconv.Itoa(line)
	}
	return problem
}

func setFault(err error, field, name string, quote bool) *fault.Error {
	problem := "the parameter cannot be set"
	if quote {
		problem += ": " + fault.Clean(err.Error(), 256)
	}
	return fault.New(fault.Parameter, "%s", problem).At("", field+"."+fault.Clean(name, 128)).
		WithFix("names are paths such as image.tag or list[0].name; a dot within a name is written as \\.")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
