package config

import (
	"fmt"
	"path"
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
	// What its Secrets with references become.
	Injection Injection `json:"injection"`
}

// Match decides whether an application belongs to an environment. Each list
// that is not empty must have a pattern that fits. "*" and "?" stand for
// anything but a slash.
type Match struct {
	// Patterns for the AppProject. Argo CD 2.14 sends none, which no pattern fits.
	Projects []string `json:"projects"`
	// Patterns for the Application's name.
	Apps []string `json:"apps"`
	// Patterns for the destination namespace.
	Namespaces []string `json:"namespaces"`
	// Patterns for the repository's URL.
	RepoURLs []string `json:"repoURLs"`
	// Patterns for the path in the repository.
	Paths []string `json:"paths"`
}

// EnvironmentPolicy is what the objects of an environment are judged by.
type EnvironmentPolicy struct {
	// Level of the built-in policies; empty leaves them out.
	Level string `json:"level" enum:"basic-security,enhanced-security,production-security,compliance-validation"`
	// Whether what a policy denies is an error or a warning.
	Enforcement string `json:"enforcement" enum:"deny,warn"`
	// What becomes of objects with unknown fields or wrong types, by the OpenAPI of
	// the cluster's Kubernetes version. Empty is deny from enhanced-security on, and
	// off below it.
	Schema string `json:"schema" enum:"deny,warn,off"`
	// Directories with policies of the platform in Rego, with conftest's conventions.
	Bundles []string `json:"bundles"`
	// Bundles from registries and Git repositories, by their name in policy.sources.
	Sources []string `json:"sources"`
}

// Asked tells whether anything judges the environment's objects.
func (p EnvironmentPolicy) Asked() bool {
	return p.Level != "" || len(p.Bundles)+len(p.Sources) > 0 || p.Schema == "deny" || p.Schema == "warn"
}

func checkEnvironments(r *reader, environments []Environment) {
	seen := map[string]bool{}
	for i, environment := range environments {
		field := fmt.Sprintf("environments[%d]", i)
		switch {
		case environment.Name == "":
			r.refuse(field+".name", "give the environment a name", "the name is missing")
		case seen[environment.Name]:
			r.refuse(field+".name", "remove one of the two", "%q stands twice", environment.Name)
		}
		seen[environment.Name] = true
		environment.Match.check(r, field+".match")
		environment.Injection.check(r, field+".injection")
	}
}

func (m Match) check(r *reader, field string) {
	for name, patterns := range map[string][]string{
		"projects": m.Projects, "apps": m.Apps, "namespaces": m.Namespaces, "repoURLs": m.RepoURLs, "paths": m.Paths,
	} {
		for i, pattern := range patterns {
			if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
				r.refuse(fmt.Sprintf("%s.%s[%d]", field, name, i), "", "%q is not a pattern", pattern)
			}
		}
	}
}
