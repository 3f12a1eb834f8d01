package gatekeeper

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/manifest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
)

// matchSpec is spec.match of a constraint.
type matchSpec struct {
	Kinds []struct {
		APIGroups []string `json:"apiGroups"`
		Kinds     []string `json:"kinds"`
	} `json:"kinds"`
	Scope              string                `json:"scope"`
	Namespaces         []string              `json:"namespaces"`
	ExcludedNamespaces []string              `json:"excludedNamespaces"`
	LabelSelector      *metav1.LabelSelector `json:"labelSelector"`
	NamespaceSelector  *metav1.LabelSelector `json:"namespaceSelector"`
	Name               string                `json:"name"`
	Source             string                `json:"source"`
}

// match decides which objects a constraint is asked about. A nil selector
// matches everything.
type match struct {
	matchSpec
	labels, namespaceLabels labels.Selector
}

func newMatch(document manifest.Document) (match, error) {
	var m match
	fields, present := specOf(document)["match"]
	if !present || fields == nil {
		return m, nil
	}
	mapping, ok := fields.(map[string]any)
	if !ok {
		return m, document.Fault("spec.match is not a mapping")
	}
	// Strict, because a misspelt condition would leave the constraint asking
	// about the wrong objects.
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(mapping, &m.matchSpec, true); err != nil {
		return m, document.Fault("spec.match: %s", fault.Clean(err.Error(), 200))
	}
	if !slices.Contains([]string{"", "*", "Cluster", "Namespaced"}, m.Scope) {
		return m, document.Fault("spec.match.scope %q is not known", m.Scope).WithFix("use *, Cluster or Namespaced")
	}
	var err error
	if m.labels, err = selector(m.LabelSelector); err != nil {
		return m, document.Fault("spec.match.labelSelector: %s", fault.Clean(err.Error(), 200))
	}
	if m.namespaceLabels, err = selector(m.NamespaceSelector); err != nil {
		return m, document.Fault("spec.match.namespaceSelector: %s", fault.Clean(err.Error(), 200))
	}
	return m, nil
}

func selector(spec *metav1.LabelSelector) (labels.Selector, error) {
	if spec == nil {
		return nil, nil
	}
	return metav1.LabelSelectorAsSelector(spec)
}

// matches reports whether the constraint is asked about the object. Namespaces
// are the labels of those namespaces that are known.
func (m match) matches(o object.Object, destination string, namespaces map[string]labels.Set) bool {
	isNamespace := o.Kind() == "Namespace" && o.Group() == ""
	namespace, known := shape.Scope(o, destination)
	if isNamespace {
		namespace = o.Name()
	}
	return m.matchesKind(o) && m.matchesScope(isNamespace, namespace, known) && m.matchesNamespace(namespace) &&
		(m.labels == nil || m.labels.Matches(labels.Set(o.Labels()))) &&
		m.matchesNamespaceLabels(o, isNamespace, namespace, namespaces) &&
		(m.Name == "" || wildcard(m.Name, o.Name())) &&
		m.Source != "Generated"
}

func (m match) matchesKind(o object.Object) bool {
	if len(m.Kinds) == 0 {
		return true
	}
	oneOf := func(list []string, value string) bool {
		return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, value)
	}
	for _, entry := range m.Kinds {
		if oneOf(entry.Kinds, o.Kind()) && oneOf(entry.APIGroups, o.Group()) {
			return true
		}
	}
	return false
}

func (m match) matchesScope(isNamespace bool, namespace string, known bool) bool {
	if !known {
		return true
	}
	switch m.Scope {
	case "Cluster":
		return isNamespace || namespace == ""
	case "Namespaced":
		return !isNamespace && namespace != ""
	default:
		return true
	}
}

// matchesNamespace lets objects without a namespace through, as Gatekeeper
// does.
func (m match) matchesNamespace(namespace string) bool {
	if namespace == "" {
		return true
	}
	in := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return wildcard(pattern, namespace) })
	}
	return (len(m.Namespaces) == 0 || in(m.Namespaces)) && !in(m.ExcludedNamespaces)
}

func (m match) matchesNamespaceLabels(o object.Object, isNamespace bool, namespace string, namespaces map[string]labels.Set) bool {
	if m.namespaceLabels == nil {
		return true
	}
	if isNamespace {
		return m.namespaceLabels.Matches(labels.Set(o.Labels()))
	}
	of, known := namespaces[namespace]
	return namespace == "" || !known || m.namespaceLabels.Matches(of)
}

// wildcard matches Gatekeeper's patterns: a star at the start, at the end, or at
// both.
func wildcard(pattern, value string) bool {
	core := strings.Trim(pattern, "*")
	first, last := strings.HasPrefix(pattern, "*"), strings.HasSuffix(pattern, "*")
	switch {
	case first && last:
		return strings.Contains(value, core)
	case first:
		return strings.HasSuffix(value, core)
	case last:
		return strings.HasPrefix(value, core)
	default:
		return value == pattern
	}
}
