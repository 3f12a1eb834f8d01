package kustomize

import (
	"path"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The values of valuesMerge: which of valuesInline and the values file wins, or
// that only valuesInline counts.
const (
	mergeOverride = "override"
	mergeMerge    = "merge"
	mergeReplace  = "replace"
)

// chartValues merges valuesInline with the values file, by default the chart's
// own. It merges with kyaml, as kustomize does, and not as Helm merges: a null
// takes the field out, so that the chart's default comes back.
func (b *build) chartValues(k *kustomization, chart types.HelmChart, dir string) (values map[string]any, found *fault.Error) {
	file := path.Join(dir, "values.yaml")
	if chart.ValuesFile != "" {
		file = cleanJoin(k.dir, chart.ValuesFile)
	}
	defer func() {
		if recover() != nil {
			values, found = nil, fault.New(fault.Chart, "the values in %q and valuesInline cannot be merged", file)
		}
	}()
	text, _ := b.files.file(file)
	if err := checkText(file, text); err != nil {
		return nil, fault.Of(err)[0]
	}
	if len(chart.ValuesInline) > 0 {
		merged, err := mergeValues(chart.ValuesMerge, text, chart.ValuesInline)
		if err != nil {
			return nil, err
		}
		text = merged
	}
	// Helm reads values files this way: every number becomes a float64.
	if err := sigsyaml.Unmarshal(text, &values); err != nil {
		return nil, fault.New(fault.Chart, "the values in %q are not a YAML mapping", file)
	}
	return values, nil
}

// mergeValues gives the values file that kustomize would write for helm.
func mergeValues(mode string, file []byte, inlined map[string]any) ([]byte, *fault.Error) {
	if mode == "" {
		mode = mergeOverride
	}
	if mode != mergeOverride && mode != mergeMerge && mode != mergeReplace {
		return nil, fault.New(fault.Kustomize, "valuesMerge is %q", fault.Clean(mode, 80)).Like(mode, []string{mergeOverride, mergeMerge, mergeReplace}).
			WithFix("use %s, %s or %s", mergeOverride, mergeMerge, mergeReplace)
	}
	cannot := fault.New(fault.Chart, "valuesInline cannot be merged with the values file")
	inline, err := yaml.FromMap(inlined)
	if err != nil {
		return nil, cannot
	}
	merged := inline
	if base, err := yaml.Parse(string(file)); err == nil && mode != mergeReplace {
		winner, loser := inline, base
		if mode == mergeMerge {
			winner, loser = base, inline
		}
		if merged, err = merge2.Merge(winner, loser.Copy(), yaml.MergeOptions{}); err != nil {
			return nil, cannot
		}
	}
	values, err := merged.Map()
	if err != nil {
		return nil, cannot
	}
	text, err := sigsyaml.Marshal(values)
	if err != nil {
		return nil, cannot
	}
	return text, nil
}
