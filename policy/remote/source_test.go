package remote_test

import (
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
)

func TestSourcesThatCannotWork(t *testing.T) {
	digest, commit := digestOf(""), strings.Repeat("a", 40)
	tests := map[string]struct {
		source remote.Source
		want   string
	}{
		"neither":                 {remote.Source{}, "oci: "},
		"both":                    {remote.Source{OCI: "h/r", Git: "https://h/r", Digest: digest}, "oci: "},
		"not pinned":              {remote.Source{OCI: "h/r"}, "digest: the source is not pinned"},
		"a tag without follow":    {remote.Source{OCI: "h/r", Tag: "v1"}, "tag: whoever can move the tag"},
		"a branch without follow": {remote.Source{Git: "https://h/r", Branch: "main"}, "branch: whoever can move the branch"},
		"pinned and following":    {remote.Source{OCI: "h/r", Digest: digest, Follow: true}, "digest: a source with a digest does not move"},
		"digest and tag":          {remote.Source{OCI: "h/r", Digest: digest, Tag: "v1", Follow: true}, "digest: "},
		"a short digest":          {remote.Source{OCI: "h/r", Digest: "sha256:abc"}, "digest: "},
		"a short commit":          {remote.Source{Git: "https://h/r", Commit: "abc1234"}, "commit: "},
		"plain http":              {remote.Source{OCI: "http://h/r", Digest: digest}, "oci: plain http"},
		"plain http with Git":     {remote.Source{Git: "http://h/r", Commit: commit}, "git: only https"},
		"a local repository":      {remote.Source{Git: "file:///srv/r", Commit: commit}, "git: "},
		"ssh":                     {remote.Source{Git: "ssh://git@h/r", Commit: commit}, "git: "},
		"an option":               {remote.Source{Git: "--upload-pack=x", Commit: commit}, "git: "},
		"credentials in the URL":  {remote.Source{Git: "https://u:p@h/r", Commit: commit}, "git: it is not a URL without credentials"},
		"a tag in the repository": {remote.Source{OCI: "h/r:v1", Digest: digest}, "oci: "},
		"a branch that climbs":    {remote.Source{Git: "https://h/r", Branch: "a/../b", Follow: true}, "branch: "},
		"a path that climbs":      {remote.Source{Git: "https://h/r", Commit: commit, Path: "../x"}, "path: "},
		"half a login":            {remote.Source{Git: "https://h/r", Commit: commit, Username: "u"}, "username: "},
		"two logins":              {remote.Source{Git: "https://h/r", Commit: commit, Username: "u", PasswordFile: "p", TokenFile: "t"}, "tokenFile: "},
		"a Git pin of a registry": {remote.Source{OCI: "h/r", Commit: commit}, "oci: commits and branches"},
		"a bad name":              {remote.Source{Name: "a b", OCI: "h/r", Digest: digest}, "name: "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.source.Name == "" {
				test.source.Name = "platform"
			}
			var all []string
			for _, problem := range test.source.Problems() {
				all = append(all, problem.Field+": "+problem.Message)
			}
			if got := strings.Join(all, "\n"); !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if _, err := remote.New(test.source, remote.Options{}); fault.CodeOf(err) != fault.Config {
				t.Errorf("got %v, want %s", err, fault.Config)
			}
		})
	}
}

func TestSourcesThatWork(t *testing.T) {
	for _, source := range []remote.Source{
		{OCI: "registry.example.com/policies/platform", Digest: digestOf("")},
		{OCI: "oci://registry.example.com:5000/policies", Tag: "v1", Follow: true},
		{OCI: "http://127.0.0.1:5000/policies", Digest: digestOf(""), Path: "policy"},
		{OCI: "http://localhost/policies", Digest: digestOf("")},
		{Git: "https://git.example.com/policies.git", Commit: strings.Repeat("0", 40), Path: "rego/main"},
		{Git: "http://[::1]:3000/policies.git", Branch: "release/1.2", Follow: true, TokenFile: "token"},
	} {
		source.Name = "platform"
		if problems := source.Problems(); len(problems) > 0 {
			t.Errorf("%+v: %v", source, problems)
		}
	}
}
