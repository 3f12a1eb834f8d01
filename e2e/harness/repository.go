package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Repository is a local Git repository that a repo-server clones.
type Repository struct {
	// URL is the repository's file:// address.
	URL string
	// Revision is the SHA of the last commit.
	Revision string

	dir string
}

// Files are the contents of files by their slash-separated path.
type Files map[string]string

// NewRepository makes a repository of files that ends with the test.
func NewRepository(t testing.TB, files Files) *Repository {
	t.Helper()
	Need(t, Git)
	repository, err := CreateRepository(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := repository.Commit(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	return repository
}

// CreateRepository makes an empty repository in dir, which must exist.
func CreateRepository(ctx context.Context, dir string) (*Repository, error) {
	repository := &Repository{URL: "file://" + dir, dir: dir}
	_, err := repository.git(ctx, "init", "--quiet", "--initial-branch", "main")
	return repository, err
}

// Commit writes files into the repository and commits everything in it.
func (r *Repository) Commit(ctx context.Context, files Files) error {
	for name, text := range files {
		path := filepath.Join(r.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return r.commit(ctx)
}

// CommitTree copies the directory from to the path name of the repository and
// commits it. Symbolic links stay links.
func (r *Repository) CommitTree(ctx context.Context, from, name string) error {
	if err := os.CopyFS(filepath.Join(r.dir, filepath.FromSlash(name)), os.DirFS(from)); err != nil {
		return err
	}
	return r.commit(ctx)
}

func (r *Repository) commit(ctx context.Context) error {
	if _, err := r.git(ctx, "add", "--all", "--force"); err != nil {
		return err
	}
	if _, err := r.git(ctx, "commit", "--quiet", "--allow-empty", "--message", "change"); err != nil {
		return err
	}
	revision, err := r.git(ctx, "rev-parse", "HEAD")
	r.Revision = strings.TrimSpace(revision)
	return err
}

// Author is the address of whoever makes the commits.
const Author = "test@example.com"

// git runs git in the repository, without the settings of whoever runs the test.
func (r *Repository) git(ctx context.Context, args ...string) (string, error) {
	path, err := Git.Path()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, path, args...)
	command.Dir = r.dir
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/dev/null",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=" + Author,
		"GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.com"}
	output, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return string(output), nil
}
