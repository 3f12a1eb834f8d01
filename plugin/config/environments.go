package config

import (
	"fmt"
	"path"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
)

// Environment is one environment, such as dev or production, and what the
// platform asks of it. The first environment whose rules match an application is
// the application's; an application cannot choose.
type Environment struct {
	// The environment's name, as verdicts and logs show it.
	Name string `json:"name" jsonschema:"required"`
	// Which applications belong to it; without any rule all do.
	Match Match `json:"match"`
	// What its objects are judged by.
	Policy EnvironmentPolicy `json:"policy"`
	// What is demanded of its images.
	Images EnvironmentImages `json:"images"`
	// Which other directory an application's images must come from.
	Promotion Promotion `json:"promotion"`
	// What its Secrets with references become.
	Injection Injection `json:"injection"`
}

// Match decides whether an application belongs to an environment. Each list
// that is not empty must have a pattern that fits. "*" stands for anything but
// a slash, and "**" as the last part for one part or more.
type Match struct {
	// Patterns for the AppProject. Argo CD 2.14 sends none, which no pattern fits.
	Projects []string `json:"projects"`
	// Patterns for the Application's name; they count only beside projects.
	Apps []string `json:"apps"`
	// Patterns for the destination namespace, which are also the namespaces that
	// objects may name.
	Namespaces []string `json:"namespaces"`
	// Patterns for the repository's URL, however it is spelled.
	RepoURLs []string `json:"repoURLs"`
	// Patterns for the path in the repository; they count only beside projects or
	// repoURLs.
	Paths []string `json:"paths"`
}

// EnvironmentPolicy is what the objects of an environment are judged by.
type EnvironmentPolicy struct {
	// Level of the built-in policies; empty leaves them out.
	Level string `json:"level" enum:"basic-security,enhanced-security,production-security,compliance-validation"`
	// What the built-in policies are told, by the names that they know.
	Parameters map[string]any `json:"parameters"`
	// Whether what a policy denies is an error or a warning.
	Enforcement string `json:"enforcement" enum:"deny,warn"`
	// What becomes of objects with unknown fields or wrong types, by the OpenAPI of
	// the cluster's Kubernetes version. Empty is deny from enhanced-security on, and
	// off below it.
	Schema string `json:"schema" enum:"deny,warn,off"`
	// Policies of the platform in Rego, with conftest's conventions. A directory
	// alone may be written as text.
	Bundles []PolicyBundle `json:"bundles"`
	// Bundles from registries and Git repositories, by their name in policy.sources.
	Sources []string `json:"sources"`
	// Directories or files with Gatekeeper's ConstraintTemplates and constraints.
	Gatekeeper []string `json:"gatekeeper"`
	// Directories or files with ValidatingAdmissionPolicies, their bindings and
	// parameters.
	AdmissionPolicies []string `json:"admissionPolicies"`
	// Directories or files with Kyverno's ClusterPolicies.
	Kyverno []string `json:"kyverno"`
}

// PolicyBundle is one set of policies of the platform.
type PolicyBundle struct {
	// The directory with the .rego files, and with .yaml and .json files as data.
	Directory string `json:"directory" short:"true"`
	// The packages to ask, with wildcards; empty means every package with rules.
	Namespaces []string `json:"namespaces"`
	// The version of Rego; empty reads each file as v1, and as v0 where it is not v1.
	Version string `json:"version" enum:"v1,v0"`
	// Whether every rule gets the list of all objects, as conftest's --combine does.
	Combine bool `json:"combine"`
	// More directories or files with data.
	Data []string `json:"data"`
}

// Promotion lets an environment ship only images that another directory of the
// repository ships at the same revision.
type Promotion struct {
	// The directory, seen from the application's, such as ../staging. Empty means
	// that nothing is asked.
	From string `json:"from"`
	// The host whose rules of CODEOWNERS hold; empty means github.
	Codeowners string `json:"codeowners" enum:"github,gitlab"`
	// Whether somebody must own the application's directory and CODEOWNERS itself.
	RequireOwners bool `json:"requireOwners"`
	// Who it must be: at least one of these must approve. It implies requireOwners.
	Owners []string `json:"owners"`
}

// Asked tells whether anything judges the environment's objects.
func (e Environment) Asked() bool {
	p := e.Policy
	return p.Level != "" || len(p.Bundles)+len(p.Sources)+len(p.Gatekeeper)+len(p.AdmissionPolicies)+len(p.Kyverno) > 0 ||
		e.Promotion.From != "" || e.Images.Asked() || p.Schema == "deny" || p.Schema == "warn"
}

func (c *SealConfig) checkEnvironments(r *reader) {
	seen := map[string]bool{}
	for i, environment := range c.Environments {
		field := fmt.Sprintf("environments[%d]", i)
		if environment.Name == "" {
			r.refuse(field+".name", "give the environment a name", "the name is missing")
		}
		r.once(seen, field+".name", environment.Name)
		environment.Match.check(r, field+".match")
		environment.Policy.check(r, field+".policy")
		environment.Promotion.check(r, field+".promotion")
		environment.Injection.check(r, field+".injection", environment.Injection.needsStore(c))
	}
}

// check refuses rules by which whoever writes an Application would choose its
// environment: names and paths are free, but for those of a project or of a
// repository.
func (m Match) check(r *reader, field string) {
	if len(m.Apps) > 0 && len(m.Projects) == 0 {
		r.refuse(field+".apps", "add projects", "apps count only together with projects")
	}
	if len(m.Paths) > 0 && len(m.Projects)+len(m.RepoURLs) == 0 {
		r.refuse(field+".paths", "add projects or repoURLs", "paths count only together with projects or repoURLs")
	}
	for name, patterns := range map[string][]string{
		"projects": m.Projects, "apps": m.Apps, "namespaces": m.Namespaces, "repoURLs": m.RepoURLs, "paths": m.Paths,
	} {
		compile := pattern.Compile
		if name == "repoURLs" {
			compile = pattern.CompileURL
		}
		for i, text := range patterns {
			if _, err := compile(text); err != nil {
				r.refuse(fmt.Sprintf("%s.%s[%d]", field, name, i), err.Advice(), "%s", err.Message)
			}
		}
	}
}

func (p EnvironmentPolicy) check(r *reader, field string) {
	if len(p.Parameters) > 0 && p.Level == "" {
		r.refuse(field+".parameters", "set level, or remove parameters", "only the built-in policies read parameters")
	}
	for i, bundle := range p.Bundles {
		if bundle.Directory == "" {
			r.refuse(fmt.Sprintf("%s.bundles[%d]", field, i), "set directory", "names no directory with policies")
		}
	}
}

func (p Promotion) check(r *reader, field string) {
	if p.From == "" && (p.RequireOwners || len(p.Owners) > 0 || p.Codeowners != "") {
		r.refuse(field+".from", "name the directory that images come from, such as ../staging", "is missing")
	}
	if p.From != "" && (path.IsAbs(p.From) || path.Clean(p.From) == ".") {
		r.refuse(field+".from", "write it as seen from the application's directory, such as ../staging", "%q is not another directory", fault.Clean(p.From, 200))
	}
	for i, owner := range p.Owners {
		if !codeowners.IsOwner(owner) {
			r.refuse(fmt.Sprintf("%s.owners[%d]", field, i), "write it as CODEOWNERS does: @name, @org/team or an address", "%q is not an owner", fault.Clean(owner, 80))
		}
	}
}
