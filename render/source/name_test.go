package source

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestI2Names(t *testing.T) {
	deep := strings.Repeat("d/", 32)
	for name, tc := range map[string]entry{
		"parent":              file("../x", ""),
		"absolute":            file("/x", ""),
		"climbs out":          file("a/../../x", ""),
		"climbs inside":       file("a/../b", ""),
		"empty part":          file("a//b", ""),
		"dot part":            file("a/./b", ""),
		"two leading dots":    file("././a", ""),
		"backslash":           file(`a\..\x`, ""),
		"drive":               file("C:/x", ""),
		"drive without slash": file("c:x", ""),
		"file with slash":     {name: "a/", kind: tar.TypeReg},
		"file named dot":      file(".", ""),
		"link named dot":      link(".", "a"),
		"directory slashes":   dir("a//"),
		"root slash":          dir("/"),
		"invalid UTF-8":       file("a\xff", ""),
		"1025 bytes":          file(strings.Repeat("a", 1025), ""),
		"33 parts":            file(deep+"f", ""),
		"newline":             file("a\nb", ""),
		"escape":              file("a\x1b[2Jb", ""),
		"C1 control":          file("a\u0085b", ""),
		"dot dot":             dir(".."),
	} {
		t.Run(name, func(t *testing.T) {
			archive := tarOf(t, file("ok", "ok"), entry{name: "x", kind: tc.kind, body: tc.body})
			wantFault(t, gzipOf(t, rename(t, archive, tc)), Limits{}, fault.ArchivePath)
		})
	}
	for name, tc := range map[string]entry{
		"leading dot slash": file("./a/b", ""),
		"directory slash":   dir("a/"),
		"root":              dir("./"),
		"32 parts":          file(strings.TrimPrefix(deep, "d/")+"f", ""),
		"1024 bytes":        file(strings.Repeat("a", 1024), ""),
		"dots in names":     file("a/..b/...", ""),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadArchive(bytes.NewReader(archiveOf(t, file("ok", "ok"), tc)), Limits{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// rename gives the entry "x" of an archive the name that the tar writer would
// clean, by rewriting its header; longer names go through a pax record.
func rename(t *testing.T, archive []byte, e entry) []byte {
	t.Helper()
	if len(e.name) > 100 {
		return tarOf(t, file("ok", "ok"), e)
	}
	for at := 0; at+512 <= len(archive); at += 512 {
		header := archive[at : at+512]
		if !bytes.HasPrefix(header, []byte("x\x00")) && !bytes.HasPrefix(header, []byte("x/\x00")) {
			continue
		}
		clear(header[:100])
		copy(header, e.name)
		copy(header[148:156], "        ")
		sum := 0
		for _, b := range header {
			sum += int(b)
		}
		copy(header[148:156], fmt.Sprintf("%06o\x00 ", sum))
		return archive
	}
	t.Fatal("the archive has no entry to rename")
	return nil
}
