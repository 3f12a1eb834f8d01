package vap

import (
	"slices"
	"strings"

	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/manifest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
)

// match is one MatchResources, of a policy or of a binding. The zero value
// matches everything.
type match struct {
	resources       *v1.MatchResources
	labels          labels.Selector
	namespaceLabels labels.Selector
}

func newMatch(document manifest.Document, resources *v1.MatchResources) (match, error) {
	if resources == nil {
		return match{}, nil
	}
	m := match{resources: resources}
	var err error
	if m.labels, err = labelSelector(resources.ObjectSelector); err != nil {
		return m, document.Fault("objectSelector: %s", fault.Clean(err.Error(), 200))
	}
	if m.namespaceLabels, err = labelSelector(resources.NamespaceSelector); err != nil {
		return m, document.Fault("namespaceSelector: %s", fault.Clean(err.Error(), 200))
	}
	return m, nil
}

// labelSelector returns a selector; none selects everything.
func labelSelector(spec *metav1.LabelSelector) (labels.Selector, error) {
	if spec == nil {
		return labels.Everything(), nil
	}
	return metav1.LabelSelectorAsSelector(spec)
}

// matches reports whether the object is asked about. Namespaces are the labels
// of those namespaces that are known.
func (m match) matches(o object.Object, destination string, namespaces map[string]labels.Set) bool {
	if m.resources == nil {
		return true
	}
	namespace, known := shape.Scope(o, destination)
	excluded := slices.ContainsFunc(m.resources.ExcludeResourceRules, func(rule v1.NamedRuleWithOperations) bool {
		return m.matchesRule(rule, o, namespace, known) && known
	})
	included := len(m.resources.ResourceRules) == 0 || slices.ContainsFunc(m.resources.ResourceRules, func(rule v1.NamedRuleWithOperations) bool {
		return m.matchesRule(rule, o, namespace, known)
	})
	return included && !excluded && m.labels.Matches(labels.Set(o.Labels())) && m.matchesNamespace(o, namespace, namespaces)
}

func (m match) matchesNamespace(o object.Object, namespace string, namespaces map[string]labels.Set) bool {
	if o.Kind() == "Namespace" && o.Group() == "" {
		return m.namespaceLabels.Matches(labels.Set(o.Labels()))
	}
	of, known := namespaces[namespace]
	return namespace == "" || !known || m.namespaceLabels.Matches(of)
}

// matchesRule asks for the creation of the object. With the match policy
// Equivalent, which is the default, the API server converts between the versions
// of a resource, so that any of them matches.
func (m match) matchesRule(rule v1.NamedRuleWithOperations, o object.Object, namespace string, known bool) bool {
	kind := shape.KindOf(o)
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	oneOf := func(list []string, value string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, value)
	}
	exact := m.resources.MatchPolicy != nil && *m.resources.MatchPolicy == v1.Exact
	return matchesOperation(rule.Operations) && oneOf(rule.APIGroups, kind.Group) &&
		(!exact || oneOf(rule.APIVersions, kind.Version)) && matchesResource(rule.Resources, resource) &&
		matchesScope(rule.Scope, namespace, known) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, o.Name()))
}

func matchesOperation(operations []v1.OperationType) bool {
	return slices.Contains(operations, v1.OperationAll) || slices.Contains(operations, v1.Create)
}

func matchesResource(resources []string, resource schema.GroupVersionResource) bool {
	return slices.ContainsFunc(resources, func(pattern string) bool {
		name, sub, _ := strings.Cut(pattern, "/")
		return (name == "*" || name == resource.Resource) && (sub == "" || sub == "*")
	})
}

func matchesScope(scope *v1.ScopeType, namespace string, known bool) bool {
	if scope == nil || !known {
		return true
	}
	switch *scope {
	case v1.ClusterScope:
		return namespace == ""
	case v1.NamespacedScope:
		return namespace != ""
	default:
		return true
	}
}
