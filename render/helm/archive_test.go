package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// member is one entry of a chart archive under test.
type member struct {
	name string
	data []byte
	kind byte
}

func pack(t *testing.T, members ...member) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for _, m := range members {
		header := &tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.data)), Typeflag: tar.TypeReg}
		if m.kind != 0 {
			header.Typeflag, header.Linkname = m.kind, "/etc/passwd"
		}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func chartYAML(name string) []byte { return []byte("name: " + name + "\nversion: 1.0.0\n") }

// withArchives is a chart with archives in charts/.
func withArchives(archives map[string][]byte) *source.Tree {
	tree := treeOf(plainChart)
	for name, content := range archives {
		tree.Add("app/charts/"+name, content)
	}
	return tree
}

func TestPackedSubcharts(t *testing.T) {
	inner := pack(t, member{name: "leaf/Chart.yaml", data: chartYAML("leaf")},
		member{name: "leaf/templates/c.yaml", data: []byte("kind: Leaf\nfrom: {{ .Template.Name }}\n")})
	outer := pack(t, member{name: "sub/", kind: tar.TypeDir},
		member{name: "sub/Chart.yaml", data: append([]byte("\xef\xbb\xbf"), chartYAML("sub")...)},
		member{name: `sub\templates\c.yaml`, data: []byte("kind: Sub\nfile: {{ .Files.Get \"etc/passwd\" | quote }}\n")},
		member{name: "sub/etc/passwd", kind: tar.TypeSymlink},
		member{name: "sub/charts/leaf-1.0.0.tgz", data: inner})
	tree := withArchives(map[string][]byte{"sub-1.0.0.tgz": outer, "sub-1.0.0.tgz.prov": []byte("signed")})
	manifests, _, err := Template(tree, ".", Options{Dir: "app", ReleaseName: "web"})
	if err != nil {
		t.Fatal(err)
	}
	want := "---\n# Source: app/charts/sub-1.0.0.tgz/charts/leaf-1.0.0.tgz/templates/c.yaml\nkind: Leaf\nfrom: app/charts/sub/charts/leaf/templates/c.yaml\n" +
		"---\n# Source: app/charts/sub-1.0.0.tgz/templates/c.yaml\nkind: Sub\nfile: \"\"\n"
	if diff := cmp.Diff(want, string(Stream(manifests))); diff != "" {
		t.Errorf("wrong manifests (-want +got):\n%s", diff)
	}
}

// TestH4ArchivesShareOneBudget: Helm counts each archive by itself, at any
// depth, so that a small repository unpacks to gigabytes.
func TestH4ArchivesShareOneBudget(t *testing.T) {
	zeros := make([]byte, 4<<20)
	var big []member
	for i := range 20 {
		big = append(big, member{name: fmt.Sprintf("sub/files/%d", i), data: zeros})
	}
	eighty := pack(t, append(big, member{name: "sub/Chart.yaml", data: chartYAML("sub")})...)
	many := map[string][]byte{}
	for i := range 60 {
		many[fmt.Sprintf("s%02d.tgz", i)] = eighty
	}
	var tiny []member
	for i := range maxUnpackedFiles + 1 {
		tiny = append(tiny, member{name: fmt.Sprintf("sub/%d", i)})
	}
	nested := pack(t, member{name: "sub/Chart.yaml", data: chartYAML("sub")})
	for range 50 {
		nested = pack(t, member{name: "sub/Chart.yaml", data: chartYAML("sub")}, member{name: "sub/charts/sub.tgz", data: nested})
	}
	tests := map[string]map[string][]byte{
		"many archives":   many,
		"nested archives": {"sub.tgz": nested},
		"many files":      {"sub.tgz": pack(t, tiny...)},
		"one large file": {"sub.tgz": pack(t, member{name: "sub/Chart.yaml", data: chartYAML("sub")},
			member{name: "sub/big", data: make([]byte, maxFileBytes+1)})},
	}
	for name, archives := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := Template(withArchives(archives), ".", Options{Dir: "app", ReleaseName: "web"})
			if fault.CodeOf(err) != fault.Limit {
				t.Errorf("got %v, want %s", err, fault.Limit)
			}
		})
	}
}

// TestSparseFilesSpendTheBudget: a sparse file holds what its archive does not.
func TestSparseFilesSpendTheBudget(t *testing.T) {
	budget := newArchiveBudget()
	header := &tar.Header{Name: "sub/hole", Size: maxFileBytes, Typeflag: tar.TypeGNUSparse}
	for i := 0; ; i++ {
		if _, err := budget.unpackFile(bytes.NewReader(nil), header, "a.tgz"); err != nil {
			if fault.CodeOf(err) != fault.Limit || i != maxUnpackedBytes/maxFileBytes {
				t.Errorf("file %d: %v, want %s", i, err, fault.Limit)
			}
			return
		}
	}
}

func TestBadArchives(t *testing.T) {
	good := pack(t, member{name: "sub/Chart.yaml", data: chartYAML("sub")})
	tests := map[string][]byte{
		"not gzip":              []byte("version https://git-lfs.github.com/spec/v1\n"),
		"cut short":             good[:len(good)/2],
		"empty":                 pack(t),
		"climbs":                pack(t, member{name: "sub/../../x", data: []byte("x")}),
		"climbs by backslashes": pack(t, member{name: `sub\..\..\x`, data: []byte("x")}),
		"absolute":              pack(t, member{name: "sub//etc/passwd", data: []byte("x")}),
		"drive":                 pack(t, member{name: `sub\c:\x`, data: []byte("x")}),
		"no top directory":      pack(t, member{name: "Chart.yaml", data: chartYAML("sub")}),
		"no Chart.yaml":         pack(t, member{name: "sub/values.yaml"}),
	}
	for name, content := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := Template(withArchives(map[string][]byte{"sub.tgz": content}), ".", Options{Dir: "app", ReleaseName: "web"})
			if list := fault.Of(err); len(list) != 1 || list[0].Code != fault.Chart || !inside("app/charts/sub.tgz", list[0].File) {
				t.Errorf("got %v, want one %s in the archive", err, fault.Chart)
			}
		})
	}
}
