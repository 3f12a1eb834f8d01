package plugin_test

import (
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// strictFirst is what a platform would write: production by its rules, and all
// else in an environment that asks less.
var strictFirst = []plugin.Environment{
	{Name: "repo", RepoURLs: []string{"https://git.example.com/platform/**"}},
	{Name: "path", Projects: []string{"mono"}, Paths: []string{"apps/*/production"}},
	{Name: "project", Projects: []string{"*-prod"}},
	{Name: "namespace", Namespaces: []string{"prod", "prod-*", "monitoring"}},
	{Name: "listed", Projects: []string{"dev"}, Namespaces: []string{"dev", "monitoring"}},
	{Name: "rest"},
}

// TestAnAuthorCannotChooseAnEnvironment writes an application in every way that
// its author is free to.
func TestAnAuthorCannotChooseAnEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		identity plugin.Identity
		want     string
	}{
		"a repository":                   {plugin.Identity{RepoURL: "https://git.example.com/platform/a/b.git"}, "repo"},
		"in another spelling":            {plugin.Identity{RepoURL: "https://me:pw@GIT.example.com:443/platform/a/"}, "repo"},
		"in another case":                {plugin.Identity{RepoURL: "https://git.example.com/Platform/a"}, "E_ENVIRONMENT: the repository's URL"},
		"with an escape":                 {plugin.Identity{RepoURL: "https://git.example.com/pl%61tform/a"}, "E_ENVIRONMENT: the repository's URL"},
		"with a query":                   {plugin.Identity{RepoURL: "https://git.example.com/platform/a?x"}, "E_ENVIRONMENT: the repository's URL"},
		"without a scheme":               {plugin.Identity{RepoURL: "git.example.com/platform/a"}, "E_ENVIRONMENT: the repository's URL"},
		"climbing":                       {plugin.Identity{RepoURL: "https://git.example.com/x/../platform/a"}, "E_ENVIRONMENT: the repository's URL"},
		"another repository":             {plugin.Identity{RepoURL: "https://git.example.com/platforms/a"}, "rest"},
		"another host":                   {plugin.Identity{RepoURL: "https://evil.example.com/git.example.com/platform/a"}, "rest"},
		"no repository, on a laptop":     {plugin.Identity{}, "rest"},
		"a path":                         {plugin.Identity{Project: "mono", Path: "apps/web/production"}, "path"},
		"a path with a dot":              {plugin.Identity{Project: "mono", Path: "./apps/web//production/"}, "path"},
		"a path that climbs":             {plugin.Identity{Project: "mono", Path: "/x/../apps/web/production"}, "path"},
		"a path below":                   {plugin.Identity{Project: "mono", Path: "apps/web/production/x"}, "rest"},
		"a project":                      {plugin.Identity{Project: "team-prod"}, "project"},
		"no project, as Argo CD 2.14":    {plugin.Identity{}, "rest"},
		"a namespace":                    {plugin.Identity{Namespace: "prod-eu"}, "namespace"},
		"an object's namespace":          {plugin.Identity{Namespace: "sandbox", App: "prod"}, "E_ENVIRONMENT: a.yaml:1 ConfigMap prod/a metadata.namespace: the application belongs to the environment rest"},
		"its own namespace":              {plugin.Identity{Namespace: "prod", App: "prod"}, "namespace"},
		"another one of the same":        {plugin.Identity{Namespace: "prod-eu", App: "prod"}, "namespace"},
		"one that two environments have": {plugin.Identity{Project: "dev", Namespace: "dev", App: "monitoring"}, "listed"},
		"one that only another has":      {plugin.Identity{Project: "dev", Namespace: "dev", App: "prod"}, "E_ENVIRONMENT: a.yaml:1 "},
		"one that nobody has":            {plugin.Identity{Namespace: "sandbox", App: "elsewhere"}, "rest"},
	} {
		t.Run(name, func(t *testing.T) {
			// The application's name is the namespace of its object.
			object := configMap
			if test.identity.App != "" {
				object = strings.Replace(configMap, "name: a", "name: a, namespace: "+test.identity.App, 1)
			} else {
				test.identity.App = "web"
			}
			files := source.NewTree()
			files.Add("a.yaml", []byte(object))
			pipeline := &plugin.Pipeline{Renderer: &inProcess{}, Environments: strictFirst}
			output, err := pipeline.Run(t.Context(), plugin.Job{Identity: test.identity, Source: files, Path: "."})
			got := output.Environment
			if err != nil {
				got = fault.Text(fault.Of(err))
			}
			if got != test.want && !strings.HasPrefix(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
