package watch_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/watch"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// silence is how long a test waits for what must not.
const silence = 300 * time.Millisecond

type watched struct {
	*testing.T
	dir     string
	watcher *watch.Watcher
}

func start(t *testing.T, config watch.Config) *watched {
	t.Helper()
	watcher, err := watch.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := watcher.Close(); err != nil {
			t.Error(err)
		}
	})
	return &watched{t, config.Root, watcher}
}

func (w *watched) write(name, content string) {
	w.Helper()
	file := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		w.Fatal(err)
	}
}

// next returns the names below the root that changed, and nothing where none does
// in time.
func (w *watched) next(wait time.Duration) []string {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), wait)
	defer cancel()
	changed, err := w.watcher.Next(ctx)
	if err != nil {
		w.Fatal(err)
	}
	var names []string
	for _, name := range changed {
		names = append(names, strings.TrimPrefix(strings.TrimPrefix(name, w.dir), "/"))
	}
	return names
}

// seen waits until a name has changed.
func (w *watched) seen(name string) {
	w.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if slices.Contains(w.next(time.Until(deadline)), name) {
			return
		}
	}
	w.Fatalf("nobody told of %s", name)
}

func (w *watched) nothing() {
	w.Helper()
	if changed := w.next(silence); changed != nil {
		w.Errorf("told of %v", changed)
	}
}

func TestChangesAreTold(t *testing.T) {
	w := start(t, watch.Config{Root: t.TempDir()})
	w.nothing()
	w.write("app.yaml", "a: 1\n")
	w.seen("app.yaml")
	w.nothing()
	// Many files at once are one change.
	for _, name := range []string{"a.yaml", "b.yaml", "c.yaml"} {
		w.write(name, "a: 1\n")
	}
	if changed := w.next(patience); !slices.Equal(changed, []string{"a.yaml", "b.yaml", "c.yaml"}) {
		t.Errorf("told of %v", changed)
	}
	if err := os.Remove(filepath.Join(w.dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	w.seen("b.yaml")
	// Reading and rights change no content.
	if err := os.Chmod(filepath.Join(w.dir, "a.yaml"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(filepath.Join(w.dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	w.nothing()
}

// Editors write a new file and put it in the place of the old one.
func TestFilesThatAreReplaced(t *testing.T) {
	w := start(t, watch.Config{Root: t.TempDir()})
	for range 3 {
		w.write(".app.yaml.tmp", "a: 1\n")
		if err := os.Rename(filepath.Join(w.dir, ".app.yaml.tmp"), filepath.Join(w.dir, "app.yaml")); err != nil {
			t.Fatal(err)
		}
		w.seen("app.yaml")
	}
}

func TestNewDirectories(t *testing.T) {
	w := start(t, watch.Config{Root: t.TempDir()})
	w.write("apps/web/deep/app.yaml", "a: 1\n")
	w.seen("apps")
	w.next(silence)
	w.write("apps/web/deep/app.yaml", "a: 2\n")
	w.seen("apps/web/deep/app.yaml")
	// One that is moved here brings its own.
	elsewhere := filepath.Join(t.TempDir(), "moved")
	if err := os.MkdirAll(filepath.Join(elsewhere, "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(elsewhere, filepath.Join(w.dir, "moved")); err != nil {
		t.Fatal(err)
	}
	w.seen("moved")
	w.write("moved/deep/app.yaml", "a: 1\n")
	w.seen("moved/deep/app.yaml")
}

func TestTheRootGoesAndComesBack(t *testing.T) {
	root := filepath.Join(t.TempDir(), "repository")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	w := start(t, watch.Config{Root: root})
	for range 2 {
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
		w.seen("")
		w.nothing()
		w.write("app.yaml", "a: 1\n")
		w.seen("")
		w.next(silence)
		w.write("app.yaml", "a: 2\n")
		w.seen("app.yaml")
	}
}

func TestWhatIsIgnored(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{".git", "build", "apps"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w := start(t, watch.Config{Root: root, Skip: func(name string, isDir bool) bool {
		return name == "build" && isDir || strings.HasSuffix(name, ".swp")
	}})
	w.write(".git/index", "x")
	w.write("build/app.yaml", "a: 1\n")
	w.write("apps/.app.yaml.swp", "x")
	w.nothing()
	w.write("apps/app.yaml", "a: 1\n")
	w.seen("apps/app.yaml")
}

// What is asked for by name counts, whatever is ignored around it.
func TestWhatIsAskedForIsNotIgnored(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"pol/deep", "build/out", "build/pol", "conf"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	more := []string{filepath.Join(root, "pol"), filepath.Join(root, "build/pol"), filepath.Join(root, "conf/plugin.yaml"), filepath.Join(root, "build/later")}
	w := start(t, watch.Config{Root: root, More: more, Skip: func(name string, isDir bool) bool {
		return isDir && (name == "pol" || name == "build" || name == "conf")
	}})
	for _, name := range []string{"pol/a.rego", "pol/deep/b.rego", "build/pol/c.rego", "conf/plugin.yaml"} {
		w.write(name, "x")
		w.seen(name)
		w.next(silence)
	}
	w.write("build/out.yaml", "x")
	w.write("build/out/app.yaml", "x")
	w.write("conf/other.yaml", "x")
	w.nothing()
	w.write("build/later/d.rego", "x")
	w.seen("build/later")
	w.next(silence)
	w.write("build/later/d.rego", "y")
	w.seen("build/later/d.rego")
}

// A file outside of the root may be replaced, go and come.
func TestOtherFiles(t *testing.T) {
	other := filepath.Join(t.TempDir(), "plugin.yaml")
	w := start(t, watch.Config{Root: t.TempDir(), More: []string{other}})
	put := func() {
		t.Helper()
		if err := os.WriteFile(other+".new", []byte("a: 1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(other+".new", other); err != nil {
			t.Fatal(err)
		}
	}
	name := strings.TrimPrefix(other, "/")
	put()
	w.seen(name)
	w.nothing()
	put()
	w.seen(name)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	w.seen(name)
	put()
	w.seen(name)
	w.nothing()
}
