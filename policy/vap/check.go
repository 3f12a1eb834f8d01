package vap

import (
	"context"
	"encoding/json"
	"slices"

	v1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Namespaces returns the labels of the namespaces among the objects.
func Namespaces(objects []object.Object) map[string]labels.Set {
	namespaces := map[string]labels.Set{}
	for _, o := range objects {
		if o.Kind() == "Namespace" && o.Group() == "" {
			namespaces[o.Name()] = o.Labels()
		}
	}
	return namespaces
}

// Finding is what one binding said about an object.
type Finding struct {
	// Binding is the binding's id, and File and Line are where it stands.
	Binding string
	File    string
	Line    int
	// Failed says that an expression gave no answer and that the policy's
	// failurePolicy asks to deny.
	Failed   bool
	Decision verdict.Decision
	Message  string
}

// Check asks every binding that matches the object. Its error is set only when
// the context ended.
func (s *Set) Check(ctx context.Context, o object.Object, destination string, namespaces map[string]labels.Set) ([]Finding, error) {
	var findings []Finding
	for _, b := range s.bindings {
		if slices.ContainsFunc(b.match, func(m match) bool { return !m.matches(o, destination, namespaces) }) {
			continue
		}
		params := make([]runtime.Object, 0, len(b.params)+1)
		for _, param := range b.params {
			params = append(params, &unstructured.Unstructured{Object: param.Object})
		}
		if len(params) == 0 {
			if b.policy.spec.ParamKind != nil {
				continue
			}
			params = append(params, nil)
		}
		for _, param := range params {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			findings = append(findings, b.ask(ctx, o, destination, namespaces, param)...)
		}
	}
	return findings, nil
}

func (b binding) ask(ctx context.Context, o object.Object, destination string, namespaces map[string]labels.Set, param runtime.Object) []Finding {
	namespace, _ := shape.Scope(o, destination)
	kind := shape.KindOf(o)
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	created := &unstructured.Unstructured{Object: plain(o.Fields).(map[string]any)}
	attributes := admission.NewAttributesRecord(created, nil, kind, namespace, o.Name(), resource, "", admission.Create,
		&metav1.CreateOptions{}, false, &user.DefaultInfo{Name: "argocd"})
	versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedKind: kind, VersionedObject: created}
	var in *corev1.Namespace
	if namespace != "" {
		in = &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: namespaces[namespace]}}
	}
	result := b.policy.validator.Validate(ctx, resource, versioned, param, in, celconfig.RuntimeCELCostBudget, nil)
	var findings []Finding
	for _, decision := range result.Decisions {
		failed := decision.Evaluation == validating.EvalError
		if decision.Action != validating.ActionDeny && !failed {
			continue
		}
		finding := Finding{Binding: b.id(), File: b.file, Line: b.line, Message: decision.Message, Failed: failed, Decision: b.decision()}
		if decision.Action != validating.ActionDeny {
			// failurePolicy Ignore lets the object pass; people still see it.
			finding.Failed, finding.Decision = false, verdict.Warn
		}
		findings = append(findings, finding)
	}
	return findings
}

// decision is what the binding's actions ask for. An audit annotation has no
// place here, and a person should still see it.
func (b binding) decision() verdict.Decision {
	if slices.Contains(b.spec.ValidationActions, v1.Deny) {
		return verdict.Deny
	}
	return verdict.Warn
}

// plain copies a tree with the numbers that CEL knows: int64 where a number is
// whole, and float64 otherwise.
func plain(value any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for key, inner := range value {
			copied[key] = plain(inner)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, inner := range value {
			copied[i] = plain(inner)
		}
		return copied
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return whole
		}
		number, _ := value.Float64()
		return number
	default:
		return value
	}
}
