package binding_test

import (
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
)

var teamA = binding.Identity{
	Project: "team-a", App: "payments", Namespace: "team-a-prod",
	RepoURL: "https://git.example.com/team-a/deploy.git", Revision: strings.Repeat("0", 40),
}

func TestAuthorize(t *testing.T) {
	rule := binding.Rule{
		Name: "a", Projects: []string{"team-a"}, Apps: []string{"payments"}, RepoURLs: []string{"https://git.example.com/team-a/*"},
		Namespaces: []string{"team-a-*"}, Role: "reader", Paths: []string{"kv/team-a/**", "kv/shared/{project}/{app}/{namespace}"},
	}
	change := func(edit func(*binding.Identity)) binding.Identity {
		identity := teamA
		edit(&identity)
		return identity
	}
	for _, test := range []struct {
		name     string
		identity binding.Identity
		path     string
		want     bool
	}{
		{"granted", teamA, "kv/team-a/db", true},
		{"with the identity's names", teamA, "kv/shared/team-a/payments/team-a-prod", true},
		{"V1 a longer name", teamA, "kv/team-ab/db", false},
		{"another path", teamA, "kv/team-b/db", false},
		{"the mount itself", teamA, "kv", false},
		{"B2 the same name in another project", change(func(i *binding.Identity) { i.Project = "team-b" }), "kv/team-a/db", false},
		{"another app", change(func(i *binding.Identity) { i.App = "web" }), "kv/team-a/db", false},
		{"B3 a foreign namespace", change(func(i *binding.Identity) { i.Namespace = "kube-system" }), "kv/team-a/db", false},
		{"a foreign repository", change(func(i *binding.Identity) { i.RepoURL = "https://git.example.com/team-b/deploy" }), "kv/team-a/db", false},
		{"no project, as with Argo CD 2.14", change(func(i *binding.Identity) { i.Project = "" }), "kv/team-a/db", false},
		{"no namespace", change(func(i *binding.Identity) { i.Namespace = "" }), "kv/team-a/db", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			set, err := binding.NewSet([]binding.Rule{rule})
			if err != nil {
				t.Fatal(err)
			}
			if _, got := set.Match(test.identity).Authorize(test.path); got != test.want {
				t.Errorf("authorized: %v, want %v", got, test.want)
			}
		})
	}
}

func TestNothingIsAllowedByDefault(t *testing.T) {
	set, err := binding.NewSet(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := set.Match(teamA).Authorize("kv/team-a/db"); ok {
		t.Error("an empty set authorizes")
	}
}

// TestNamesCannotBecomePatterns: an Application's author chooses some of the
// names that {app} and {namespace} stand for.
func TestNamesCannotBecomePatterns(t *testing.T) {
	set, err := binding.NewSet([]binding.Rule{{
		Projects: []string{"*"}, Namespaces: []string{"**"}, Role: "r", Paths: []string{"kv/{app}/db", "kv/ns/{namespace}"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"*", "**", "..", ".", "a/b", "", "{project}", "a*"} {
		identity := teamA
		identity.App, identity.Namespace = name, name
		for _, path := range []string{"kv/team-a/db", "kv/../db", "kv/ns/team-b", "kv/a/b/db"} {
			if _, ok := set.Match(identity).Authorize(path); ok {
				t.Errorf("the name %q gives %s", name, path)
			}
		}
	}
}

func TestRepositorySpellings(t *testing.T) {
	set, err := binding.NewSet([]binding.Rule{{
		RepoURLs: []string{"https://Git.example.com/team/deploy", "git@git.example.com:team/ssh.git"}, Namespaces: []string{"prod"}, Role: "r", Paths: []string{"kv/x/*"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]bool{
		"https://git.example.com/team/deploy":              true,
		"https://git.example.com/team/deploy.git":          true,
		"https://git.example.com:443/team/deploy/":         true,
		"https://user:pw@git.example.com/team/deploy":      true,
		"ssh://git@git.example.com/team/ssh":               true,
		"git@git.example.com:team/ssh":                     true,
		"http://git.example.com/team/deploy":               false,
		"https://git.example.com:8443/team/deploy":         false,
		"https://git.example.com.evil/team/deploy":         false,
		"https://evil/https://git.example.com/team/deploy": false,
		"https://git.example.com/x/../team/deploy":         false,
		"https://git.example.com/team%2Fdeploy":            false,
		"https://git.example.com/team/deploy?x":            false,
		"https://git.example.com/team/deploy/x":            false,
		"invalid:":                                         false, "": false,
	} {
		_, got := set.Match(binding.Identity{RepoURL: url, Namespace: "prod"}).Authorize("kv/x/y")
		if got != want {
			t.Errorf("%q matches: %v, want %v", url, got, want)
		}
	}
}

func TestNamespacesOfAGrant(t *testing.T) {
	for _, test := range []struct {
		allowed   []string
		namespace string
		want      bool
	}{
		{nil, "team-a-prod", true},
		{nil, "team-b", false},
		{[]string{"team-a-*"}, "team-a-dev", true},
		{[]string{"team-a-*"}, "kube-system", false},
	} {
		set, err := binding.NewSet([]binding.Rule{{Projects: []string{"team-a"}, Namespaces: test.allowed, Role: "r", Paths: []string{"kv/a/*"}}})
		if err != nil {
			t.Fatal(err)
		}
		grant, ok := set.Match(teamA).Authorize("kv/a/b")
		if !ok || grant.AllowsNamespace(test.namespace) != test.want {
			t.Errorf("%v allows %s: want %v", test.allowed, test.namespace, test.want)
		}
	}
}

func TestNonSecret(t *testing.T) {
	set, err := binding.NewSet([]binding.Rule{{Projects: []string{"team-a"}, Role: "r", Paths: []string{"kv/**"}, NonSecret: []string{"kv/a/public", "kv/a/db#user"}}})
	if err != nil {
		t.Fatal(err)
	}
	grant, _ := set.Match(teamA).Authorize("kv/a/db")
	for place, want := range map[[2]string]bool{
		{"kv/a/public", "any"}: true, {"kv/a/db", "user"}: true, {"kv/a/db", "password"}: false, {"kv/a/db", ""}: false, {"kv/b/public", "any"}: false,
	} {
		if got := grant.NonSecret(place[0], place[1]); got != want {
			t.Errorf("NonSecret(%v) = %v, want %v", place, got, want)
		}
	}
}

func TestNewSetRefuses(t *testing.T) {
	good := binding.Rule{Projects: []string{"p"}, Role: "r", Paths: []string{"kv/a/*"}}
	for name, edit := range map[string]func(*binding.Rule){
		"no project and no namespace": func(r *binding.Rule) { r.Projects = nil; r.RepoURLs = []string{"https://h/r"} },
		"no project and no repo":      func(r *binding.Rule) { r.Projects = nil; r.Namespaces = []string{"n"} },
		"B2 an app without project": func(r *binding.Rule) {
			r.Projects, r.Apps, r.RepoURLs, r.Namespaces = nil, []string{"a"}, []string{"https://h/r"}, []string{"n"}
		},
		"no role":             func(r *binding.Rule) { r.Role = "" },
		"no path":             func(r *binding.Rule) { r.Paths = nil },
		"any mount":           func(r *binding.Rule) { r.Paths = []string{"*/x"} },
		"everything":          func(r *binding.Rule) { r.Paths = []string{"**"} },
		"a glob of elsewhere": func(r *binding.Rule) { r.Paths = []string{"kv/[a]"} },
		"a URL with a query":  func(r *binding.Rule) { r.RepoURLs = []string{"https://h/r?x=1"} },
	} {
		rule := good
		edit(&rule)
		if _, err := binding.NewSet([]binding.Rule{rule}); fault.CodeOf(err) != fault.Config {
			t.Errorf("%s: %v, want E_CONFIG", name, err)
		}
	}
}

func TestB1Revisions(t *testing.T) {
	for revision, want := range map[string]bool{
		strings.Repeat("a", 40): true, strings.Repeat("0", 64): true, "1.2.3": true, "v1.2.3-rc.1+build": true, "sha256:" + strings.Repeat("f", 64): true,
		"streamed": false, "": false, "HEAD": false, "main": false, strings.Repeat("a", 39): false, strings.Repeat("A", 40): false,
		"1.2": false, strings.Repeat("a", 40) + "\n": false,
	} {
		if got := binding.FixedRevision(revision); got != want {
			t.Errorf("FixedRevision(%q) = %v, want %v", revision, got, want)
		}
	}
}

func TestRoleOfWhatABindingGivesToAnybody(t *testing.T) {
	set, err := binding.NewSet([]binding.Rule{
		{Name: "shop", Projects: []string{"shop"}, Role: "reader", Paths: []string{"kv/{project}/{app}/*", "kv/common/**"}},
		{Name: "other", Projects: []string{"*"}, Role: "another", Paths: []string{"kv/other/db"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ binding, path, want string }{
		{"shop", "kv/shop/web/db", "reader"},
		{"shop", "kv/common/a/b", "reader"},
		{"shop", "kv/other/db", ""},
		{"shop", "kv/shop/web", ""},
		{"other", "kv/other/db", "another"},
		{"gone", "kv/other/db", ""},
	} {
		if role, ok := set.Role(test.binding, test.path); role != test.want || ok != (test.want != "") {
			t.Errorf("Role(%s, %s) = %q, %t, want %q", test.binding, test.path, role, ok, test.want)
		}
	}
}
