package plugin

import (
	"path"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Environment is one environment and which applications belong to it.
type Environment struct {
	Name string
	// The patterns are those of path.Match. An empty list fits everything, a list
	// that is not empty must have a pattern that fits.
	Projects, Apps, Namespaces, RepoURLs, Paths []string
	// Judged tells whether the gate has policies for it, and Resolved whether the
	// secrets stage resolves its references.
	Judged, Resolved bool
}

// matches tells whether an application belongs to the environment. Only what
// the repo-server itself sets is asked.
func (e Environment) matches(id Identity) bool {
	return fits(e.Projects, id.Project) && fits(e.Apps, id.App) && fits(e.Namespaces, id.Namespace) &&
		fits(e.RepoURLs, id.RepoURL) && fits(e.Paths, id.Path)
}

func fits(patterns []string, value string) bool {
	for _, pattern := range patterns {
		if matched, err := path.Match(pattern, value); err == nil && matched {
			return true
		}
	}
	return len(patterns) == 0
}

// environmentOf returns the first environment that an application belongs to.
// chosen, if it is not empty, names one instead: a laptop may choose.
func environmentOf(environments []Environment, id Identity, chosen string) (Environment, error) {
	for _, environment := range environments {
		if chosen == environment.Name || chosen == "" && environment.matches(id) {
			return environment, nil
		}
	}
	if chosen != "" {
		return Environment{}, fault.New(fault.Environment, "there is no environment %q", fault.Clean(chosen, 80))
	}
	if len(environments) == 0 {
		return Environment{}, nil
	}
	return Environment{}, fault.New(fault.Environment, "the application belongs to no environment").
		WithFix("the platform team adds a rule for it to environments in plugin.yaml")
}
