package source

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestI3Links(t *testing.T) {
	tree, err := ReadArchive(bytes.NewReader(archiveOf(t,
		link("before", "dir/file"), // stands before its target
		dir("dir"), file("dir/file", "content"),
		link("dir/up", "../dir/./file"), link("dir/chain", "up"), link("dir/sub/deep", "../chain"),
	)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"before", "dir/up", "dir/chain", "dir/sub/deep"} {
		if content, _ := tree.File(name); string(content) != "content" {
			t.Errorf("%s holds %q", name, content)
		}
	}

	chain := func(hops int) []entry {
		entries := []entry{file("0", "end")}
		for i := range hops {
			entries = append(entries, link(fmt.Sprint(i+1), fmt.Sprint(i)))
		}
		return entries
	}
	if _, err := ReadArchive(bytes.NewReader(archiveOf(t, chain(8)...)), Limits{}); err != nil {
		t.Errorf("8 hops: %v", err)
	}
	for name, entries := range map[string][]entry{
		"out":                     {link("a", "../s")},
		"out and in again":        {link("a", "../repo/ok")},
		"climbing chain":          {dir("d"), link("d/up", ".."), link("d/up/e", "../s")},
		"climbing chain reversed": {link("d/up/e", "../s"), link("d/up", ".."), dir("d")},
		"file below a link":       {link("l", "ok"), file("l/x", "")},
		"link over a directory":   {file("l/x", ""), link("l", "ok")},
		"circle of two":           {link("a", "b"), link("b", "a")},
		"circle of one":           {link("a", "a")},
		"to a directory":          {dir("d"), link("a", "d")},
		"to an implied directory": {file("d/f", ""), link("a", "d")},
		"through a directory":     {file("d/f", ""), link("e", "d"), link("a", "e/f")},
		"to the root":             {link("a", ".")},
		"to nothing":              {link("a", "missing")},
		"absolute":                {link("a", "/etc/passwd")},
		"absolute inside":         {link("a", "/ok")},
		"control character":       {link("a", "o\nk")},
		"backslash":               {link("a", `..\s`)},
		"into git":                {file(".git/config", "url"), link("a", ".git/config")},
		"9 hops":                  chain(9),
	} {
		t.Run(name, func(t *testing.T) {
			wantFault(t, archiveOf(t, append([]entry{file("ok", "ok")}, entries...)...), Limits{}, fault.ArchiveLink)
		})
	}
}

// An empty target cannot be written by the tar package, but can be sent.
func TestI3EmptyTarget(t *testing.T) {
	archive := tarOf(t, file("ok", "ok"), link("x", "y"))
	target := bytes.Index(archive, append([]byte("y"), make([]byte, 99)...))
	archive[target] = 0
	wantFault(t, gzipOf(t, rename(t, archive, link("x", ""))), Limits{}, fault.ArchiveLink)
}

func TestI3AllBadLinksAreReported(t *testing.T) {
	_, err := ReadArchive(bytes.NewReader(archiveOf(t, file("ok", ""), link("b", "gone"), link("a/c", "/x"))), Limits{})
	var got []string
	for _, f := range fault.Of(err) {
		got = append(got, f.File+": "+f.Message)
	}
	want := []string{
		"a/c: a symbolic link's target is not a plain relative path",
		"b: a symbolic link leads to nothing",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}
