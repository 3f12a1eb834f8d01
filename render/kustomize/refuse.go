package kustomize

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/types"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// checkText refuses YAML that is not UTF-8, and YAML whose aliases lead in a
// circle or grow without measure. Kyaml follows aliases by copying what they point
// at, so the first overflows the stack, which no recover can stop, and the second
// fills memory (fluxcd/kustomize-controller#1236).
func checkText(file string, data []byte) error {
	if _, err := object.CheckEncoding(file, data); err != nil {
		return err
	}
	return object.CheckAliases(file, data)
}

// findDuplicate looks for the file in which a key stands twice, of those that
// kustomize reads objects from. Kustomize says only of the result that it cannot be
// written.
func (b *build) findDuplicate() error {
	for _, k := range b.survey.order {
		for _, ref := range k.refs {
			if ref.file == "" || ref.kind == toFile {
				continue
			}
			data, _ := b.files.file(ref.file)
			if _, err := object.Decode(ref.file, data); fault.CodeOf(err) == fault.YAMLDup {
				return err
			}
		}
	}
	return nil
}

// isInline tells whether an entry that may be a path is YAML itself.
func isInline(ref *reference) bool {
	if ref.kind != toPlugin && ref.kind != toPatch || opensURL(ref.value) {
		return false
	}
	var document yaml.Node
	if yaml.Unmarshal([]byte(ref.value), &document) != nil || len(document.Content) == 0 {
		return false
	}
	return document.Content[0].Kind != yaml.ScalarNode
}

// refusePlugins refuses the fields of a kustomization that would make kustomize
// run a program.
//
//nolint:staticcheck // deprecated fields of kustomize are in wide use
func (s *survey) refusePlugins(k *kustomization) {
	if globals := k.spec.HelmGlobals; globals != nil && globals.ConfigHome != "" {
		s.faults = append(s.faults, fault.New(fault.Plugin, "Helm's configuration cannot come from the source").
			In(k.file, k.lineOf("helmGlobals", "configHome")).At("", "helmGlobals.configHome").
			WithFix("remove the field"))
	}
	if len(k.spec.HelmChartInflationGenerator) > 0 {
		const field = "helmChartInflationGenerator"
		s.faults = append(s.faults, fault.New(fault.Plugin, "the field is not supported").
			In(k.file, k.lineOf(field)).At("", field).
			WithFix("use helmCharts with a chart vendored below charts/"))
	}
}

// warnDeprecated reports the fields that kustomize will drop.
//
//nolint:staticcheck // deprecated fields of kustomize are in wide use
func (s *survey) warnDeprecated(k *kustomization) {
	spec := k.spec
	for _, field := range []struct {
		name, instead string
		used          bool
	}{
		{"bases", "resources", spec.Bases != nil},
		{"commonLabels", "labels", spec.CommonLabels != nil},
		{"imageTags", "images", spec.ImageTags != nil},
		{"patchesJson6902", "patches", spec.PatchesJson6902 != nil},
		{"patchesStrategicMerge", "patches", spec.PatchesStrategicMerge != nil},
		{"vars", "replacements", spec.Vars != nil},
	} {
		if field.used {
			s.warnings = append(s.warnings, fault.New(fault.Kustomize, "kustomize has deprecated this field").
				In(k.file, k.lineOf(field.name)).At("", field.name).WithFix("use %s", field.instead))
		}
	}
}

// maxGrowth is how many times a field may be written into itself, directly or by
// way of others: each time can double it.
const maxGrowth = 1 << 12

// boundGrowth refuses replacements that make a field grow exponentially. With a
// delimiter a replacement adds to its target, so that one that reads what it
// writes doubles it: forty of them in a file of 4 KiB would fill any memory.
func (s *survey) boundGrowth(k *kustomization) {
	size := map[string]int{}
	grow := func(field string) int { return max(size[field], 1) }
	for i, entry := range k.spec.Replacements {
		for _, replacement := range s.replacementsOf(k, entry) {
			written := 1
			if source := replacement.Source; source != nil {
				written = grow(fieldKey(source.Kind, source.Name, source.FieldPath))
			}
			for _, field := range targetFields(replacement.Targets) {
				if field.adds {
					size[field.key] = grow(field.key) + written
				} else {
					size[field.key] = written
				}
				if size[field.key] > maxGrowth {
					s.faults = append(s.faults, fault.New(fault.Limit, "the replacement makes its own source grow without measure").
						In(k.file, k.lineOf("replacements", i)).At("", fmt.Sprintf("replacements[%d]", i)).
						WithFix("do not read a field that other replacements add to"))
					return
				}
			}
		}
	}
}

type targetField struct {
	key  string
	adds bool
}

func targetFields(targets []*types.TargetSelector) []targetField {
	var fields []targetField
	for _, target := range targets {
		if target == nil || target.Select == nil {
			continue
		}
		paths := target.FieldPaths
		if len(paths) == 0 {
			paths = []string{types.DefaultReplacementFieldPath}
		}
		for _, path := range paths {
			fields = append(fields, targetField{
				key:  fieldKey(target.Select.Kind, target.Select.Name, path),
				adds: target.Options != nil && target.Options.Delimiter != "",
			})
		}
	}
	return fields
}

func fieldKey(kind, name, path string) string {
	if path == "" {
		path = types.DefaultReplacementFieldPath
	}
	return strings.Join([]string{kind, name, path}, "\x00")
}
