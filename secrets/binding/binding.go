// Package binding decides which application may read which secret: nothing,
// unless a rule of the platform says so.
package binding

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// Identity is who a request is for, as Argo CD's repo-server said. Nothing in
// it may come from an application's parameters, variables or files.
type Identity struct {
	// Project is the AppProject; empty with Argo CD 2.14, which does not send it.
	Project string
	// App is the Application's name, with its namespace and _ before it where
	// the Application lives outside of Argo CD's own namespace.
	App string
	// Namespace is the destination namespace; it may be empty.
	Namespace string
	RepoURL   string
	// Revision is the resolved commit, chart version or digest.
	Revision string
}

// Rule lets identities read paths. Every list that is set must match; patterns
// are compared by segment (see package pattern).
type Rule struct {
	// Name is shown in messages and in the audit trail.
	Name string
	// Projects and Apps match Identity.Project and Identity.App. Apps count only
	// together with Projects: two projects can have Applications of one name.
	Projects []string
	Apps     []string
	// RepoURLs match the repository's URL in its canonical form.
	RepoURLs []string
	// Namespaces match the destination namespace, and are the namespaces that
	// secrets may be sealed for. Empty means: the destination namespace, only.
	Namespaces []string
	// Role is the name of the login that reads Vault; a rule for other stores
	// alone has none.
	Role string
	// Paths are logical paths of Vault. {project}, {app} and {namespace} stand for the
	// identity's own, as one segment.
	Paths []string
	// NonSecret are logical paths, or PATH#KEY, whose values may stand anywhere
	// in clear.
	NonSecret []string
	// Injections are the allowed injections; empty means those of the
	// environment, without plaintext.
	Injections []string
	// Stores are other stores than Vault.
	Stores []Store
}

// Set is the platform's rules. It is safe for concurrent use.
type Set struct{ rules []compiled }

type compiled struct {
	Rule
	projects, apps, repos, namespaces []pattern.Pattern
}

// NewSet checks the rules. A rule without projects must name repositories and
// namespaces: without the project, only both together tell tenants apart.
func NewSet(rules []Rule) (*Set, error) {
	set := &Set{}
	var faults fault.List
	for i, rule := range rules {
		place := fmt.Sprintf("bindings[%d]", i)
		if rule.Name == "" {
			rule.Name = place
		}
		one := compiled{Rule: rule}
		for _, field := range []struct {
			name    string
			texts   []string
			into    *[]pattern.Pattern
			compile func(string) (pattern.Pattern, *fault.Error)
		}{
			{"projects", rule.Projects, &one.projects, pattern.Compile},
			{"apps", rule.Apps, &one.apps, pattern.Compile},
			{"repoURLs", rule.RepoURLs, &one.repos, pattern.CompileURL},
			{"namespaces", rule.Namespaces, &one.namespaces, pattern.Compile},
		} {
			patterns, err := compileAll(field.texts, field.compile)
			if err != nil {
				faults = append(faults, err.At("", place+"."+field.name))
			}
			*field.into = patterns
		}
		faults = append(faults, checkRule(rule, place)...)
		set.rules = append(set.rules, one)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return set, nil
}

func compileAll(texts []string, compile func(string) (pattern.Pattern, *fault.Error)) ([]pattern.Pattern, *fault.Error) {
	var patterns []pattern.Pattern
	for _, text := range texts {
		one, err := compile(text)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, one)
	}
	return patterns, nil
}

func checkRule(rule Rule, place string) fault.List {
	var faults fault.List
	add := func(field, format string, args ...any) {
		faults = append(faults, fault.New(fault.Config, format, args...).At("", place+"."+field))
	}
	if len(rule.Projects) == 0 && (len(rule.RepoURLs) == 0 || len(rule.Namespaces) == 0) {
		add("projects", "a binding without projects must have repoURLs and namespaces")
	}
	if len(rule.Apps) > 0 && len(rule.Projects) == 0 {
		add("apps", "apps count only together with projects")
	}
	onlyStores := len(rule.Paths)+len(rule.NonSecret) == 0 && len(rule.Stores) > 0
	if len(rule.Paths) == 0 && !onlyStores {
		add("paths", "a binding needs at least one path, or one of stores and nothing of Vault")
	}
	switch {
	case rule.Role == "" && !onlyStores:
		add("role", "a binding needs the role that reads")
	case rule.Role != "" && onlyStores:
		add("role", "a role reads Vault, and the binding has stores alone")
	}
	for i, store := range rule.Stores {
		for _, problem := range store.Problems() {
			field := fmt.Sprintf("%s.stores[%d].%s", place, i, problem.Field)
			faults = append(faults, fault.New(fault.Config, "%s", problem.Message).At("", field).WithFix("%s", problem.Fix))
		}
	}
	for _, list := range []struct {
		field string
		paths []string
	}{{"paths", rule.Paths}, {"nonSecret", rule.NonSecret}} {
		for _, path := range list.paths {
			path, _, _ = strings.Cut(path, "#")
			_, err := pattern.Compile(placeholders.Replace(path))
			mount, _, below := strings.Cut(path, "/")
			switch {
			case err != nil:
				faults = append(faults, err.At("", place+"."+list.field))
			case !below || strings.Contains(mount, "*"):
				add(list.field, "%q must begin with the name of a mount", path)
			}
		}
	}
	return faults
}

// revisions are the forms of a revision that a repository fixed: a commit, a
// chart's version, an artifact's digest.
var revisions = regexp.MustCompile(`^(?:[0-9a-f]{40}|[0-9a-f]{64}|sha256:[0-9a-f]{64}|v?[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]{1,64})?)$`)

// FixedRevision tells whether a revision names content of a repository. It is
// false for "streamed", with which Argo CD renders files that a user with the
// mere right to read an Application has uploaded, and for branch names.
func FixedRevision(revision string) bool { return revisions.MatchString(revision) }

// Match returns what an identity may do, by all rules that it matches.
func (s *Set) Match(identity Identity) *Grants {
	grants := &Grants{identity: identity}
	for _, rule := range s.rules {
		if rule.matches(identity) {
			grants.rules = append(grants.rules, newGrant(rule, identity))
		}
	}
	return grants
}

func (c *compiled) matches(identity Identity) bool {
	return matchOrUnset(c.projects, identity.Project) &&
		matchOrUnset(c.apps, identity.App) &&
		matchOrUnset(c.repos, pattern.CanonicalURL(identity.RepoURL)) &&
		matchOrUnset(c.namespaces, identity.Namespace)
}

func matchOrUnset(patterns []pattern.Pattern, text string) bool {
	return len(patterns) == 0 || text != "" && matchesAny(patterns, text)
}

func matchesAny(patterns []pattern.Pattern, text string) bool {
	return slices.ContainsFunc(patterns, func(p pattern.Pattern) bool { return p.Match(text) })
}

// Role returns the login of the rule of a name, where the rule gives a logical
// path to anybody. It is for what is known of a secret without an identity.
func (s *Set) Role(name, path string) (role string, ok bool) {
	for _, rule := range s.rules {
		if rule.Name != name {
			continue
		}
		for _, text := range rule.Paths {
			if compiled, ok := anybodys(text); ok && compiled.Match(path) {
				return rule.Role, true
			}
		}
	}
	return "", false
}

var anybody = strings.NewReplacer("{project}", "*", "{app}", "*", "{namespace}", "*")
