package pattern_test

import (
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

func TestPattern(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"kv/team-a/*", "kv/team-a/db", true},
		{"kv/team-a/*", "kv/team-a/db/x", false},
		{"kv/team-a/*", "kv/team-ab/db", false},
		{"kv/team-a/**", "kv/team-a/db/x", true},
		{"kv/team-a/**", "kv/team-a", false},
		{"kv/team-a", "kv/team-a/db", false},
		{"kv/team-*/db", "kv/team-a/db", true},
		{"kv/*-a*b/db", "kv/x-a-xb/db", true},
		{"kv/a*a/db", "kv/a/db", false},
		{"kv/*/db", "kv//db", true},
		{"**", "anything", true},
	} {
		compiled, err := pattern.Compile(test.pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.Match(test.text); got != test.want {
			t.Errorf("%q matches %q: %v, want %v", test.pattern, test.text, got, test.want)
		}
	}
	for _, text := range []string{"", "kv/**/x", "kv/a**", "kv/[ab]", "kv/{a,b}", "kv/a?", `kv\a`} {
		if _, err := pattern.Compile(text); err == nil {
			t.Errorf("Compile(%q) succeeds", text)
		}
	}
}

func TestCanonicalURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://user:pw@Git.Example.com:443/Team/deploy.git/": "https://git.example.com/Team/deploy",
		"git@git.example.com:team/deploy.git":                  "ssh://git.example.com/team/deploy",
		"ssh://git@git.example.com:22/team/deploy":             "ssh://git.example.com/team/deploy",
		"https://git.example.com:8443/team":                    "https://git.example.com:8443/team",
		"file:///srv/git/deploy":                               "file:///srv/git/deploy",
		"https://git.example.com/team/../deploy":               pattern.InvalidURL,
		"https://git.example.com/te%61m":                       pattern.InvalidURL,
		"https://git.example.com/team?x":                       pattern.InvalidURL,
		"registry.example.com/charts":                          pattern.InvalidURL,
		"":                                                     pattern.InvalidURL,
	} {
		if got := pattern.CanonicalURL(url); got != want {
			t.Errorf("CanonicalURL(%q) = %q, want %q", url, got, want)
		}
	}
}

func TestCompileURL(t *testing.T) {
	compiled, err := pattern.CompileURL("https://GIT.example.com/team/**")
	if err != nil {
		t.Fatal(err)
	}
	for url, want := range map[string]bool{
		"https://git.example.com/team/a/b.git": true,
		"https://git.example.com/team":         false,
		"https://git.example.com/teams/a":      false,
	} {
		if got := compiled.Match(pattern.CanonicalURL(url)); got != want {
			t.Errorf("%q matches: %v, want %v", url, got, want)
		}
	}
	for _, text := range []string{"", pattern.InvalidURL, "git.example.com/team", "https://h/r?x=1", "https://h/[ab]"} {
		if _, err := pattern.CompileURL(text); err == nil || err.Code != fault.Config {
			t.Errorf("CompileURL(%q): %v, want E_CONFIG", text, err)
		}
	}
}
