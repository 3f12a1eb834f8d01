package carry_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/carry"
)

// plan changes a.yaml and b/c.yaml.
func plan() *migrate.Plan {
	return &migrate.Plan{Changes: []migrate.Change{
		{File: "a.yaml", Before: []byte("a: 1\n"), After: []byte("a: 2\n")},
		{File: "b/c.yaml", Before: []byte("c: 1\n"), After: []byte("c: 2\n")},
	}, Plugin: []byte("kind: x\n")}
}

func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, "a.yaml", "a: 1\n")
	put(t, dir, "b/c.yaml", "c: 1\n")
	put(t, dir, "other.yaml", "o: 1\n")
	return dir
}

// committed makes a Git repository of a directory and commits all of it.
func committed(t *testing.T, dir string) {
	t.Helper()
	repository, err := git.PlainInit(dir, false)
	must(t, err)
	tree, err := repository.Worktree()
	must(t, err)
	_, err = tree.Add(".")
	must(t, err)
	_, err = tree.Commit("all", &git.CommitOptions{Author: &object.Signature{Name: "a", Email: "a@example.com", When: time.Unix(0, 0)}})
	must(t, err)
}

func TestWriteChangesFilesAndKeepsTheirMode(t *testing.T) {
	dir := repository(t)
	must(t, os.Chmod(filepath.Join(dir, "a.yaml"), 0o640))
	pluginFile := filepath.Join(dir, "plugin.yaml")
	must(t, carry.Write(plan(), carry.Options{Root: dir, PluginFile: pluginFile}))
	expect(t, dir, map[string]string{"a.yaml": "a: 2\n", "b/c.yaml": "c: 2\n", "other.yaml": "o: 1\n", "plugin.yaml": "kind: x\n"})
	info, err := os.Stat(filepath.Join(dir, "a.yaml"))
	must(t, err)
	if info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %o", info.Mode().Perm())
	}
}

// TestAllOrNothing: where one file cannot be written none is changed, and
// nothing is left beside them.
func TestAllOrNothing(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, dir string, options *carry.Options)
		want    string
	}{
		"a file that has changed since": {func(t *testing.T, dir string, _ *carry.Options) { put(t, dir, "b/c.yaml", "c: 9\n") }, "has changed since it was read"},
		"a file that has grown":         {func(t *testing.T, dir string, _ *carry.Options) { put(t, dir, "b/c.yaml", "c: 1\n#\n") }, "has changed since it was read"},
		"a file that is gone":           {func(t *testing.T, dir string, _ *carry.Options) { must(t, os.Remove(filepath.Join(dir, "b/c.yaml"))) }, "no such file"},
		"a file that is a link now": {func(t *testing.T, dir string, _ *carry.Options) {
			must(t, os.Remove(filepath.Join(dir, "b/c.yaml")))
			must(t, os.Symlink("../other.yaml", filepath.Join(dir, "b/c.yaml")))
		}, "no regular file"},
		"a directory that leads out": {func(t *testing.T, dir string, _ *carry.Options) {
			outside := t.TempDir()
			put(t, outside, "c.yaml", "c: 1\n")
			must(t, os.RemoveAll(filepath.Join(dir, "b")))
			must(t, os.Symlink(outside, filepath.Join(dir, "b")))
		}, "leads out of the repository"},
		"a plugin.yaml that is there": {func(t *testing.T, dir string, options *carry.Options) {
			options.PluginFile = filepath.Join(dir, "other.yaml")
		}, "is not overwritten"},
		"a plugin.yaml in no directory": {func(t *testing.T, dir string, options *carry.Options) {
			options.PluginFile = filepath.Join(dir, "none/plugin.yaml")
		}, "no such file"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := repository(t)
			options := carry.Options{Root: dir}
			test.prepare(t, dir, &options)
			err := carry.Write(plan(), options)
			if fault.CodeOf(err) != fault.Path || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			expect(t, dir, map[string]string{"a.yaml": "a: 1\n", "other.yaml": "o: 1\n"})
			left, err := filepath.Glob(filepath.Join(dir, ".argocd-seal*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}

func TestWorkTreeWithChangesIsRefused(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, dir string)
		want    string
	}{
		"clean":                          {func(*testing.T, string) {}, ""},
		"a file beside that Git ignores": {func(t *testing.T, dir string) { put(t, dir, "untracked.txt", "x") }, ""},
		"a change in a file to change":   {func(t *testing.T, dir string) { put(t, dir, "a.yaml", "a: 1 # mine\n") }, "a.yaml"},
		"a change elsewhere":             {func(t *testing.T, dir string) { put(t, dir, "other.yaml", "o: 2\n") }, "other.yaml"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := repository(t)
			committed(t, dir)
			test.prepare(t, dir)
			err := carry.Write(plan(), carry.Options{Root: dir})
			if test.want == "" {
				must(t, err)
				return
			}
			if fault.CodeOf(err) != fault.Path || !strings.Contains(err.Error(), "not committed: "+test.want) {
				t.Fatalf("%v, want that %s is not committed", err, test.want)
			}
			expect(t, dir, map[string]string{"b/c.yaml": "c: 1\n"})
		})
	}
	t.Run("a file that Git does not know", func(t *testing.T) {
		dir := repository(t)
		must(t, os.Rename(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "a.txt")))
		committed(t, dir)
		put(t, dir, "a.yaml", "a: 1\n")
		if err := carry.Write(plan(), carry.Options{Root: dir}); fault.CodeOf(err) != fault.Path {
			t.Errorf("%v, want E_PATH", err)
		}
	})
	t.Run("by force", func(t *testing.T) {
		dir := repository(t)
		committed(t, dir)
		put(t, dir, "other.yaml", "o: 2\n")
		must(t, carry.Write(plan(), carry.Options{Root: dir, Force: true}))
		expect(t, dir, map[string]string{"a.yaml": "a: 2\n", "other.yaml": "o: 2\n"})
	})
	t.Run("from a directory below the root of the work tree", func(t *testing.T) {
		dir := repository(t)
		committed(t, dir)
		put(t, dir, "other.yaml", "o: 2\n")
		below := &migrate.Plan{Changes: []migrate.Change{{File: "c.yaml", Before: []byte("c: 1\n"), After: []byte("c: 2\n")}}}
		if err := carry.Write(below, carry.Options{Root: filepath.Join(dir, "b")}); fault.CodeOf(err) != fault.Path {
			t.Errorf("%v, want E_PATH", err)
		}
	})
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
}

func expect(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != content {
			t.Errorf("%s is %q (%v), want %q", name, got, err, content)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
