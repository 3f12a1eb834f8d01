// Package kyverno judges rendered objects by Kyverno's ClusterPolicies, as they
// are applied to a cluster: match and exclude, preconditions, and validation by
// pattern, anyPattern, deny and foreach. Rules about Pods also judge what holds
// a Pod's template, where Kyverno would extend them. Each object is judged as if
// it were created.
//
// The code is this project's own; Kyverno's command line is what its verdicts
// are compared with. What is not supported is refused when policies are loaded,
// with file and line, and never passed over: see docs/policies.md.
//
// Expressions are read when policies are loaded. What they give at the time of a
// request is data: it holds no expression, no wildcard and no operator.
package kyverno

import (
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/manifest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Set is the policies of a platform. It is read-only and safe for concurrent use.
type Set struct {
	rules  []rule
	digest string
}

// Load reads every .yaml and .yml file of the sources. Documents that are no
// ClusterPolicies are faults, and so is whatever in a policy cannot be judged
// here. The errors have the code E_POLICY_LOAD, and the line of the field.
func Load(sources []bundle.Source) (*Set, error) {
	documents, digest, err := manifest.Read(sources)
	if err != nil {
		return nil, err
	}
	set := &Set{digest: digest}
	var faults fault.List
	seen := map[string]bool{}
	for _, document := range documents {
		rules, refused := readPolicy(document)
		faults = append(faults, refused...)
		if name := document.GetName(); seen[name] {
			faults = append(faults, document.Fault("there are two policies %s", fault.Clean(name, 80)))
		} else {
			seen[name] = true
		}
		set.rules = append(set.rules, rules...)
	}
	switch {
	case len(faults) > 0:
		return nil, faults
	case len(set.rules) == 0:
		return nil, fault.New(fault.PolicyLoad, "there is no ClusterPolicy")
	}
	return set, nil
}

// Digest names the content of the files.
func (s *Set) Digest() string { return s.digest }

// Description is what people may know of a rule before it is broken.
type Description struct {
	ID, Title, Severity, Why string
	// Decision is what a violation means where no namespace is an exception.
	Decision verdict.Decision
	File     string
	Line     int
}

// Describe returns the rules in the order of the files.
func (s *Set) Describe() []Description {
	var all []Description
	for _, r := range s.rules {
		if n := len(all); n > 0 && all[n-1].ID == r.id() {
			continue
		}
		all = append(all, Description{
			ID: r.id(), Title: r.title, Severity: r.severity, Why: r.description, Decision: r.action.decision, File: r.file, Line: r.line,
		})
	}
	return all
}

// Rules returns the ids of the rules, which are POLICY/RULE.
func (s *Set) Rules() []string {
	var ids []string
	for _, d := range s.Describe() {
		ids = append(ids, d.ID)
	}
	return ids
}
