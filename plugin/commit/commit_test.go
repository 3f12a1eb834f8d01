package commit_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/commit"
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

// commit changes a file and returns the commit's name.
func (r *repository) commit(content, message string, more ...string) string {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "app.yaml"), []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.git("add", "-A")
	r.git(append([]string{"commit", "-q", "-m", message}, more...)...)
	return r.git("rev-parse", "HEAD")
}

// archive is the clone as a repo-server streams it.
func (r *repository) archive() io.Reader {
	r.t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	if err := writer.AddFS(os.DirFS(r.dir)); err != nil {
		r.t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		r.t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		r.t.Fatal(err)
	}
	return &out
}

func (r *repository) find(revision string) (commit.Commit, bool) {
	r.t.Helper()
	finder := commit.NewFinder(revision)
	tree, err := source.ReadArchive(r.archive(), source.Limits{}, source.WithGit(finder.See))
	if err != nil {
		r.t.Fatal(err)
	}
	if _, ok := tree.File("app.yaml"); !ok || tree.Len() != 1 {
		r.t.Errorf("the tree has %d files", tree.Len())
	}
	return finder.Commit()
}

func TestFind(t *testing.T) {
	r := newRepository(t)
	var names []string
	for i := range 40 {
		names = append(names, r.commit(fmt.Sprint("number: ", i), fmt.Sprintf("Change %d\n\nA body\nof two lines", i), "--author", fmt.Sprintf("Author %d <a%d@example.com>", i, i)))
	}
	expect := func(how string) {
		t.Helper()
		for i, name := range names {
			want := commit.Commit{Author: fmt.Sprintf("Author %d <a%d@example.com>", i, i), Subject: fmt.Sprintf("Change %d", i)}
			if got, ok := r.find(name); !ok || got != want {
				t.Errorf("%s: commit %d is %+v, found %t", how, i, got, ok)
			}
		}
	}
	expect("loose")
	// Without a window no object is a difference from another.
	r.git("-c", "pack.window=0", "repack", "-adfq")
	expect("packed")
	// Offsets beyond 2 GiB have 8 bytes; git can be asked for them earlier.
	r.git("-c", "pack.window=0", "repack", "-adfq")
	packs, err := filepath.Glob(filepath.Join(r.dir, ".git/objects/pack/*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatal(packs, err)
	}
	if err := os.Remove(strings.TrimSuffix(packs[0], "pack") + "idx"); err != nil {
		t.Fatal(err)
	}
	r.git("index-pack", "--index-version=2,0x100", packs[0])
	expect("packed with large offsets")
	if got, ok := r.find(strings.Repeat("0", 40)); ok {
		t.Errorf("a commit that is not there is %+v", got)
	}
}

// What git packs by itself, with differences: commits are found or not, and
// never another one.
func TestFindInOrdinaryPack(t *testing.T) {
	r := newRepository(t)
	var names []string
	for i := range 60 {
		names = append(names, r.commit(strings.Repeat("line\n", i), fmt.Sprintf("Change %d %s", i, strings.Repeat("the same words again ", 20))))
	}
	r.git("gc", "-q", "--aggressive")
	found := 0
	for i, name := range names {
		got, ok := r.find(name)
		if ok && !strings.HasPrefix(got.Subject, fmt.Sprintf("Change %d ", i)) {
			t.Errorf("commit %d is %+v", i, got)
		}
		if ok {
			found++
		}
	}
	t.Logf("%d of %d commits were found", found, len(names))
	if _, ok := r.find(names[len(names)-1]); !ok {
		t.Error("the newest commit is not found: git stores it whole")
	}
}

func TestOddCommits(t *testing.T) {
	r := newRepository(t)
	empty := r.commit("a: 1", "", "--allow-empty-message")
	if got, ok := r.find(empty); !ok || got.Subject != "" || got.Author != "Grace Hopper <grace@example.com>" {
		t.Errorf("a commit without a message is %+v, %t", got, ok)
	}
	long := r.commit("a: 2", strings.Repeat("much ", 20_000))
	if got, ok := r.find(long); ok {
		t.Errorf("a commit of 100 KB is found: %.100s", got.Subject)
	}
	signed := r.commit("a: 3", "Trailing\rcontrol\x1b[2J")
	if got, ok := r.find(signed); !ok || !strings.HasPrefix(got.Subject, "Trailing") {
		t.Errorf("a commit with control characters is %+v, %t", got, ok)
	}
	for _, revision := range []string{"", "main", "streamed", strings.Repeat("g", 40), strings.Repeat("a", 64)} {
		if commit.NewFinder(revision) != nil {
			t.Errorf("%q is taken for a commit", revision)
		}
	}
}

// Somebody who writes the object of another commit under a commit's name does
// not speak for it.
func TestAnotherCommitUnderTheName(t *testing.T) {
	r := newRepository(t)
	first := r.commit("a: 1", "First")
	second := r.commit("a: 2", "Second")
	path := func(name string) string { return filepath.Join(r.dir, ".git/objects", name[:2], name[2:]) }
	content, err := os.ReadFile(path(first))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path(second)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path(second), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, ok := r.find(second); ok {
		t.Errorf("the second commit is said to be %+v", got)
	}
}

func FuzzSee(f *testing.F) {
	hash := strings.Repeat("ab", 20)
	header := "\xfftOc\x00\x00\x00\x02"
	counts := strings.Repeat("\x00\x00\x00\x00", 0xab) + strings.Repeat("\x00\x00\x00\x01", 256-0xab)
	index := header + counts + strings.Repeat("\xab", 20) + "\x00\x00\x00\x00" + "\x00\x00\x00\x0c"
	f.Add([]byte(index), []byte("PACK\x00\x00\x00\x02\x00\x00\x00\x01\x90\x01x\x9c"))
	f.Add([]byte(index[:len(index)-4]+"\x80\x00\x00\x00"+"\x00\x00\x00\x00\x00\x00\x00\x0c"), []byte("PACK"))
	f.Add([]byte(index[:len(index)-4]+"\x80\x00\x00\x00"+"\xff\xff\xff\xff\xff\xff\xff\xff"), []byte(""))
	f.Add([]byte(header+strings.Repeat("\xff", 1024)), []byte(""))
	f.Fuzz(func(t *testing.T, index, pack []byte) {
		finder := commit.NewFinder(hash)
		finder.See(".git/objects/pack/pack-1.idx", bytes.NewReader(index))
		finder.See(".git/objects/pack/pack-1.pack", bytes.NewReader(pack))
		finder.See(".git/objects/ab/"+hash[2:], bytes.NewReader(pack))
		if got, ok := finder.Commit(); ok {
			t.Errorf("found %+v", got)
		}
	})
}
