package inject

import (
	"fmt"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// Pod is the pod that a workload makes, as a part of the workload's own tree:
// to change it is to change the workload.
type Pod struct {
	// Metadata is the pod's metadata, nil where the workload gives none.
	Metadata map[string]any
	Spec     map[string]any
	// Path is the field of the workload that Spec is, such as
	// "spec.template.spec".
	Path string
	// parent holds Metadata and Spec.
	parent map[string]any
}

// PodOf returns the pod of an object: a Pod itself, the template of anything
// that has spec.template.spec, or a CronJob's. It goes by shape and not by
// kind, since Rollouts and other custom workloads take the same fields.
func PodOf(o object.Object) (Pod, bool) {
	spec := fields(o.Fields["spec"])
	for _, place := range []struct {
		parent map[string]any
		path   string
		fits   bool
	}{
		{o.Fields, "spec", o.Kind() == "Pod" && o.Group() == ""},
		{fields(spec["template"]), "spec.template.spec", true},
		{fields(fields(fields(spec["jobTemplate"])["spec"])["template"]), "spec.jobTemplate.spec.template.spec", true},
	} {
		podSpec := fields(place.parent["spec"])
		if _, ok := podSpec["containers"].([]any); place.fits && ok {
			return Pod{Metadata: fields(place.parent["metadata"]), Spec: podSpec, Path: place.path, parent: place.parent}, true
		}
	}
	return Pod{}, false
}

// Annotate sets an annotation of the pod.
func (p *Pod) Annotate(name, text string) {
	if p.Metadata == nil {
		p.Metadata = map[string]any{}
		p.parent["metadata"] = p.Metadata
	}
	annotations := fields(p.Metadata["annotations"])
	if annotations == nil {
		annotations = map[string]any{}
		p.Metadata["annotations"] = annotations
	}
	annotations[name] = text
}

// Container is one container of a pod.
type Container struct {
	Fields map[string]any
	// Path is the field of the workload that the container is.
	Path string
}

// Name returns the container's name.
func (c Container) Name() string { return text(c.Fields["name"]) }

// Containers returns the containers of every sort, in the order of the tree.
func (p *Pod) Containers() []Container {
	var containers []Container
	for _, list := range []string{"initContainers", "containers", "ephemeralContainers"} {
		items, _ := p.Spec[list].([]any)
		for i, item := range items {
			if c := fields(item); c != nil {
				containers = append(containers, Container{Fields: c, Path: fmt.Sprintf("%s.%s[%d]", p.Path, list, i)})
			}
		}
	}
	return containers
}

// usesAsEnv returns the field of a container that takes a variable from a
// Secret.
func (p *Pod) usesAsEnv(secret string) (string, bool) {
	for _, container := range p.Containers() {
		for i, item := range list(container.Fields["env"]) {
			from := fields(fields(fields(item)["valueFrom"])["secretKeyRef"])
			if from != nil && text(from["name"]) == secret {
				return fmt.Sprintf("%s.env[%d]", container.Path, i), true
			}
		}
		for i, item := range list(container.Fields["envFrom"]) {
			if from := fields(fields(item)["secretRef"]); from != nil && text(from["name"]) == secret {
				return fmt.Sprintf("%s.envFrom[%d]", container.Path, i), true
			}
		}
	}
	return "", false
}

// volumesOf returns the indexes of the volumes that are a Secret, and whether a
// projected volume has it as one of its sources.
func (p *Pod) volumesOf(secret string) (indexes []int, projected bool) {
	for i, item := range list(p.Spec["volumes"]) {
		volume := fields(item)
		if text(fields(volume["secret"])["secretName"]) == secret {
			indexes = append(indexes, i)
		}
		for _, source := range list(fields(volume["projected"])["sources"]) {
			if text(fields(fields(source)["secret"])["name"]) == secret {
				projected = true
			}
		}
	}
	return indexes, projected
}

// Uses tells whether the pod's containers take anything from a Secret.
func (p *Pod) Uses(secret string) bool {
	if _, ok := p.usesAsEnv(secret); ok {
		return true
	}
	indexes, projected := p.volumesOf(secret)
	return len(indexes) > 0 || projected
}

// users returns the workloads that use the Secret.
func (s *Secret) users(workloads []object.Object) []object.Object {
	var users []object.Object
	for _, workload := range workloads {
		pod, ok := PodOf(workload)
		if ok && pod.Uses(s.Name()) {
			users = append(users, workload)
		}
	}
	return users
}

// Rolls tells whether changing the pod template of a workload replaces its
// pods. The template of a Job cannot be changed at all.
func Rolls(o object.Object) bool {
	switch o.Kind() {
	case "Deployment", "StatefulSet", "DaemonSet", "Rollout", "DeploymentConfig":
		return true
	}
	return false
}

func fields(node any) map[string]any {
	m, _ := node.(map[string]any)
	return m
}

func list(node any) []any {
	items, _ := node.([]any)
	return items
}

func text(node any) string {
	s, _ := node.(string)
	return s
}
