package codeowners_test

import (
	"strings"
	"testing"

	reference "github.com/hmarr/codeowners"

	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
)

// TestGitHubPatternsMatchAsElsewhere compares with a library that knows GitHub's
// patterns only. It is no part of the program: it panics on the pattern "/" and
// gives the whole file up at a sign such as a comma.
func TestGitHubPatternsMatchAsElsewhere(t *testing.T) {
	parts := []string{"a", "b", "*", "**", "*.yaml", "a?"}
	var patterns []string
	for _, first := range parts {
		patterns = append(patterns, first)
		for _, second := range parts {
			patterns = append(patterns, first+"/"+second)
			for _, third := range parts {
				patterns = append(patterns, first+"/"+second+"/"+third)
			}
		}
	}
	names := []string{"a", "b", "ab", "x.yaml"}
	var paths []string
	for _, first := range names {
		paths = append(paths, first)
		for _, second := range names {
			paths = append(paths, first+"/"+second)
			for _, third := range names {
				paths = append(paths, first+"/"+second+"/"+third, first+"/"+second+"/"+third+"/b")
			}
		}
	}
	compared := 0
	for _, pattern := range patterns {
		for _, spelling := range []string{pattern, "/" + pattern, strings.TrimSuffix(pattern, "/**") + "/"} {
			if strings.Contains(spelling, "**/**") || strings.HasSuffix(spelling, "**/") {
				continue // the library asks for a slash at the start of the path
			}
			line := spelling + " @owner\n"
			rules, err := reference.ParseFile(strings.NewReader(line))
			if err != nil {
				t.Fatal(err)
			}
			file, err := codeowners.Parse(codeowners.GitHub, "CODEOWNERS", []byte(line))
			if err != nil || len(file.Skipped) > 0 {
				t.Fatal(spelling, err)
			}
			for _, path := range paths {
				want, err := rules[0].Match(path)
				if err != nil {
					t.Fatal(err)
				}
				compared++
				if got := len(file.Approvals(path)) == 1; got != want {
					t.Errorf("%q matches %q: %v, elsewhere %v", spelling, path, got, want)
				}
			}
		}
	}
	if compared < 50_000 {
		t.Errorf("compared %d", compared)
	}
}
