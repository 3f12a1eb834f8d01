package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// seeds are archives, good and bad, of every rule.
func seeds(tb testing.TB) [][]byte {
	plain := tarOf(tb, file("a", "b"))
	all := [][]byte{nil, plain, plain[:512], plain[:600], append(bytes.Clone(plain), 'x'), make([]byte, 1024)}
	for _, entries := range [][]entry{
		{}, {dir(".")}, {dir("a")}, {file("a", ""), dir("b"), file("b/c", "content")},
		{file("a", "x"), link("b", "a"), link("c/d", "../b")},
		{link("a", "b"), link("b", "a")}, {link("a", "../x")}, {link("a", "/x")}, {dir("d"), link("d/up", ".."), link("d/up/e", "../s")},
		{file("../x", "")}, {file("a/../b", "")}, {file("a//b", "")}, {file(`a\b`, "")}, {file("a\nb", "")},
		{file("a", ""), file("a", "")}, {file("a", ""), file("a/b", "")},
		{file(".git/config", "url"), file("a", "")}, {file(strings.Repeat("n", 300), "pax")}, {file("ä", "pax")},
		{{name: "x", kind: tar.TypeLink, body: "a"}}, {{name: "x", kind: tar.TypeFifo}},
		{{name: "g", kind: tar.TypeXGlobalHeader, pax: map[string]string{"comment": "c"}}},
		{{name: "x", pax: map[string]string{"VENDOR.k": "v"}}},
		{file("zeros", strings.Repeat("\x00", 4096))},
	} {
		all = append(all, tarOf(tb, entries...))
	}
	return all
}

// FuzzReadArchive is given what is inside the gzip stream, since compressed
// bytes cannot be varied usefully. Whatever comes, the answer is a sound tree or
// a fault, and names alone give the same answer.
func FuzzReadArchive(f *testing.F) {
	all := seeds(f)
	if len(all) < 20 {
		f.Fatalf("%d seeds", len(all))
	}
	for _, seed := range all {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		archive := packed(t, data, gzip.NoCompression)
		limits := Limits{ExpandedBytes: 1 << 20, FileBytes: 1 << 18, Entries: 500}
		tree, err := ReadArchive(bytes.NewReader(archive), limits)
		names, namesErr := ScanNames(bytes.NewReader(archive), limits)
		if (err == nil) != (namesErr == nil) || fault.CodeOf(err) != fault.CodeOf(namesErr) {
			t.Fatalf("contents: %v, names only: %v", err, namesErr)
		}
		if err != nil {
			if code := fault.CodeOf(err); code == fault.Internal {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		checkTree(t, tree, limits)
		if names.Len() != tree.Len() {
			t.Fatalf("%d names, %d files", names.Len(), tree.Len())
		}
	})
}

// checkTree fails where a tree holds a name that no reader may rely on.
func checkTree(t *testing.T, tree *Tree, limits Limits) {
	t.Helper()
	var size int64
	for _, name := range tree.Files(".") {
		content, _ := tree.File(name)
		size += int64(len(content))
		if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00\n") || inGit(name) {
			t.Fatalf("name %q", name)
		}
		if tree.HasDir(name) {
			t.Fatalf("%q is a file and a directory", name)
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if !tree.HasDir(dir) {
				t.Fatalf("%q has no directory %q", name, dir)
			}
		}
	}
	if size > limits.ExpandedBytes {
		t.Fatalf("%d bytes", size)
	}
}
