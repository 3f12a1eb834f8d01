package secrets

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// variablesOf returns the variables of an object's containers by the field of
// their value.
func variablesOf(o object.Object) map[string]lift {
	pod, ok := inject.PodOf(o)
	if !ok {
		return nil
	}
	variables := map[string]lift{}
	for _, container := range pod.Containers() {
		env, _ := container.Fields["env"].([]any)
		for i, item := range env {
			variable, _ := item.(map[string]any)
			name, _ := variable["name"].(string)
			if _, ok := variable["value"].(string); !ok || name == "" {
				continue
			}
			field := fmt.Sprintf("%s.env[%d].value", container.Path, i)
			variables[field] = lift{field: field, key: container.Name() + "." + name, container: container.Path, variable: i}
		}
	}
	return variables
}

// orderAnnotations are what puts an object before others in a sync. A lifted
// Secret must be there when its workload is.
var orderAnnotations = []string{
	"argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy",
	"helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy",
}

// externalSuffix ends the name of the Secret that pointers are lifted into: the
// other variables of the workload may be injected in another way.
const externalSuffix = "-external"

// liftedSecret returns the Secret that a workload's variables are lifted into.
// Its name depends on the workload alone, so that it stays when values change.
func liftedSecret(o object.Object, external bool) object.Object {
	name := o.Name()
	if name == "" {
		generate, _ := o.Fields["metadata"].(map[string]any)["generateName"].(string)
		name = strings.TrimRight(generate, "-.")
	}
	const longest = 253
	suffix := "-" + strings.ToLower(o.Kind()) + "-env"
	if external {
		suffix += externalSuffix
	}
	name = strings.TrimRight(name[:min(len(name), longest-len(suffix))], "-.")
	metadata := map[string]any{"name": name + suffix}
	if namespace := o.Namespace(); namespace != "" {
		metadata["namespace"] = namespace
	}
	annotations := map[string]any{}
	for _, annotation := range orderAnnotations {
		if text, ok := o.Annotations()[annotation]; ok {
			annotations[annotation] = text
		}
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	return object.Object{
		Fields: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"},
		File:   o.File, Line: o.Line,
	}
}

// point makes a variable of a workload read its value from a Secret.
func (l lift) point(workload object.Object, secret string) {
	pod, _ := inject.PodOf(workload)
	for _, container := range pod.Containers() {
		if container.Path != l.container {
			continue
		}
		variable := container.Fields["env"].([]any)[l.variable].(map[string]any)
		delete(variable, "value")
		variable["valueFrom"] = map[string]any{"secretKeyRef": map[string]any{"name": secret, "key": l.key}}
	}
}

// lift moves a variable into a Secret of the workload's. Pointers go into one of
// their own, as what they become does not depend on what the others do.
func (p *plan) lift(inline *inlinePlan, lifted map[liftKey]*secretPlan, external bool) {
	key := liftKey{inline.index, external}
	planned := lifted[key]
	if planned == nil {
		o := p.request.Objects[inline.index]
		planned = &secretPlan{index: inline.index, lifted: true}
		planned.Object = liftedSecret(o, external)
		planned.APIVersions = p.request.APIVersions
		lifted[key] = planned
	}
	variable := *inline.variable
	if err := inject.CheckKey(variable.key); err != nil {
		p.located(err, p.request.Objects[inline.index], inline.field)
		return
	}
	planned.lifts = append(planned.lifts, variable)
	planned.entries = append(planned.entries, entryPlan{key: variable.key, field: inline.field, template: inline.template})
	inline.template = nil
}

// liftKey names a Secret that variables are lifted into: one for the references
// to Vault of a workload, and one for those to other stores.
type liftKey struct {
	index    int
	external bool
}

// sortedKeysOf returns the keys in the order of the objects, those of Vault first.
func sortedKeysOf(lifted map[liftKey]*secretPlan) []liftKey {
	return slices.SortedFunc(maps.Keys(lifted), func(a, b liftKey) int {
		if a.index == b.index && a.external != b.external {
			if a.external {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.index, b.index)
	})
}
