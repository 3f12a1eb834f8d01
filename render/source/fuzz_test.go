package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// seeds are archives, good and bad, of every rule.
func seeds(tb testing.TB) [][]byte {
	tb.Helper()
	plain := tarOf(tb, file("a", "b"))
	all := [][]byte{nil, plain, plain[:512], plain[:600], append(bytes.Clone(plain), 'x'), make([]byte, 1024), examples(tb)}
	for _, entries := range [][]entry{
		{}, {dir(".")}, {dir("a")}, {file("a", ""), dir("b"), file("b/c", "content")},
		{file("a", "x"), link("b", "a"), link("c/d", "../b")},
		{link("a", "b"), link("b", "a")}, {link("a", "../x")}, {link("a", "/x")}, {dir("d"), link("d/up", ".."), link("d/up/e", "../s")},
		{link("a", "a")}, {link("a", ".")}, {link("a", "")}, {link("a", "b"), dir("b")}, {link("d", "e"), file("d/x", "")}, {link("a/b/c", "../../../x")}, {link("a", "b/../../x")},
		{file("../x", "")}, {file("a/../b", "")}, {file("a//b", "")}, {file(`a\b`, "")}, {file("a\nb", "")},
		{file("a", ""), file("a", "")}, {file("a", ""), file("a/b", "")}, {file("a/b", ""), file("a", "")}, {dir("a"), dir("a/")}, {file("Chart.yaml", "1"), file("./Chart.yaml", "2")},
		{file(".git/config", "url"), file("a", "")}, {file(strings.Repeat("n", 300), "pax")}, {file("ä", "pax")},
		{{name: "x", kind: tar.TypeLink, body: "a"}}, {{name: "x", kind: tar.TypeFifo}}, {{name: "x", kind: tar.TypeChar}}, {{name: "x", kind: tar.TypeBlock}},
		{{name: "g", kind: tar.TypeXGlobalHeader, pax: map[string]string{"comment": "c"}}},
		{{name: "x", pax: map[string]string{"VENDOR.k": "v"}}}, {{name: "x", body: "y", pax: map[string]string{"comment": "../x"}}},
		{file("zeros", strings.Repeat("\x00", 4096))},
	} {
		all = append(all, tarOf(tb, entries...))
	}
	for _, name := range corpus.Paths() {
		if len(name) > 100 {
			all = append(all, tarOf(tb, file(name, "x")))
			continue
		}
		// The library would not write all of these.
		named, linked := tarOf(tb, file("x", "x")), tarOf(tb, link("x", "x"), file("a", "x"))
		copy(named, name+"\x00")
		copy(linked[157:], name+"\x00")
		all = append(all, signed(named), signed(linked))
	}
	// Headers that lie: a size, a sparse map, a path from an extended header.
	for _, lie := range []struct{ from, to string }{
		{"00000000001\x00", "77777777777\x00"}, {"00000000001\x00", "-0000000001\x00"}, {"00000000001\x00", "\x80\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff"}, {"00000000001\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
	} {
		all = append(all, signed(bytes.Replace(plain, []byte(lie.from), []byte(lie.to), 1)))
	}
	long := tarOf(tb, file(strings.Repeat("n", 300), "pax"))
	for _, record := range []string{"path=../", "path=/", "path=\x00", "linkpath=../", "size=1", "size=-", "hdrcharset=BINARY", "GNU.sparse.major=1", "GNU.sparse.name=../"} {
		all = append(all, bytes.Replace(long, []byte("path="+strings.Repeat("n", len(record)-5)), []byte(record), 1))
	}
	// Inside of gzip, where the target looks too.
	packed := gzipOf(tb, plain)
	return append(all, packed, append(bytes.Clone(packed), packed...), append(bytes.Clone(packed), "tail"...), packed[:len(packed)-4], packed[:12], gzipOf(tb, packed))
}

// examples is a real repository: an example, with its folders.
func examples(tb testing.TB) []byte {
	tb.Helper()
	tree, err := ReadDirectory(tb.Context(), filepath.Join(corpus.Root(tb), "examples", "kustomize-app"), Limits{}, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return tarOf(tb, entriesOf(tree)...)
}

// entriesOf gives a tree as entries in the order of their names.
func entriesOf(tree *Tree) []entry {
	var entries []entry
	for _, name := range tree.Dirs(".") {
		entries = append(entries, dir(name))
	}
	for _, name := range tree.Files(".") {
		content, _ := tree.File(name)
		entries = append(entries, file(name, string(content)))
	}
	return entries
}

// signed corrects the checksum of an archive's first header.
func signed(archive []byte) []byte {
	copy(archive[148:156], "        ")
	sum := 0
	for _, b := range archive[:512] {
		sum += int(b)
	}
	copy(archive[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return archive
}

// FuzzReadArchive is given what is inside the gzip stream, since compressed
// bytes cannot be varied usefully, and the same as the stream itself. Whatever
// comes, the answer is a sound tree or a fault and no tree; names alone give the
// same answer; and a tree that is packed again is read as the same.
func FuzzReadArchive(f *testing.F) {
	corpus.Add(f, seeds(f)...)
	limits := Limits{ExpandedBytes: 1 << 20, FileBytes: 1 << 18, Entries: 500}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, archive := range [][]byte{packed(t, data, gzip.NoCompression), data} {
			tree, err := ReadArchive(bytes.NewReader(archive), limits)
			names, namesErr := ScanNames(bytes.NewReader(archive), limits)
			if (err == nil) != (namesErr == nil) || fault.CodeOf(err) != fault.CodeOf(namesErr) {
				t.Fatalf("contents: %v, names only: %v", err, namesErr)
			}
			if err != nil {
				checkFault(t, tree, err)
				continue
			}
			checkTree(t, tree, limits)
			checkEntries(t, archive, tree)
			if !slices.Equal(names.Files("."), tree.Files(".")) || !slices.Equal(names.Dirs("."), tree.Dirs(".")) {
				t.Fatalf("names only: %q, %q", names.Files("."), names.Dirs("."))
			}
			again, err := ReadArchive(bytes.NewReader(archiveOf(t, entriesOf(tree)...)), Limits{})
			if err != nil || !maps.Equal(contents(again), contents(tree)) || !slices.Equal(again.Dirs("."), tree.Dirs(".")) {
				t.Fatalf("packed again: %v", err)
			}
		}
	})
}

// checkFault fails where an error has another code than ReadArchive promises,
// comes with a tree, or has a text that does not fit into a status.
func checkFault(t *testing.T, tree *Tree, err error) {
	t.Helper()
	for _, one := range fault.Of(err) {
		if !slices.Contains([]fault.Code{fault.Stream, fault.Limit, fault.ArchivePath, fault.ArchiveLink, fault.ArchiveType, fault.ArchiveDup}, one.Code) || one.Fix == "" {
			t.Errorf("the fault %v", one)
		}
	}
	if text := err.Error(); tree != nil || len(text) > fault.MaxText || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\r\x1b") {
		t.Errorf("tree %v, fault %q", tree, text)
	}
}

// checkEntries reads an archive that was accepted in the plainest way: each entry
// is of a kind that a checkout has, stands once, and a file has its content.
func checkEntries(t *testing.T, archive []byte, tree *Tree) {
	t.Helper()
	expanded, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for entries := tar.NewReader(expanded); ; {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		name := path.Clean(header.Name)
		if seen[name] && !inGit(name) || !slices.Contains([]byte{tar.TypeReg, tar.TypeDir, tar.TypeSymlink}, header.Typeflag) {
			t.Errorf("the entry %q of type %q, again: %v", header.Name, header.Typeflag, seen[name])
		}
		seen[name] = true
		if header.Typeflag != tar.TypeReg || inGit(name) {
			continue
		}
		want, err := io.ReadAll(entries)
		if got, ok := tree.File(name); err != nil || !ok || !bytes.Equal(got, want) {
			t.Errorf("the file %q has %d bytes of %d: %v", name, len(got), len(want), err)
		}
	}
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
