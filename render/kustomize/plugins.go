package kustomize

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/api/konfig"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// pluginDir is a directory whose kustomization makes configurations of plugins.
type pluginDir struct {
	owner *kustomization
	ref   *reference
}

// functionAnnotations ask kustomize to run a container or a program.
var functionAnnotations = []string{"config.kubernetes.io/function", "config.k8s.io/function"}

// chartGenerator is kustomize's plugin that runs the helm program.
const chartGenerator = "HelmChartInflationGenerator"

// pluginPaths lists the fields of the builtin plugins that name files, and how
// they are read. The paths are relative to the kustomization that lists the
// plugin, not to the plugin's file.
var pluginPaths = map[string]map[string]referenceKind{
	"ConfigMapGenerator":             {"files": toFile, "envs": toFile, "env": toFile},
	"SecretGenerator":                {"files": toFile, "envs": toFile, "env": toFile},
	"PatchTransformer":               {"path": toYAML, "patch": inline},
	"PatchJson6902Transformer":       {"path": toYAML, "jsonOp": inline},
	"PatchStrategicMergeTransformer": {"paths": toPatch, "patches": inline},
	"ReplacementTransformer":         {"replacements.path": toFile},
	"ValueAddTransformer":            {"targetFilePath": toFile},
}

// checkPluginFile checks the configurations in a file, or in an entry itself.
func (s *survey) checkPluginFile(k *kustomization, ref *reference, file string, data []byte) {
	configs, err := object.Decode(file, data)
	if err == nil {
		configs, err = object.Flatten(configs)
	}
	if err != nil {
		s.reportError(k, ref, err)
		return
	}
	for _, config := range configs {
		s.checkPlugin(k, ref, config)
	}
}

// checkPlugin refuses a plugin that is a program, and follows the files that a
// builtin one names.
func (s *survey) checkPlugin(k *kustomization, ref *reference, config object.Object) {
	annotations := config.Annotations()
	isFunction := slices.ContainsFunc(functionAnnotations, func(key string) bool {
		_, ok := annotations[key]
		return ok
	})
	switch {
	case config.Kind() == chartGenerator:
		s.report(k, ref, fault.New(fault.Plugin, "%s runs the helm program", chartGenerator).
			WithFix("use helmCharts with a chart vendored below charts/"))
	case isFunction:
		s.report(k, ref, fault.New(fault.Plugin, "%s asks for a container or a program", config).
			WithFix("use a builtin transformer, or render it before committing"))
	case config.APIVersion() != konfig.BuiltinPluginApiVersion:
		s.report(k, ref, fault.New(fault.Plugin, "%s is not builtin", config).
			WithFix("use a builtin transformer (apiVersion: builtin), or render it before committing"))
	default:
		for field, kind := range pluginPaths[config.Kind()] {
			for _, value := range stringsAt(config.Fields, strings.Split(field, ".")) {
				s.checkPluginPath(k, ref, field, kind, value)
			}
		}
	}
}

func (s *survey) checkPluginPath(k *kustomization, ref *reference, field string, kind referenceKind, value string) {
	named := &reference{kind: kind, value: value, line: ref.line, field: fmt.Sprintf("%s (%s)", ref.field, field)}
	if field == "files" {
		path, ok := sourcePath(value)
		if !ok {
			return
		}
		named.value = path
	}
	s.inspectReference(k, named)
}

// stringsAt returns the strings at a path of fields, through lists. The case of
// names is folded, as kustomize does when it reads a configuration.
func stringsAt(value any, path []string) []string {
	switch value := value.(type) {
	case string:
		if len(path) == 0 {
			return []string{value}
		}
	case []any:
		var found []string
		for _, item := range value {
			found = append(found, stringsAt(item, path)...)
		}
		return found
	case map[string]any:
		var found []string
		for name, field := range value {
			if len(path) > 0 && strings.EqualFold(name, path[0]) {
				found = append(found, stringsAt(field, path[1:])...)
			}
		}
		return found
	}
	return nil
}

// checkPluginDirs checks configurations that a kustomization makes: patches can
// write paths that stand in no file. Each directory is built once by itself,
// inner ones first, so that what kustomize then does with it holds no surprise.
func (b *build) checkPluginDirs() error {
	done := map[string]bool{}
	for _, dir := range b.survey.pluginDirs {
		key := dir.owner.dir + "\x00" + dir.ref.dir.dir
		if done[key] {
			continue
		}
		done[key] = true
		resources, _, err := runKustomize(b.files, dir.ref.dir.dir, b.survey.customSchema)
		if err != nil {
			return b.explain(err)
		}
		for _, resource := range resources {
			configs, err := decode(resource)
			if err != nil {
				return err
			}
			for _, config := range configs {
				b.survey.checkPlugin(dir.owner, dir.ref, config)
			}
		}
		if err := b.survey.faults.OrNil(); err != nil {
			return err
		}
	}
	return nil
}
