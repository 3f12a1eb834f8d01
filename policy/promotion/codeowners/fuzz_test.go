package codeowners_test

import (
	"bytes"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/policy/promotion/codeowners"
)

// FuzzParse expects any file to be read without a panic, and each approval to
// name a line of it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"* @a\n/ @b\n", "[S][2] @a\n!/x/\n^[T]\n**/** @b #c", "\\ a\\\\ @a\n{[a-z]} @b", "//\n/**\n***\n[", "\xff @a\r\n\u2028/ @b",
	} {
		f.Add([]byte(seed), "a/b")
	}
	f.Fuzz(func(t *testing.T, content []byte, path string) {
		for _, host := range []codeowners.Host{codeowners.GitHub, codeowners.GitLab} {
			file, err := codeowners.Parse(host, "CODEOWNERS", content)
			if err != nil {
				continue
			}
			lines := bytes.Count(content, []byte("\n")) + 1
			for _, approval := range file.Approvals(path) {
				if approval.Line < 1 || approval.Line > lines || approval.Count < 1 {
					t.Errorf("%+v of %d lines", approval, lines)
				}
			}
		}
	})
}
