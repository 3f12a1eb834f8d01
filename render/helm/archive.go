package helm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The bounds of all chart archives of one render together. Helm counts each
// archive by itself, so that a few hundred kilobytes unpack to gigabytes.
const (
	maxUnpackedBytes = 100 << 20
	maxUnpackedFiles = 20_000
	maxArchiveDepth  = 4
)

// archiveBudget is what may still be unpacked.
type archiveBudget struct {
	// stream bounds what gzip inflates to, content what the files hold: a
	// sparse file holds more than its archive.
	stream  int64
	content int64
	files   int
}

func newArchiveBudget() archiveBudget {
	return archiveBudget{stream: maxUnpackedBytes, content: maxUnpackedBytes, files: maxUnpackedFiles}
}

// errBudget ends the reading of an archive that unpacks to too much.
var errBudget = errors.New("the archive unpacks to too much")

// unpack returns the files of a chart archive, with names below the directory
// that every chart archive begins with. Depth counts the archives around the
// files, this one included.
func (b *archiveBudget) unpack(archive entry, depth int) ([]entry, error) {
	if depth > maxArchiveDepth {
		return nil, fault.New(fault.Limit, "archives are packed more than %d deep", maxArchiveDepth).In(archive.source, 0)
	}
	inflated, err := gzip.NewReader(bytes.NewReader(archive.data))
	if err != nil {
		return nil, fault.New(fault.Chart, "the file is not a chart archive").In(archive.source, 0).
			WithFix("run helm dependency update and commit charts/ again; a Git LFS pointer is not an archive either")
	}
	files := tar.NewReader(&budgetReader{from: inflated, left: &b.stream})
	var entries []entry
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, archiveFault(err, archive.source)
		}
		if header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeGNUSparse {
			continue
		}
		e, err := b.unpackFile(files, header, archive.source)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, fault.New(fault.Chart, "the chart archive is empty").In(archive.source, 0)
	}
	return entries, nil
}

func (b *archiveBudget) unpackFile(content io.Reader, header *tar.Header, archive string) (entry, error) {
	name, ok := nameInChart(header.Name)
	if !ok {
		return entry{}, fault.New(fault.Chart, "the archive has a file outside of the chart: %q", fault.Clean(header.Name, 128)).In(archive, 0)
	}
	if b.files--; b.files < 0 {
		return entry{}, fault.New(fault.Limit, "chart archives hold more than %d files", maxUnpackedFiles).In(archive, 0)
	}
	if header.Size > maxFileBytes {
		return entry{}, fault.New(fault.Limit, "%s has %d bytes, Helm takes at most %d",
			fault.Clean(name, 128), header.Size, maxFileBytes).In(archive, 0)
	}
	if b.content -= header.Size; b.content < 0 {
		return entry{}, archiveFault(errBudget, archive)
	}
	data, err := io.ReadAll(content)
	if err != nil {
		return entry{}, archiveFault(err, archive)
	}
	return entry{name: name, source: path.Join(archive, name), data: bytes.TrimPrefix(data, utf8BOM)}, nil
}

var drivePath = regexp.MustCompile(`^[a-zA-Z]:`)

// nameInChart takes the archive's top directory off a name, by Helm's rules:
// archives made on Windows may use backslashes.
func nameInChart(name string) (string, bool) {
	name = strings.ReplaceAll(name, `\`, "/")
	_, below, found := strings.Cut(name, "/")
	if !found || below == "" || strings.HasPrefix(below, "/") || drivePath.MatchString(below) {
		return "", false
	}
	below = path.Clean(below)
	return below, below != "." && fs.ValidPath(below)
}

func archiveFault(err error, archive string) *fault.Error {
	if errors.Is(err, errBudget) {
		return fault.New(fault.Limit, "chart archives unpack to more than %d MiB in total", maxUnpackedBytes>>20).In(archive, 0)
	}
	return fault.New(fault.Chart, "the chart archive is damaged").In(archive, 0).
		WithFix("run helm dependency update and commit charts/ again")
}

// budgetReader fails once a budget that several readers share is spent.
type budgetReader struct {
	from io.Reader
	left *int64
}

func (r *budgetReader) Read(p []byte) (int, error) {
	if *r.left <= 0 {
		return 0, errBudget
	}
	n, err := r.from.Read(p[:min(int64(len(p)), *r.left)])
	*r.left -= int64(n)
	return n, err
}
