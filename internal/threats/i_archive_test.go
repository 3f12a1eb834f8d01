package threats

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// configMap is a manifest that any application may have.
const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps}\ndata: {a: b}\n"

// entry writes one file into an archive.
func entry(t testing.TB, writer *tar.Writer, header tar.Header, content string) {
	t.Helper()
	if header.Mode == 0 {
		header.Mode = 0o644
	}
	if header.Typeflag == 0 {
		header.Typeflag = tar.TypeReg
	}
	header.Size = int64(len(content))
	must(t, writer.WriteHeader(&header))
	_, err := io.WriteString(writer, content)
	must(t, err)
}

// memory is the most that the process itself has had, in bytes.
func (s *sidecar) memory(t testing.TB) int64 {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	must(t, err)
	for line := range strings.Lines(string(content)) {
		var kilobytes int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	t.Fatal("the kernel does not say how much memory there was")
	return 0
}

// zeros is an archive of one file that is mostly nothing.
func zeros(t testing.TB, size int64) []byte {
	t.Helper()
	return archive(t, func(writer *tar.Writer) {
		must(t, writer.WriteHeader(&tar.Header{Name: "app/zeros", Mode: 0o644, Size: size, Typeflag: tar.TypeReg}))
		_, err := io.CopyN(writer, nothing{}, size)
		must(t, err)
	})
}

type nothing struct{}

func (nothing) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestI1ArchivesThatExpandAreStopped(t *testing.T) {
	row(t)
	s := start(t, settings{})
	bomb := zeros(t, 1<<30)
	s.refused(t, s.send(t, bomb, "app", identity()), "E_LIMIT")
	// A header that claims less than there is.
	lie := bytes.Replace(gunzip(t, zeros(t, 64<<20)), []byte("00400000000\x00"), []byte("00000000012\x00"), 1)
	s.refused(t, s.send(t, zip(t, lie), "app", identity()), "E_STREAM", "E_LIMIT", "E_ARCHIVE_TYPE")
	// The size that the metadata claims counts for nothing.
	packed := pack(t, files{"app/c.yaml": configMap})
	whole := s.send(t, packed, "app", identity())
	s.rendered(t, whole)
	tiny := s.chunks(t, packed, 1)
	if s.rendered(t, tiny) != whole.text() {
		t.Error("chunks of one byte give something else")
	}
	if most := s.memory(t); most > 350<<20 {
		t.Errorf("the process had %d MiB", most>>20)
	}
}

func gunzip(t testing.TB, packed []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	must(t, err)
	content, err := io.ReadAll(reader)
	must(t, err)
	return content
}

func zip(t testing.TB, content []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err := writer.Write(content)
	must(t, err)
	must(t, writer.Close())
	return packed.Bytes()
}

func TestI2NamesThatLeaveTheArchive(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, name := range []string{
		"../x", "/x", "a/../../x", "a/../b", "a//b", "a/./b", `a\..\x`, "C:/x", "app/\xff", strings.Repeat("n", 1025),
		strings.Repeat("d/", 33) + "f", "app/a\nb",
	} {
		packed := archive(t, func(writer *tar.Writer) {
			entry(t, writer, tar.Header{Name: "app/c.yaml"}, configMap)
			entry(t, writer, tar.Header{Name: name, Format: tar.FormatGNU}, "x")
		})
		if a := s.send(t, packed, "app", identity()); a.code() != "E_ARCHIVE_PATH" {
			t.Errorf("%.40q gives %.200q", name, a.text())
		}
	}
	s.unharmed(t)
	s.rendered(t, s.send(t, archive(t, func(writer *tar.Writer) {
		entry(t, writer, tar.Header{Name: "./app/", Typeflag: tar.TypeDir, Mode: 0o755}, "")
		entry(t, writer, tar.Header{Name: "./app/c.yaml"}, configMap)
	}), "app", identity()))
}

func TestI3LinksThatLeaveTheArchive(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for name, content := range map[string]files{
		"a chain that climbs":  {"app/c.yaml": configMap, "d/up": link + "..", "d/up/e": link + "../s"},
		"a circle":             {"app/c.yaml": configMap, "app/a": link + "b", "app/b": link + "a"},
		"to a directory":       {"app/c.yaml": configMap, "other/f": "x", "app/d": link + "../other"},
		"absolute":             {"app/c.yaml": configMap, "app/token": link + "/var/run/secrets/kubernetes.io/serviceaccount/token"},
		"to itself":            {"app/c.yaml": configMap, "app/d": link + "."},
		"above the repository": {"app/c.yaml": configMap, "app/d": link + "../../etc/passwd"},
		"to nothing":           {"app/c.yaml": configMap, "app/d": link + "missing.yaml"},
	} {
		if a := s.ask(t, content); a.code() != "E_ARCHIVE_LINK" {
			t.Errorf("%s gives %.200q", name, a.text())
		}
	}
	s.unharmed(t)
	want := s.rendered(t, s.ask(t, files{"app/c.yaml": configMap}))
	if got := s.rendered(t, s.ask(t, files{"app/c.yaml": link + "../shared/c.yaml", "shared/c.yaml": configMap})); got != want {
		t.Errorf("a good link gives %s", got)
	}
}

func TestI4OnlyFilesDirectoriesAndLinks(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for name, kind := range map[string]byte{
		"hard link": tar.TypeLink, "character device": tar.TypeChar, "block device": tar.TypeBlock, "pipe": tar.TypeFifo,
		"contiguous": tar.TypeCont,
	} {
		packed := archive(t, func(writer *tar.Writer) {
			entry(t, writer, tar.Header{Name: "app/c.yaml"}, configMap)
			must(t, writer.WriteHeader(&tar.Header{Name: "app/x", Typeflag: kind, Linkname: "app/c.yaml", Mode: 0o644}))
		})
		if a := s.send(t, packed, "app", identity()); a.code() != "E_ARCHIVE_TYPE" {
			t.Errorf("a %s gives %.200q", name, a.text())
		}
	}
	records := archive(t, func(writer *tar.Writer) {
		must(t, writer.WriteHeader(&tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "pax", PAXRecords: map[string]string{"comment": "x"}}))
		entry(t, writer, tar.Header{Name: "app/c.yaml"}, configMap)
	})
	s.refused(t, s.send(t, records, "app", identity()), "E_ARCHIVE_TYPE")
	// A sparse file, as GNU tar writes it, of a tebibyte with nothing in it.
	sparse := archive(t, func(writer *tar.Writer) {
		must(t, writer.WriteHeader(&tar.Header{Name: "app/c.yaml", Typeflag: tar.TypeReg, Mode: 0o644, Format: tar.FormatPAX,
			PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}}))
	})
	s.refused(t, s.send(t, sparse, "app", identity()), "E_ARCHIVE_TYPE")
	a := s.send(t, gnuSparse(t), "app", identity())
	s.refused(t, a, "E_ARCHIVE_TYPE", "E_STREAM", "E_LIMIT")
}

// gnuSparse is a file of the old GNU format whose real size is a tebibyte.
func gnuSparse(t testing.TB) []byte {
	t.Helper()
	raw := gunzip(t, archive(t, func(writer *tar.Writer) {
		entry(t, writer, tar.Header{Name: "app/c.yaml", Format: tar.FormatGNU}, configMap)
	}))
	raw[156] = 'S'
	copy(raw[386:], "00000000000\x0000000000000\x00")
	copy(raw[483:], "\x80\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00")
	copy(raw[148:], "        ")
	sum := 0
	for _, b := range raw[:512] {
		sum += int(b)
	}
	copy(raw[148:], fmt.Sprintf("%06o\x00 ", sum))
	return zip(t, raw)
}

func TestI5ManyEntries(t *testing.T) {
	row(t)
	s := start(t, settings{})
	many := archive(t, func(writer *tar.Writer) {
		for i := range 100_000 {
			entry(t, writer, tar.Header{Name: fmt.Sprintf("app/%d", i)}, "")
		}
	})
	s.refused(t, s.send(t, many, "app", identity()), "E_LIMIT")
	long := archive(t, func(writer *tar.Writer) {
		for i := range 6000 {
			entry(t, writer, tar.Header{Name: fmt.Sprintf("app/%s/%d", strings.Repeat("d", 900), i)}, "")
		}
	})
	s.refused(t, s.send(t, long, "app", identity()), "E_LIMIT")
}

func TestI6NamesThatComeTwice(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for what, names := range map[string][]string{
		"twice": {"app/c.yaml", "app/c.yaml"}, "a file, then below it": {"app/c.yaml", "app/c.yaml/d"}, "below it, then a file": {"app/c.yaml/d", "app/c.yaml"},
		"twice by two spellings": {"app/c.yaml", "./app/c.yaml"},
	} {
		packed := archive(t, func(writer *tar.Writer) {
			for _, name := range names {
				entry(t, writer, tar.Header{Name: name}, configMap)
			}
		})
		if a := s.send(t, packed, "app", identity()); a.code() != "E_ARCHIVE_DUP" {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	s.unharmed(t)
}

func TestI7StreamsThatAreNotOneArchive(t *testing.T) {
	row(t)
	s := start(t, settings{})
	good := pack(t, files{"app/c.yaml": configMap})
	hidden := pack(t, files{"app/d.yaml": configMap})
	for what, packed := range map[string][]byte{
		"two members":           slices.Concat(good, hidden),
		"bytes behind it":       slices.Concat(good, []byte("garbage")),
		"cut":                   good[:len(good)/2],
		"not compressed":        gunzip(t, good),
		"another archive in it": zip(t, slices.Concat(gunzip(t, good), gunzip(t, hidden))),
		"nothing":               {},
		"no files":              archive(t, func(*tar.Writer) {}),
	} {
		if a := s.send(t, packed, "app", identity()); a.code() != "E_STREAM" {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	s.unharmed(t)
	s.brokenStreams(t, good)
	s.unharmed(t)
}

func TestI8PathsThatAreNotADirectory(t *testing.T) {
	row(t)
	s := start(t, settings{})
	packed := pack(t, files{"app/c.yaml": configMap, "application/d.yaml": configMap, "c.yaml": configMap})
	for _, path := range []string{"../x", "/", "a/../..", "", "missing", "app/c.yaml", "app/", "./app", "appl", "app\x00", "app/.."} {
		if a := s.send(t, packed, path, identity()); a.code() != "E_PATH" {
			t.Errorf("%q gives %.200q", path, a.text())
		}
	}
	s.unharmed(t)
	s.rendered(t, s.send(t, packed, ".", identity()))
}

func TestI9GitDirectoryIsNotThere(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, name := range []string{".git/config", "app/.git/config", "app/sub/.GIT/config"} {
		file := strings.TrimPrefix(name, "app/")
		if file == name {
			file = "../" + name
		}
		a := s.ask(t, files{
			name: "[remote]\nurl = https://user:" + s.forbidden + "@git.example.com\n", "app/c.yaml": configMap,
			"app/kustomization.yaml": "resources: [c.yaml]\nconfigMapGenerator: [{name: leak, files: ['" + file + "']}]\n",
		})
		s.refused(t, a, "E_PATH", "E_REMOTE_REF")
	}
	s.rendered(t, s.ask(t, files{".git/config": "x", "app/.git/HEAD": "ref", "app/c.yaml": configMap}))
}

func TestI10SlowStreamsLeaveRoomForOthers(t *testing.T) {
	row(t)
	s := start(t, settings{})
	open := s.idle(t, 200)
	began := time.Now()
	s.unharmed(t)
	took := time.Since(began)
	t.Logf("with 200 idle streams of another project a request took %s", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("a request took %s beside idle streams", took)
	}
	for _, err := range open() {
		if err == nil {
			t.Error("an idle stream was answered")
		}
	}
	s.unharmed(t)
}

func TestI11NothingElseIsServed(t *testing.T) {
	row(t)
	s := start(t, settings{})
	if got, want := s.services(t), []string{"grpc.health.v1.Health", "plugin.ConfigManagementPluginService"}; !slices.Equal(got, want) {
		t.Errorf("the socket serves %v", got)
	}
}
