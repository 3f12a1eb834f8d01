package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestAuditNamesTheCommit has the repo-server stream a repository as it does, Git
// directory and all: the trail says who made the commit that was rendered.
func TestAuditNamesTheCommit(t *testing.T) {
	repository := harness.NewRepository(t, harness.Files{"app/pod.yaml": pod})
	for _, server := range servers {
		t.Run(filepath.Base(string(server)), func(t *testing.T) {
			dir := t.TempDir()
			trail := filepath.Join(dir, "trail")
			plugin := harness.Plugin{Name: "argocd-seal-audited", Seal: "audit: {directory: " + trail + ", key: " + auditKey(t, dir) + ", required: true}\n"}
			lab := harness.New(t, server)
			process := serve(t, lab, plugin)
			generate(t, lab, application(repository, "app", plugin.FullName()))
			must(t, process.Stop())

			code, said, stderr := command(t, "audit", "query", "--author", harness.Author, "--revision", repository.Revision, "-o", "json", trail)
			if code != 0 {
				t.Fatal(stderr)
			}
			if got := said; strings.Count(got, "\n") != 1 || !strings.Contains(got, `"subject":"change"`) || !strings.Contains(got, `"app":"shop"`) {
				t.Errorf("the trail says of the commit: %s", got)
			}
		})
	}
}
