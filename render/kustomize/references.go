package kustomize

import (
	"fmt"
	"strings"

	"sigs.k8s.io/kustomize/api/types"
)

// reference is one place where a kustomization names something outside of
// itself, or holds YAML of its own in a string.
type reference struct {
	kind  referenceKind
	value string
	// field and line say where it stands; a reference that a parameter of the
	// application makes has no line, and the parameter as its field.
	field         string
	line          int
	fromParameter bool

	// What the survey found: a file, or a directory with its kustomization.
	file string
	dir  *kustomization
}

type referenceKind int

const (
	// toFile is a file at or below the kustomization's directory.
	toFile referenceKind = iota
	// toYAML is such a file that kyaml parses.
	toYAML
	// toResource is a file of objects or the directory of a kustomization.
	toResource
	// toComponent is the directory of a component.
	toComponent
	// toPlugin is the configuration of a plugin: inline, a file or a directory.
	toPlugin
	// toPatch is a strategic merge patch, inline or a file.
	toPatch
	// inline is YAML in a string.
	inline
)

// collector gathers the references of one kustomization.
type collector struct {
	k    *kustomization
	refs []*reference
}

func (c *collector) add(kind referenceKind, value string, path ...any) {
	if value == "" && kind != toResource && kind != toComponent {
		return
	}
	c.refs = append(c.refs, &reference{
		kind: kind, value: value, field: fieldName(path), line: c.k.lineOf(path...),
	})
}

func (c *collector) addAll(kind referenceKind, values []string, path ...any) {
	for i, value := range values {
		c.add(kind, value, append(append([]any(nil), path...), i)...)
	}
}

// fieldName writes a path as people do: patches[0].path.
func fieldName(path []any) string {
	var b strings.Builder
	for _, step := range path {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		}
	}
	return b.String()
}

// references lists what a kustomization refers to, in the order in which
// kustomize follows it.
//
//nolint:staticcheck // deprecated fields of kustomize are in wide use
func (k *kustomization) references() []*reference {
	c, spec := &collector{k: k}, k.spec
	c.addAll(toResource, spec.Resources, "resources")
	c.addAll(toResource, spec.Bases, "bases")
	c.addAll(toFile, spec.Configurations, "configurations")
	c.addAll(toFile, spec.Crds, "crds")
	c.add(toFile, spec.OpenAPI["path"], "openapi", "path")
	for i, generator := range spec.ConfigMapGenerator {
		c.addSources(generator.KvPairSources, "configMapGenerator", i)
	}
	for i, generator := range spec.SecretGenerator {
		c.addSources(generator.KvPairSources, "secretGenerator", i)
	}
	for i, chart := range spec.HelmCharts {
		c.add(toFile, chart.ValuesFile, "helmCharts", i, "valuesFile")
		c.addAll(toFile, chart.AdditionalValuesFiles, "helmCharts", i, "additionalValuesFiles")
	}
	c.addAll(toPlugin, spec.Generators, "generators")
	c.addAll(toComponent, spec.Components, "components")
	for i, patch := range spec.PatchesStrategicMerge {
		c.add(toPatch, string(patch), "patchesStrategicMerge", i)
	}
	c.addPatches(spec.Patches, "patches")
	c.addPatches(spec.PatchesJson6902, "patchesJson6902")
	for i, replacement := range spec.Replacements {
		c.add(toFile, replacement.Path, "replacements", i, "path")
	}
	c.addAll(toPlugin, spec.Transformers, "transformers")
	c.addAll(toPlugin, spec.Validators, "validators")
	return c.refs
}

func (c *collector) addPatches(patches []types.Patch, field string) {
	for i, patch := range patches {
		c.add(toYAML, patch.Path, field, i, "path")
		c.add(inline, patch.Patch, field, i, "patch")
	}
}

// addSources adds what a generator reads. A file source may be key=path; one
// that kustomize cannot split is left to kustomize, which refuses it unread.
func (c *collector) addSources(sources types.KvPairSources, field string, index int) {
	for i, file := range sources.FileSources {
		if path, ok := sourcePath(file); ok {
			c.add(toFile, path, field, index, "files", i)
		}
	}
	c.addAll(toFile, sources.EnvSources, field, index, "envs")
	c.add(toFile, sources.EnvSource, field, index, "env")
}

func sourcePath(file string) (string, bool) {
	key, path, found := strings.Cut(file, "=")
	if !found {
		return file, true
	}
	return path, key != "" && path != "" && !strings.Contains(path, "=")
}
