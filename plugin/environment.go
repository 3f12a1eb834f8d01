package plugin

import (
	"path"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// Environment is one environment and which applications belong to it.
type Environment struct {
	Name string
	// The patterns are those of package pattern. An empty list fits everything, a
	// list that is not empty must have a pattern that fits, and none fits what
	// Argo CD did not say.
	Projects, Apps, Namespaces, RepoURLs, Paths []string
	// Judged tells whether the gate has policies for it, and Resolved whether the
	// secrets stage resolves its references.
	Judged, Resolved bool
	// Verified tells whether something is demanded of its images. It counts where
	// Judged is set.
	Verified bool
	// PromotedFrom is the directory, seen from the application's, that must ship
	// every image; empty where nothing is asked. It counts where Judged is set.
	PromotedFrom string
}

// matches tells whether an application belongs to the environment. Only what
// the repo-server itself sets is asked. A repository that cannot be told from
// one of the environment's is a fault: whoever spells it must not choose.
func (e Environment) matches(id Identity) (bool, error) {
	if !fits(e.Projects, id.Project) || !fits(e.Apps, id.App) || !fits(e.Namespaces, id.Namespace) || !fits(e.Paths, cleanPath(id.Path)) {
		return false, nil
	}
	return fitsURL(e.RepoURLs, id.RepoURL)
}

func fits(patterns []string, value string) bool {
	for _, text := range patterns {
		if compiled, err := pattern.Compile(text); err == nil && value != "" && compiled.Match(value) {
			return true
		}
	}
	return len(patterns) == 0
}

// cleanPath is the one spelling of an application's path: its author may write
// ./a//b/ for a/b.
func cleanPath(text string) string {
	if text = strings.TrimPrefix(path.Clean("/"+text), "/"); text != "" {
		return text
	}
	return "."
}

// fitsURL compares in the canonical form. Argo CD takes URLs that differ in case
// alone for one repository, and so do most hosts, but not all.
func fitsURL(patterns []string, url string) (bool, error) {
	if len(patterns) == 0 || url == "" {
		return len(patterns) == 0, nil
	}
	canonical := pattern.CanonicalURL(url)
	ambiguous := canonical == pattern.InvalidURL
	for _, text := range patterns {
		if compiled, err := pattern.CompileURL(text); err == nil && compiled.Match(canonical) {
			return true, nil
		}
		if folded, err := pattern.CompileURL(strings.ToLower(text)); err == nil && folded.Match(strings.ToLower(canonical)) {
			ambiguous = true
		}
	}
	if ambiguous {
		return false, fault.New(fault.Environment, "the repository's URL is not written as the rules of the environments expect").
			WithFix("write spec.source.repoURL as plugin.yaml does: the same case, with a scheme, without query or escapes")
	}
	return false, nil
}

// environmentOf returns the first environment that an application belongs to.
// chosen, if it is not empty, names one instead: a laptop may choose.
func environmentOf(environments []Environment, id Identity, chosen string) (Environment, error) {
	for _, environment := range environments {
		if chosen != "" {
			if chosen == environment.Name {
				return environment, nil
			}
			continue
		}
		if matched, err := environment.matches(id); err != nil || matched {
			return environment, err
		}
	}
	if chosen != "" {
		names := make([]string, len(environments))
		for i, environment := range environments {
			names[i] = environment.Name
		}
		return Environment{}, fault.New(fault.Environment, "there is no environment %q", fault.Clean(chosen, 80)).MeantWord(chosen, names)
	}
	if len(environments) == 0 {
		return Environment{}, nil
	}
	return Environment{}, fault.New(fault.Environment, "the application belongs to no environment").
		WithFix("the platform team adds a rule for it to environments in plugin.yaml")
}

// keepWithin refuses objects that name a namespace of another environment. Who
// writes an application chooses its destination namespace, and could otherwise
// be judged as of one environment while the objects go to another.
func keepWithin(environments []Environment, chosen Environment, id Identity, objects []object.Object) error {
	kept := map[string]bool{"": true, id.Namespace: true}
	var faults fault.List
	for _, o := range objects {
		namespace := o.Namespace()
		if _, known := kept[namespace]; !known {
			there := id
			there.Namespace = namespace
			first, err := environmentOf(environments, there, "")
			kept[namespace] = err == nil && first.Name == chosen.Name || len(chosen.Namespaces) > 0 && fits(chosen.Namespaces, namespace)
		}
		if !kept[namespace] {
			faults = append(faults, o.Fault(fault.Environment, "metadata.namespace", "the application belongs to the environment %s, which does not have this namespace", chosen.Name).
				WithFix("use the application's destination namespace, or ask the platform team to add this one to the environment"))
		}
	}
	return faults.OrNil()
}
