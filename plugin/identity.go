package plugin

import (
	"strings"
	"unicode"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Identity says which Application a request is for. Every field comes from what
// the repo-server sets itself, never from the Application's own env, its
// parameters or a file of its repository: those are in the hands of whoever can
// push.
type Identity struct {
	// Project is the AppProject. Argo CD 2.14 does not send it; then it is empty.
	Project string
	// App is the Application's name, as NAMESPACE_NAME where it lives outside of
	// Argo CD's own namespace.
	App string
	// Namespace is the destination namespace, not the Application's; it may be
	// empty.
	Namespace string
	RepoURL   string
	// Revision is the resolved commit or chart version, or the word "streamed"
	// when a user uploaded the files.
	Revision string
	// Path is the application's path in the repository, as its author wrote it.
	Path string
}

// tenant is who shares places and workers with others: a project, or a repository
// where Argo CD sends no project.
func (id Identity) tenant() string {
	if id.Project == "" {
		return "repository " + id.RepoURL
	}
	return "project " + id.Project
}

// The bounds of the environment that comes with a request.
const (
	maxEnvEntries = 10_000
	maxEnvBytes   = 4 << 20
	maxIdentity   = 2048
)

// environment is what the repo-server sends beside the files: its own
// variables, the Application's env as ARGOCD_ENV_*, and its parameters.
type environment map[string]string

// parseEnvironment collects NAME=VALUE pairs. A variable of Argo CD's own that
// stands twice is refused: one of the two would be a lie, and readers differ on
// which one counts.
func parseEnvironment(pairs [][2]string) (environment, error) {
	if len(pairs) > maxEnvEntries {
		return nil, fault.New(fault.Limit, "the request has more than %d environment entries", maxEnvEntries)
	}
	env := make(environment, len(pairs))
	size := 0
	for _, pair := range pairs {
		name, value := pair[0], pair[1]
		if size += len(name) + len(value); size > maxEnvBytes {
			return nil, fault.New(fault.Limit, "the request's environment is larger than %d bytes", maxEnvBytes)
		}
		if name == "" || strings.ContainsAny(name, "=\x00\n") {
			return nil, fault.New(fault.Identity, "the request's environment has the name %q, which no repo-server sends", fault.Clean(name, 80))
		}
		if _, twice := env[name]; twice && strings.HasPrefix(name, "ARGOCD_APP_") {
			return nil, fault.New(fault.EnvDup, "%s stands twice in the request's environment", fault.Clean(name, 80))
		}
		env[name] = value
	}
	return env, nil
}

// identity reads the variables that only the repo-server can set.
func (env environment) identity() (Identity, error) {
	id := Identity{
		Project:   env["ARGOCD_APP_PROJECT_NAME"],
		App:       env["ARGOCD_APP_NAME"],
		Namespace: env["ARGOCD_APP_NAMESPACE"],
		RepoURL:   env["ARGOCD_APP_SOURCE_REPO_URL"],
		Revision:  env["ARGOCD_APP_REVISION"],
		Path:      env["ARGOCD_APP_SOURCE_PATH"],
	}
	for _, field := range []struct{ name, value string }{
		{"ARGOCD_APP_PROJECT_NAME", id.Project},
		{"ARGOCD_APP_NAME", id.App},
		{"ARGOCD_APP_NAMESPACE", id.Namespace},
		{"ARGOCD_APP_SOURCE_REPO_URL", id.RepoURL},
		{"ARGOCD_APP_REVISION", id.Revision},
		{"ARGOCD_APP_SOURCE_PATH", id.Path},
	} {
		if len(field.value) > maxIdentity || strings.ContainsFunc(field.value, unicode.IsControl) {
			return Identity{}, fault.New(fault.Identity, "%s is too long or holds control characters", field.name)
		}
	}
	return id, nil
}

// named refuses an identity without an application. Argo CD asks about
// repositories before there is an application, but renders for one only.
func (id Identity) named() error {
	if id.App == "" {
		return fault.New(fault.Identity, "ARGOCD_APP_NAME is missing").
			WithFix("the plugin must be called by an Argo CD repo-server")
	}
	return nil
}

// ignored returns how many variables the Application set for the plugin.
// argocd-vault-plugin took its configuration from there; here only the platform
// configures, so people who move are told once per request.
func (env environment) ignored() int {
	count := 0
	for name := range env {
		if strings.HasPrefix(name, "ARGOCD_ENV_") {
			count++
		}
	}
	return count
}

// apiVersions splits the comma-separated KUBE_API_VERSIONS.
func (env environment) apiVersions() []string {
	var versions []string
	for _, version := range strings.Split(env["KUBE_API_VERSIONS"], ",") {
		if version = strings.TrimSpace(version); version != "" {
			versions = append(versions, version)
		}
	}
	return versions
}
