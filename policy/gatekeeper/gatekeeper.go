// Package gatekeeper runs Gatekeeper's ConstraintTemplates on rendered objects,
// with the Constraints that use them, as they are applied to a cluster. It
// follows the documented match rules of Gatekeeper
// (https://open-policy-agent.github.io/gatekeeper/website/docs/howto), with one
// difference: where the labels of a namespace are not known, because its
// Namespace is not among the objects, a namespaceSelector counts as matched.
// What nobody can decide is asked, not passed over.
package gatekeeper

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/engine"
	"github.com/argocd-seal/argocd-seal-plugin/policy/manifest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Set is the templates and constraints of a platform. It is read-only and safe
// for concurrent use.
type Set struct {
	constraints []constraint
	digest      string
}

type constraint struct {
	kind, name string
	file       string
	line       int
	engine     *engine.Engine
	match      match
	parameters ast.Value
	decision   verdict.Decision
}

// templateSpec is the part of a ConstraintTemplate that is read.
type templateSpec struct {
	CRD struct {
		Spec struct {
			Names struct {
				Kind string `json:"kind"`
			} `json:"names"`
		} `json:"spec"`
	} `json:"crd"`
	Targets []struct {
		Target string   `json:"target"`
		Rego   string   `json:"rego"`
		Libs   []string `json:"libs"`
		Code   []struct {
			Engine string `json:"engine"`
			Source struct {
				Version string   `json:"version"`
				Rego    string   `json:"rego"`
				Libs    []string `json:"libs"`
			} `json:"source"`
		} `json:"code"`
	} `json:"targets"`
}

// Load reads every .yaml and .yml file of the sources. Documents that are
// neither a template nor a constraint are faults, as are a constraint without a
// template and a template without a constraint: it would check nothing. The
// errors have the code E_POLICY_LOAD.
func Load(ctx context.Context, sources []bundle.Source) (*Set, error) {
	documents, digest, err := manifest.Read(sources)
	if err != nil {
		return nil, err
	}
	templates := map[string]*engine.Engine{}
	used := map[string]bool{}
	set := &Set{digest: digest}
	var faults fault.List
	for _, document := range documents {
		if isTemplate(document) {
			kind, prepared, err := template(ctx, document)
			if err != nil {
				faults = append(faults, fault.Of(err)...)
				continue
			}
			templates[kind] = prepared
		}
	}
	for _, document := range documents {
		switch {
		case isTemplate(document):
		case strings.HasPrefix(document.GetAPIVersion(), "constraints.gatekeeper.sh/"):
			c, err := newConstraint(document, templates[document.GetKind()])
			if err != nil {
				faults = append(faults, fault.Of(err)...)
				continue
			}
			used[document.GetKind()] = true
			set.constraints = append(set.constraints, c)
		default:
			faults = append(faults, document.Fault("a %s %s is neither a ConstraintTemplate nor a constraint", document.GetAPIVersion(), document.GetKind()))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(templates)) {
		if !used[kind] {
			faults = append(faults, fault.New(fault.PolicyLoad, "no constraint uses the template %s", kind).WithFix("add a constraint, or remove the template"))
		}
	}
	if len(set.constraints) == 0 && len(faults) == 0 {
		return nil, fault.New(fault.PolicyLoad, "there is no constraint")
	}
	return set, faults.OrNil()
}

// Digest names the content of the files.
func (s *Set) Digest() string { return s.digest }

// Rules returns the ids of the constraints, which are KIND/NAME.
func (s *Set) Rules() []string {
	ids := make([]string, len(s.constraints))
	for i, c := range s.constraints {
		ids[i] = c.id()
	}
	return ids
}

func (c constraint) id() string { return c.kind + "/" + c.name }

func isTemplate(document manifest.Document) bool {
	return document.GetKind() == "ConstraintTemplate" && strings.HasPrefix(document.GetAPIVersion(), "templates.gatekeeper.sh/")
}

func specOf(document manifest.Document) map[string]any {
	spec, _ := document.Object["spec"].(map[string]any)
	return spec
}

// template compiles a template's Rego on its own, so that two templates may use
// the same package names.
func template(ctx context.Context, document manifest.Document) (kind string, prepared *engine.Engine, err error) {
	var spec templateSpec
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(specOf(document), &spec); err != nil {
		return "", nil, document.Fault("%s", fault.Clean(err.Error(), 200))
	}
	kind = spec.CRD.Spec.Names.Kind
	if kind == "" || len(spec.Targets) != 1 {
		return "", nil, document.Fault("the template needs spec.crd.spec.names.kind and one target")
	}
	target := spec.Targets[0]
	rego, libs := target.Rego, target.Libs
	for _, code := range target.Code {
		if code.Engine == "Rego" {
			rego, libs = code.Source.Rego, code.Source.Libs
		}
	}
	if rego == "" {
		return "", nil, document.Fault("the template has no Rego").WithFix("use a ValidatingAdmissionPolicy for CEL")
	}
	name := document.File + "#" + kind
	sources := []bundle.Source{{Name: name, Files: map[string][]byte{"template.rego": []byte(rego)}}}
	for i, lib := range libs {
		sources[0].Files[fmt.Sprintf("lib%d.rego", i)] = []byte(lib)
	}
	b, err := bundle.Load(kind, sources, bundle.Options{})
	if err != nil {
		return "", nil, err
	}
	prepared, err = engine.New(ctx, b)
	return kind, prepared, err
}

func newConstraint(document manifest.Document, template *engine.Engine) (constraint, error) {
	if template == nil {
		return constraint{}, document.Fault("no template defines the kind %s", document.GetKind())
	}
	c := constraint{kind: document.GetKind(), name: document.GetName(), file: document.File, line: document.Line, engine: template}
	action, _ := specOf(document)["enforcementAction"].(string)
	switch action {
	case "", "deny":
		c.decision = verdict.Deny
	case "warn", "dryrun":
		c.decision = verdict.Warn
	default:
		return constraint{}, document.Fault("the enforcementAction %q is not known", action).WithFix("use deny, warn or dryrun")
	}
	var err error
	if c.match, err = newMatch(document); err != nil {
		return constraint{}, err
	}
	parameters, ok := specOf(document)["parameters"]
	if !ok || parameters == nil {
		parameters = map[string]any{}
	}
	if c.parameters, err = ast.InterfaceToValue(parameters); err != nil {
		return constraint{}, document.Fault("the parameters cannot be given to Rego")
	}
	return c, nil
}
