// Package shape builds the inputs that policies of different origin expect from
// rendered objects: the object itself, as conftest gives it; an AdmissionReview,
// as the API server sends to a webhook; and the list of all objects, as conftest
// gives it with --combine.
package shape

import (
	"encoding/json"
	"path"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// Shape is a form of input.
type Shape string

// The shapes.
const (
	Object    Shape = "object"
	Admission Shape = "admission"
	Render    Shape = "render"
)

// Of returns the shape that a rule expects: what its metadata says, an
// AdmissionReview for packages below kubernetes.admission, where OPA's own
// admission controller looks for policies, and otherwise the object.
func Of(rule bundle.Rule) Shape {
	switch {
	case rule.Meta.Input != "":
		return Shape(rule.Meta.Input)
	case rule.Namespace == "kubernetes.admission" || strings.HasPrefix(rule.Namespace, "kubernetes.admission."):
		return Admission
	default:
		return Object
	}
}

// Value converts an object for the policy engine. Numbers that arithmetic could
// not be done on in bounded time are refused with E_OBJECT.
func Value(o object.Object) (ast.Value, error) {
	if field, ok := bounded(o.Fields, ""); !ok {
		return nil, o.Fault(fault.ObjectShape, field, "the number is too long or its exponent too large")
	}
	value, err := ast.InterfaceToValue(o.Fields)
	if err != nil {
		return nil, o.Fault(fault.Internal, "", "the object cannot be given to policies")
	}
	return value, nil
}

// bounded names the first number that is not bounded.
func bounded(value any, at string) (field string, ok bool) {
	switch value := value.(type) {
	case json.Number:
		return at, bundle.Bounded(value.String())
	case map[string]any:
		for key, inner := range value {
			if field, ok := bounded(inner, strings.TrimPrefix(at+"."+key, ".")); !ok {
				return field, false
			}
		}
	case []any:
		for _, inner := range value {
			if field, ok := bounded(inner, at+"[]"); !ok {
				return field, false
			}
		}
	}
	return "", true
}

// Review returns an AdmissionReview that creates the object. Value is the
// object's converted form, and namespace where it goes if it names none.
func Review(o object.Object, value ast.Value, namespace string) ast.Value {
	kind := KindOf(o)
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	if o.Namespace() != "" {
		namespace = o.Namespace()
	}
	return dict(
		"apiVersion", text("admission.k8s.io/v1"),
		"kind", text("AdmissionReview"),
		"request", ast.NewTerm(dict(
			"uid", text("00000000-0000-0000-0000-000000000000"),
			"kind", groupVersionKind(kind),
			"requestKind", groupVersionKind(kind),
			"resource", groupVersionResource(resource),
			"requestResource", groupVersionResource(resource),
			"name", text(o.Name()),
			"namespace", text(namespace),
			"operation", text("CREATE"),
			"userInfo", ast.NewTerm(dict("username", text("argocd"), "groups", ast.ArrayTerm())),
			"object", ast.NewTerm(value),
			"oldObject", ast.NullTerm(),
			"dryRun", ast.BooleanTerm(false),
		)),
	)
}

// All returns the list of all objects as conftest's --combine gives it.
func All(objects []object.Object, values []ast.Value) ast.Value {
	documents := make([]*ast.Term, len(objects))
	for i, o := range objects {
		documents[i] = ast.NewTerm(dict("path", text(o.File), "contents", ast.NewTerm(values[i])))
	}
	return ast.NewArray(documents...)
}

// File returns what policies find at data.conftest while the file is judged.
func File(name string) ast.Value {
	return dict("file", ast.NewTerm(dict("name", text(path.Base(name)), "dir", text(path.Dir(name)))))
}

// KindOf returns the object's group, version and kind.
func KindOf(o object.Object) schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(o.APIVersion(), o.Kind())
}

func groupVersionKind(kind schema.GroupVersionKind) *ast.Term {
	return ast.NewTerm(dict("group", text(kind.Group), "version", text(kind.Version), "kind", text(kind.Kind)))
}

func groupVersionResource(resource schema.GroupVersionResource) *ast.Term {
	return ast.NewTerm(dict("group", text(resource.Group), "version", text(resource.Version), "resource", text(resource.Resource)))
}

func text(value string) *ast.Term { return ast.StringTerm(value) }

// dict builds an object from names and terms in turn.
func dict(pairs ...any) ast.Object {
	items := make([][2]*ast.Term, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		items = append(items, ast.Item(text(pairs[i].(string)), pairs[i+1].(*ast.Term)))
	}
	return ast.NewObject(items...)
}
