package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// entry is one entry of an archive that a test makes.
type entry struct {
	name string
	kind byte // tar.TypeReg where it is 0
	// body is a file's content or a link's target.
	body string
	pax  map[string]string
}

func file(name, body string) entry   { return entry{name: name, body: body} }
func dir(name string) entry          { return entry{name: name, kind: tar.TypeDir} }
func link(name, target string) entry { return entry{name: name, kind: tar.TypeSymlink, body: target} }

// tarOf writes the entries as the repo-server does, without the gzip around.
func tarOf(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: 0o644, PAXRecords: e.pax}
		switch e.kind {
		case 0, tar.TypeReg:
			header.Typeflag, header.Size = tar.TypeReg, int64(len(e.body))
		case tar.TypeSymlink, tar.TypeLink:
			header.Linkname = e.body
		case tar.TypeXGlobalHeader:
			header = &tar.Header{Name: e.name, Typeflag: e.kind, PAXRecords: e.pax}
		}
		if err := w.WriteHeader(header); err != nil {
			tb.Fatalf("header of %q: %v", e.name, err)
		}
		if header.Size > 0 {
			if _, err := io.WriteString(w, e.body); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(tb testing.TB, data []byte) []byte { return packed(tb, data, gzip.BestSpeed) }

func packed(tb testing.TB, data []byte, level int) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func archiveOf(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	return gzipOf(tb, tarOf(tb, entries...))
}

// contents gives a tree as a map, for comparing.
func contents(t *Tree) map[string]string {
	all := map[string]string{}
	for _, name := range t.Files(".") {
		content, _ := t.File(name)
		all[name] = string(content)
	}
	return all
}

// wantFault fails unless reading gives a fault of that code and no tree, both
// when contents are kept and when they are not.
func wantFault(t *testing.T, archive []byte, limits Limits, code fault.Code) {
	t.Helper()
	for name, read := range map[string]func(io.Reader, Limits, ...Option) (*Tree, error){
		"ReadArchive": ReadArchive, "ScanNames": ScanNames,
	} {
		tree, err := read(bytes.NewReader(archive), limits)
		if tree != nil || fault.CodeOf(err) != code {
			t.Errorf("%s: tree %v, error %v; want no tree and %s", name, tree, err, code)
		}
	}
}

func TestReadArchive(t *testing.T) {
	archive := archiveOf(t,
		dir("."), dir("base"), file("base/deploy.yaml", "kind: Deployment"),
		file("./app/kustomization.yaml", "resources: [../base]"), dir("app/"), dir("empty/"),
		file("täglich ☕.yaml", "unicode"), file("ab:c.yaml", "colon"), file("none", ""),
	)
	tree, err := ReadArchive(bytes.NewReader(archive), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"base/deploy.yaml": "kind: Deployment", "app/kustomization.yaml": "resources: [../base]",
		"täglich ☕.yaml": "unicode", "ab:c.yaml": "colon", "none": "",
	}
	if diff := cmp.Diff(want, contents(tree)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{".", "app", "base", "empty"}, tree.Dirs(".")); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
}

// A chunk of the stream may end anywhere, also after each single byte.
func TestReadArchiveInSingleBytes(t *testing.T) {
	body := strings.Repeat("0123456789", 1000)
	archive := archiveOf(t, file("a", body), link("b", "a"))
	tree, err := ReadArchive(iotest.OneByteReader(bytes.NewReader(archive)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": body, "b": body}, contents(tree)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestScanNamesKeepsNoContent(t *testing.T) {
	archive := archiveOf(t, file("a/Chart.yaml", "name: a"), link("b", "a/Chart.yaml"), dir("c"))
	tree, err := ScanNames(bytes.NewReader(archive), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a/Chart.yaml": "", "b": ""}, contents(tree)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if !tree.HasDir("c") {
		t.Error("directory c is missing")
	}
}

func TestI4Types(t *testing.T) {
	for name, e := range map[string]entry{
		"hard link":         {name: "x", kind: tar.TypeLink, body: "ok"},
		"character device":  {name: "x", kind: tar.TypeChar},
		"block device":      {name: "x", kind: tar.TypeBlock},
		"pipe":              {name: "x", kind: tar.TypeFifo},
		"pax global header": {name: "pax_global_header", kind: tar.TypeXGlobalHeader, pax: map[string]string{"comment": "c0ffee"}},
		"attributes":        {name: "x", pax: map[string]string{"SCHILY.xattr.user.x": "y"}},
		"unknown record":    {name: "x", pax: map[string]string{"VENDOR.key": "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, archiveOf(t, file("ok", "ok"), e), Limits{}, fault.ArchiveType)
		})
	}
	for name, kind := range map[string]byte{"reserved": tar.TypeCont, "vendor": 'Z', "old sparse": tar.TypeGNUSparse} {
		t.Run(name, func(t *testing.T) {
			archive := tarOf(t, file("ok", "ok"), file("x", ""))
			at := bytes.Index(archive, []byte("x\x00"))
			archive[at+156] = kind
			if kind == tar.TypeGNUSparse {
				copy(archive[at+257:], "ustar  \x00")
				copy(archive[at+483:], fmt.Sprintf("%011o", 1<<32)) // logical size
			}
			wantFault(t, gzipOf(t, rename(t, archive, file("x", ""))), Limits{}, fault.ArchiveType)
		})
	}
}

// The logical size of a sparse file is free of cost for who sends it.
func TestI4SparseFileOfOneTebibyte(t *testing.T) {
	archive := tarOf(t, file("ok", "ok"), entry{name: "x", pax: map[string]string{"VENDOR.sparse.k": "1099511627776"}})
	// The tar package does not write this record, and both names are as long.
	archive = bytes.ReplaceAll(archive, []byte("VENDOR.sparse.k"), []byte("GNU.sparse.size"))
	wantFault(t, gzipOf(t, archive), Limits{}, fault.ArchiveType)
}

// pax records that every tar program may write are no reason to refuse a file.
func TestI4OrdinaryRecordsPass(t *testing.T) {
	long := strings.Repeat("n", 300)
	archive := archiveOf(t, file(long, "long"), link("l", long),
		entry{name: "c", body: "x", pax: map[string]string{"comment": "made by a test"}})
	tree, err := ReadArchive(bytes.NewReader(archive), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if content, _ := tree.File("l"); string(content) != "long" {
		t.Errorf("l holds %q", content)
	}
}

// 20,000 is the default; 100,000 empty entries are an archive of only 500 KB.
func TestI5ManyEmptyEntries(t *testing.T) {
	entries := make([]entry, 20_001)
	for i := range entries {
		entries[i] = file(fmt.Sprintf("f%06d", i), "")
	}
	if _, err := ReadArchive(bytes.NewReader(archiveOf(t, entries[1:]...)), Limits{}); err != nil {
		t.Errorf("20,000 entries: %v", err)
	}
	wantFault(t, archiveOf(t, entries...), Limits{}, fault.Limit)
}

func TestI6Duplicates(t *testing.T) {
	for name, entries := range map[string][]entry{
		"file twice":           {file("Chart.yaml", "name: a"), file("Chart.yaml", "name: b")},
		"file and ./file":      {file("a", ""), file("./a", "")},
		"directory twice":      {file("ok", ""), dir("a"), dir("a/")},
		"link twice":           {file("ok", ""), link("a", "ok"), link("a", "ok")},
		"link and file":        {file("ok", ""), link("a", "ok"), file("a", "")},
		"file and link":        {file("ok", ""), file("a", ""), link("a", "ok")},
		"link and directory":   {file("ok", ""), link("a", "ok"), dir("a")},
		"file and directory":   {file("a", ""), dir("a")},
		"directory and file":   {dir("a"), file("a", "")},
		"file, then below it":  {file("a", ""), file("a/b", "")},
		"below it, then file":  {file("a/b", ""), file("a", "")},
		"file, then far below": {file("a", ""), file("a/b/c/d", "")},
		"link below a file":    {file("a", ""), link("a/b", "../a")},
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, archiveOf(t, entries...), Limits{}, fault.ArchiveDup)
		})
	}
}

func TestI9GitIsDropped(t *testing.T) {
	big := strings.Repeat("p", 2000)
	tree, err := ReadArchive(bytes.NewReader(archiveOf(t,
		dir(".git"), file(".git/config", "url = https://user:pass@host"), file(".git/objects/pack", big),
		file("sub/.git", "gitdir: ../.git/modules/sub"), file("sub/a", "a"), file("x/.GIT/config", ""),
		link("x/.git/HEAD", "/outside"), file(".gitignore", "kept"), file("a.git", "kept"),
	)), Limits{FileBytes: 1000, Entries: 6})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"sub/a": "a", ".gitignore": "kept", "a.git": "kept"}
	if diff := cmp.Diff(want, contents(tree)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for _, dir := range []string{".git", "x"} {
		if tree.HasDir(dir) {
			t.Errorf("directory %s is there", dir)
		}
	}
}

// The order of entries depends on the file system of who sends them.
func TestO9OrderDoesNotMatter(t *testing.T) {
	entries := []entry{
		dir("a"), dir("a/b"), file("a/b/c", "1"), file("a/d", "2"), link("l", "a/b/c"), link("m", "l"), file("e", "3"),
	}
	want, err := ReadArchive(bytes.NewReader(archiveOf(t, entries...)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		rand.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		got, err := ReadArchive(bytes.NewReader(archiveOf(t, entries...)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(contents(want), contents(got)); diff != "" {
			t.Fatalf("files (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want.Dirs("."), got.Dirs(".")); diff != "" {
			t.Fatalf("directories (-want +got):\n%s", diff)
		}
	}
}
