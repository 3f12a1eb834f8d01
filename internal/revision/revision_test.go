package revision_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/revision"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// repository is a clone on disk, made by git itself.
type repository struct {
	t   *testing.T
	dir string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("git is not installed")
	}
	r := &repository{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	r.git("config", "user.name", "Grace Hopper")
	r.git("config", "user.email", "grace@example.com")
	return r
}

func (r *repository) git(args ...string) string {
	r.t.Helper()
	command := exec.CommandContext(r.t.Context(), "git", args...)
	command.Dir = r.dir
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	output, err := command.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v: %s", args, err, output)
	}
	return strings.TrimSpace(string(output))
}

func (r *repository) write(name, content string) {
	r.t.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *repository) commit(name, content string) string {
	r.t.Helper()
	r.write(name, content)
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "change "+name)
	return r.git("rev-parse", "HEAD")
}

func open(t *testing.T, dir string) *revision.Repository {
	t.Helper()
	opened, err := revision.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func tree(t *testing.T, dir, name string) *source.Tree {
	t.Helper()
	opened := open(t, dir)
	commit, err := opened.Resolve(name)
	if err != nil {
		t.Fatal(err)
	}
	read, err := opened.Tree(t.Context(), commit, source.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return read
}

func content(t *testing.T, tree *source.Tree, name string) string {
	t.Helper()
	found, ok := tree.File(name)
	if !ok {
		t.Errorf("there is no file %s among %v", name, tree.Files("."))
	}
	return string(found)
}

func TestResolve(t *testing.T) {
	r := newRepository(t)
	first := r.commit("app.yaml", "number: 1\n")
	r.git("tag", "-a", "-m", "the first", "v1")
	r.git("tag", "light")
	second := r.commit("app.yaml", "number: 2\n")
	r.git("branch", "feature/x")
	r.git("update-ref", "refs/remotes/origin/main", first)
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("gc", "-q")
		}
		opened := open(t, r.dir)
		for name, wanted := range map[string]string{
			"HEAD": second, "main": second, "feature/x": second, "refs/heads/main": second, "HEAD~1": first, "HEAD^": first, "v1": first, "light": first,
			"origin/main": first, second: second, second[:10]: second,
		} {
			commit, err := opened.Resolve(name)
			if err != nil || commit.Hash != wanted {
				t.Errorf("packed %v: %s is %s (%v), want %s", packed, name, commit.Hash, err, wanted)
			}
		}
		if commit, _ := opened.Resolve("feature/x"); commit.Reference != "refs/heads/feature/x" {
			t.Errorf("the branch has the reference %q", commit.Reference)
		}
		for _, name := range []string{"", "nowhere", "HEAD~7", "HEAD^3", "~1", "^", "--all", "main:app.yaml", "@{-1}", strings.Repeat("0", 40), "a\x00b", "main..HEAD"} {
			commit, err := opened.Resolve(name)
			if !errors.Is(err, revision.ErrUnknown) || fault.CodeOf(err) != fault.Path {
				t.Errorf("%q is %+v, %v", name, commit, err)
			}
		}
	}
}

func TestTree(t *testing.T) {
	r := newRepository(t)
	r.write("base/app.yaml", "number: 1\n")
	r.write("run.sh", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(r.dir, "run.sh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("base/app.yaml", filepath.Join(r.dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n"
	r.commit("large.yaml", pointer)
	r.write("base/app.yaml", "number: 2\n")
	r.git("add", "base/app.yaml")
	r.git("update-index", "--add", "--cacheinfo", "160000,"+r.git("rev-parse", "HEAD")+",vendor/module")
	r.git("commit", "-q", "-m", "a submodule")
	// What is in the work tree does not count.
	r.write("base/app.yaml", "number: 3\n")
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("gc", "-q")
		}
		for name, number := range map[string]string{"HEAD": "number: 2\n", "HEAD~1": "number: 1\n"} {
			read := tree(t, r.dir, name)
			if content(t, read, "base/app.yaml") != number || content(t, read, "link.yaml") != number {
				t.Errorf("%s has %q, and %q over the link", name, content(t, read, "base/app.yaml"), content(t, read, "link.yaml"))
			}
			if content(t, read, "large.yaml") != pointer || content(t, read, "run.sh") == "" {
				t.Error("the other files are not as they were committed")
			}
			if read.HasDir("vendor/module") != (name == "HEAD") || read.Len() != 4 {
				t.Errorf("it has %v", read.Files("."))
			}
		}
	}
}

func TestLinkedWorkTree(t *testing.T) {
	r := newRepository(t)
	r.commit("app.yaml", "number: 1\n")
	linked := filepath.Join(t.TempDir(), "linked")
	r.git("worktree", "add", "-q", "-b", "other", linked)
	if content(t, tree(t, linked, "other"), "app.yaml") != "number: 1\n" {
		t.Error("the linked work tree has other files")
	}
	// A clone that borrows objects has them by their path.
	borrowed := filepath.Join(t.TempDir(), "borrowed")
	r.git("clone", "-q", "--shared", r.dir, borrowed)
	if content(t, tree(t, borrowed, "main"), "app.yaml") != "number: 1\n" {
		t.Error("the clone that borrows has other files")
	}
}

func TestLimitsHold(t *testing.T) {
	r := newRepository(t)
	r.commit("large.yaml", strings.Repeat("# comment\n", 1000))
	opened := open(t, r.dir)
	commit, err := opened.Resolve("HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Tree(t.Context(), commit, source.Limits{FileBytes: 100}); fault.CodeOf(err) != fault.Limit {
		t.Errorf("a large file gives %v", err)
	}
	if _, err := opened.Tree(t.Context(), commit, source.Limits{Entries: 1}); err != nil {
		t.Errorf("one file is too many: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := opened.Tree(ended, commit, source.Limits{}); err == nil {
		t.Error("it read on after the end")
	}
}

// What a pipeline's clone lacks is said with what brings it.
func TestClonesThatLackSomething(t *testing.T) {
	r := newRepository(t)
	r.commit("app.yaml", "number: 1\n")
	r.commit("app.yaml", "number: 2\n")
	r.git("config", "uploadpack.allowFilter", "true")
	dir := t.TempDir()
	shallow, partial := filepath.Join(dir, "shallow"), filepath.Join(dir, "partial")
	r.git("clone", "-q", "--depth", "1", "file://"+r.dir, shallow)
	_, err := open(t, shallow).Resolve("HEAD~1")
	if !errors.Is(err, revision.ErrUnknown) || !strings.Contains(err.Error(), "fetch-depth: 0") {
		t.Errorf("a shallow clone gives %v", err)
	}
	r.git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+r.dir, partial)
	opened := open(t, partial)
	commit, err := opened.Resolve("HEAD")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Tree(t.Context(), commit, source.Limits{}); fault.CodeOf(err) != fault.Path || !strings.Contains(err.Error(), "--refetch") {
		t.Errorf("a partial clone gives %v", err)
	}
	if _, err := revision.Open(dir); fault.CodeOf(err) != fault.Path || !strings.Contains(err.Error(), "no Git repository") {
		t.Errorf("no repository gives %v", err)
	}
}

// A damaged repository is a fault and no crash.
func TestDamagedRepository(t *testing.T) {
	r := newRepository(t)
	r.commit("app.yaml", "number: 1\n")
	r.git("gc", "-q")
	packs, err := filepath.Glob(filepath.Join(r.dir, ".git/objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	whole, err := os.ReadFile(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	for cut := 12; cut < len(whole); cut += max(1, len(whole)/40) {
		spoilt := append([]byte(nil), whole...)
		spoilt[cut] ^= 0xff
		if err := os.Chmod(packs[0], 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(packs[0], spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		opened, err := revision.Open(r.dir)
		if err != nil {
			continue
		}
		commit, err := opened.Resolve("HEAD")
		if err != nil {
			continue
		}
		if _, err := opened.Tree(t.Context(), commit, source.Limits{}); err != nil && fault.CodeOf(err) == fault.Internal {
			t.Errorf("byte %d: %v", cut, err)
		}
	}
}
