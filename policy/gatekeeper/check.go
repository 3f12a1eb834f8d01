package gatekeeper

import (
	"context"

	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/engine"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Render is the objects of one request, as every constraint sees them. Build it
// once with [NewRender].
type Render struct {
	destination string
	namespaces  map[string]labels.Set
	inventory   ast.Value
}

// NewRender prepares what constraints may ask of other objects: the labels of
// namespaces, and data.inventory, which holds the objects of the render where
// Gatekeeper has those of the cluster. Values are the objects' converted forms.
func NewRender(objects []object.Object, values []ast.Value, destination string) *Render {
	r := &Render{destination: destination, namespaces: map[string]labels.Set{}}
	cluster, namespaced := ast.NewObject(), ast.NewObject()
	for i, o := range objects {
		if o.Kind() == "Namespace" && o.Group() == "" {
			r.namespaces[o.Name()] = o.Labels()
		}
		namespace, _ := shape.Scope(o, destination)
		path := []string{o.APIVersion(), o.Kind()}
		root := cluster
		if namespace != "" {
			root, path = namespaced, append([]string{namespace}, path...)
		}
		for _, step := range path {
			root = descend(root, step)
		}
		root.Insert(ast.StringTerm(o.Name()), ast.NewTerm(values[i]))
	}
	r.inventory = ast.NewObject(
		ast.Item(ast.StringTerm("cluster"), ast.NewTerm(cluster)),
		ast.Item(ast.StringTerm("namespace"), ast.NewTerm(namespaced)),
	)
	return r
}

func descend(root ast.Object, step string) ast.Object {
	key := ast.StringTerm(step)
	if next := root.Get(key); next != nil {
		return next.Value.(ast.Object)
	}
	next := ast.NewObject()
	root.Insert(key, ast.NewTerm(next))
	return next
}

// Finding is what one constraint said about an object.
type Finding struct {
	// Constraint is the constraint's id, and File and Line are where it stands.
	Constraint string
	File       string
	Line       int
	Decision   verdict.Decision
	Check      engine.Check
}

// Check asks every constraint that matches the object. Its error is set only
// when the context ended.
func (s *Set) Check(ctx context.Context, render *Render, o object.Object, value ast.Value) ([]Finding, error) {
	var findings []Finding
	var review *ast.Term
	for _, c := range s.constraints {
		if !c.match.matches(o, render.destination, render.namespaces) {
			continue
		}
		if review == nil {
			namespace, _ := shape.Scope(o, render.destination)
			review = shape.Review(o, value, namespace).(ast.Object).Get(ast.StringTerm("request"))
		}
		input := ast.NewObject(ast.Item(ast.StringTerm("review"), review), ast.Item(ast.StringTerm("parameters"), ast.NewTerm(c.parameters)))
		checks, err := c.engine.Check(ctx, input, map[string]ast.Value{"inventory": render.inventory})
		if err != nil {
			return nil, err
		}
		for _, check := range checks {
			findings = append(findings, Finding{Constraint: c.id(), File: c.file, Line: c.line, Decision: c.decision, Check: check})
		}
	}
	return findings, nil
}
