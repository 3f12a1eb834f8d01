package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// write makes a directory from file contents by their path; a content that
// starts with "-> " makes a symbolic link.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		at := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		target, isLink := strings.CutPrefix(content, "-> ")
		var err error
		if isLink {
			err = os.Symlink(target, at)
		} else {
			err = os.WriteFile(at, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestReadDirectory(t *testing.T) {
	root := write(t, map[string]string{
		"app/kustomization.yaml": "resources: [../base]", "base/a.yaml": "a",
		"app/linked.yaml": "-> ../base/a.yaml", ".git/config": "url", "sub/.git": "gitdir: x",
		".hidden": "kept", ".git/out": "-> /etc/passwd",
	})
	if err := os.Mkdir(filepath.Join(root, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := ReadDirectory(t.Context(), root, Limits{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"app/kustomization.yaml": "resources: [../base]", "base/a.yaml": "a", "app/linked.yaml": "a", ".hidden": "kept",
	}
	if diff := cmp.Diff(want, contents(tree)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{".", "app", "base", "empty", "sub"}, tree.Dirs(".")); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
}

// A laptop refuses what the sidecar refuses, with the same code.
func TestReadDirectoryRefuses(t *testing.T) {
	outside := write(t, map[string]string{"secret": "s"})
	for name, tc := range map[string]struct {
		files  map[string]string
		limits Limits
		code   fault.Code
	}{
		"link out":          {map[string]string{"a": "-> ../x"}, Limits{}, fault.ArchiveLink},
		"absolute link":     {map[string]string{"a": "-> " + outside + "/secret"}, Limits{}, fault.ArchiveLink},
		"link to directory": {map[string]string{"d/f": "", "a": "-> d"}, Limits{}, fault.ArchiveLink},
		"link to nothing":   {map[string]string{"a": "-> gone"}, Limits{}, fault.ArchiveLink},
		"link in a circle":  {map[string]string{"a": "-> b", "b": "-> a"}, Limits{}, fault.ArchiveLink},
		"control character": {map[string]string{"a\nb": ""}, Limits{}, fault.ArchivePath},
		"large file":        {map[string]string{"a": "12345"}, Limits{FileBytes: 4}, fault.Limit},
		"many bytes":        {map[string]string{"a": "123", "b": "123"}, Limits{ExpandedBytes: 5}, fault.Limit},
		"many files":        {map[string]string{"a": "", "b": "", "c": ""}, Limits{Entries: 3}, fault.Limit},
		"many parts":        {map[string]string{"a/b/c": ""}, Limits{Segments: 2}, fault.ArchivePath},
	} {
		t.Run(name, func(t *testing.T) {
			tree, err := ReadDirectory(t.Context(), write(t, tc.files), tc.limits, nil)
			if tree != nil || fault.CodeOf(err) != tc.code {
				t.Errorf("tree %v, error %v; want no tree and %s", tree, err, tc.code)
			}
		})
	}
}

func TestReadDirectoryThatIsNone(t *testing.T) {
	root := write(t, map[string]string{"file": ""})
	for _, name := range []string{"missing", "file"} {
		_, err := ReadDirectory(t.Context(), filepath.Join(root, name), Limits{}, nil)
		if fault.CodeOf(err) != fault.Path || strings.Contains(err.Error(), root) {
			t.Errorf("%s: %v, want E_PATH without the absolute path", name, err)
		}
	}
}

func TestReadDirectoryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadDirectory(ctx, write(t, map[string]string{"a": ""}), Limits{}, nil); fault.CodeOf(err) != fault.Canceled {
		t.Errorf("%v, want E_CANCELED", err)
	}
}
