package secrets

import (
	"fmt"
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

// liftedSecret returns the Secret that a workload's variables are lifted into.
// Its name depends on the workload alone, so that it stays when values change.
func liftedSecret(o object.Object) object.Object {
	name := o.Name()
	if name == "" {
		generate, _ := o.Fields["metadata"].(map[string]any)["generateName"].(string)
		name = strings.TrimRight(generate, "-.")
	}
	const longest = 253
	suffix := "-" + strings.ToLower(o.Kind()) + "-env"
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
