package revision_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// object makes one from what a git command reads.
func (r *repository) object(input string, args ...string) string {
	r.t.Helper()
	command := exec.CommandContext(r.t.Context(), "git", args...)
	command.Dir = r.dir
	command.Stdin = strings.NewReader(input)
	output, err := command.Output()
	if err != nil {
		r.t.Fatalf("git %v: %v", args, err)
	}
	return strings.TrimSpace(string(output))
}

// Git's own directories are dropped, so that nothing counts what is in them: they
// are not entered. The tree below them is not there, and nobody notices.
func TestGitDirectoriesAreNotEntered(t *testing.T) {
	r := newRepository(t)
	blob := r.object("number: 1\n", "hash-object", "-w", "--stdin")
	for _, name := range []string{".git", ".GIT", ".Git"} {
		root := r.object("100644 blob "+blob+"\tapp.yaml\n040000 tree "+strings.Repeat("12", 20)+"\t"+name+"\n", "mktree", "--missing")
		r.git("update-ref", "refs/heads/main", r.git("commit-tree", "-m", "hostile", root))
		if read := tree(t, r.dir, "main"); content(t, read, "app.yaml") != "number: 1\n" || read.Len() != 1 {
			t.Errorf("with %s it has %v", name, read.Files("."))
		}
	}
}

func TestDeepDirectories(t *testing.T) {
	r := newRepository(t)
	root := r.object("100644 blob "+r.object("number: 1\n", "hash-object", "-w", "--stdin")+"\tapp.yaml\n", "mktree")
	for range source.DefaultLimits().Segments + 1 {
		root = r.object("040000 tree "+root+"\td\n", "mktree")
	}
	opened := open(t, r.dir)
	commit, err := opened.Resolve(r.git("commit-tree", "-m", "deep", root))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Tree(t.Context(), commit, source.Limits{}); fault.CodeOf(err) != fault.ArchivePath || !strings.Contains(err.Error(), "parts") {
		t.Errorf("got %v", err)
	}
}
