// Package schema checks objects against the schemas by which the API server
// reads them: whether a field is known, has the right type and is there if it
// must be. The fields of Kubernetes' own kinds are embedded for ten minor
// versions, and those of custom kinds come from the CustomResourceDefinitions
// among the objects. Nothing is fetched.
//
// What passes is what the API server's strict field validation lets pass; tests
// compare both. Rules in CEL (x-kubernetes-validations), the uniqueness of a
// list's keys and what Kubernetes checks in Go code beyond the schema are not
// checked. A custom kind without its definition among the objects is not known
// here and passes.
//
// A CustomResourceDefinition comes from the tenant. The API server's own
// validator for them trusts an administrator: it keeps every pattern that it has
// seen for ever and cannot be interrupted. So the walk here is our own: it ends
// with its context, keeps nothing of a request, and bounds what a pattern costs.
package schema

import (
	"context"
	"fmt"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// Rule is the id of the check, by which waivers name it.
const Rule = "schema"

// MaxFindings is how many findings are given for one object.
const MaxFindings = 20

// Finding is one thing that the API server would refuse in an object.
type Finding struct {
	// Field is the path of the field, such as spec.containers[0].image.
	Field   string
	Message string
	Fix     string
}

// Render is the schemas for the objects of one request. It is read-only and safe
// for concurrent use.
type Render struct {
	kubernetes *version
	// replaced is the version that was asked for, where there is none of it.
	replaced string
	sealed   bool
	custom   *custom
}

// NewRender prepares the schemas of a Kubernetes version, such as "1.33.2", and
// of the CustomResourceDefinitions among the objects. An empty version is the
// newest that is known here; a version that is not is the nearest, see
// [Render.Notice]. Sealed says that nothing in the objects is a reference to a
// value any more. The error is a fault.
func NewRender(ctx context.Context, kubeVersion string, objects []object.Object, sealed bool) (*Render, error) {
	known, err := library()
	if err != nil {
		return nil, fault.New(fault.Internal, "the schemas of Kubernetes cannot be read")
	}
	r := &Render{sealed: sealed}
	var exact bool
	if r.kubernetes, exact = known.find(kubeVersion); !exact {
		r.replaced = kubeVersion
	}
	r.custom, err = newCustom(ctx, r.kubernetes, objects)
	return r, err
}

// Version returns the minor version whose schemas are used, such as "1.33".
func (r *Render) Version() string { return r.kubernetes.minorVersion() }

// Notice says that the schemas are those of another version than the one that
// was asked for. It is nil where they are not.
func (r *Render) Notice() *fault.Error {
	if r.replaced == "" {
		return nil
	}
	return fault.New(fault.KubeVersion, "the schemas of Kubernetes %s are not known; objects were checked against those of %s",
		fault.Clean(r.replaced, 40), r.Version())
}

// Check returns what is wrong with the object with a number among the objects
// of the render, by the order of its fields and at most [MaxFindings]. The error
// is a fault: the context ended.
func (r *Render) Check(ctx context.Context, index int, o object.Object) ([]Finding, error) {
	root, problem := r.find(o)
	if problem != nil {
		return []Finding{*problem}, nil
	}
	if root == nil {
		return nil, nil
	}
	findings, err := r.walk(ctx, root, o)
	if err != nil || len(findings) > 0 {
		return findings, err
	}
	return r.custom.problems[index], nil
}

// walk looks for a first finding, which most objects do not have, and takes the
// trouble of an order only for those that do.
func (r *Render) walk(ctx context.Context, root *node, o object.Object) ([]Finding, error) {
	w := &walker{ctx: ctx, render: r, limit: 1, path: make([]step, 0, 32)}
	w.node(root, o.Fields)
	if w.err != nil || len(w.findings) == 0 {
		return nil, w.err
	}
	w = &walker{ctx: ctx, render: r, limit: MaxFindings, ordered: true}
	w.node(root, o.Fields)
	return w.findings, w.err
}

// find returns the schema of an object; nil is a kind of which nothing is known.
// A kind that cannot exist is a finding.
func (r *Render) find(o object.Object) (*node, *Finding) {
	kind := kindOf(o.APIVersion(), o.Kind())
	if r.kubernetes.library.owns(kind.group) {
		if found := r.kubernetes.kinds[kind]; found != nil {
			return found, nil
		}
		return nil, r.kubernetes.missing(kind)
	}
	served, known := r.custom.served[kind.group+"/"+kind.kind]
	if !known {
		return nil, nil
	}
	if root, found := served[kind.version]; found {
		return root, nil
	}
	return nil, &Finding{
		Field:   "apiVersion",
		Message: fmt.Sprintf("the CustomResourceDefinition of %s serves no version %q", fault.Clean(kind.kind, 80), fault.Clean(kind.version, 80)),
		Fix:     suggest(kind.version, keys(served)),
	}
}
