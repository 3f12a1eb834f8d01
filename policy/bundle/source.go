package bundle

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Limits of what is read for one bundle. Policies are written by people, so a
// bundle beyond these is a mistake, such as a mount of the wrong directory.
const (
	maxFiles      = 5000
	maxFileBytes  = 4 << 20
	maxTotalBytes = 64 << 20
)

// Source is a place that policies or data come from.
type Source struct {
	// Name is put before the names of the files in messages; it may be empty.
	Name string
	FS   fs.FS
	// Files are further files, which are in memory already: content by path.
	Files map[string][]byte
}

// Dir returns the directory at path as a source.
func Dir(path string) Source { return Source{Name: path, FS: os.DirFS(path)} }

// The extensions of the files that a bundle consists of.
var (
	PolicyFiles = []string{".rego"}
	DataFiles   = []string{".yaml", ".yml", ".json"}
)

// Holds reports whether a file is of a kind that a bundle consists of.
func Holds(at string) bool {
	return slices.Contains(PolicyFiles, path.Ext(at)) || slices.Contains(DataFiles, path.Ext(at))
}

// File is one file of a source, read whole.
type File struct {
	// Name is for people: the source's name and the path in it.
	Name string
	// Path is below the source's root.
	Path string
	Body []byte
}

// Read returns the files of the sources whose extension is one of those given,
// sorted by name. Directories and files whose name starts with ".." are passed
// over: Kubernetes keeps the versions of a mounted ConfigMap in them and links
// each file to the current one, so it would be read twice.
func Read(sources []Source, extensions ...string) ([]File, error) {
	var files []File
	total := 0
	for _, source := range sources {
		for _, at := range slices.Sorted(maps.Keys(source.Files)) {
			if slices.Contains(extensions, path.Ext(at)) {
				files = append(files, File{Name: path.Join(source.Name, at), Path: at, Body: source.Files[at]})
			}
		}
		if source.FS == nil {
			continue
		}
		err := fs.WalkDir(source.FS, ".", func(at string, entry fs.DirEntry, err error) error {
			shown := path.Join(source.Name, at)
			if err != nil {
				return fault.New(fault.PolicyLoad, "the directory cannot be read: %s", cause(err)).In(shown, 0)
			}
			if strings.HasPrefix(entry.Name(), "..") {
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if entry.IsDir() || !slices.Contains(extensions, path.Ext(at)) {
				return nil
			}
			body, err := readFile(source.FS, at)
			if err != nil {
				return fault.New(fault.PolicyLoad, "the file cannot be read: %s", cause(err)).In(shown, 0)
			}
			if total += len(body); total > maxTotalBytes || len(files) == maxFiles {
				return fault.New(fault.PolicyLoad, "the bundle has more than %d files or %d bytes", maxFiles, maxTotalBytes).In(shown, 0)
			}
			files = append(files, File{Name: shown, Path: at, Body: body})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return files, nil
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxFileBytes {
		return nil, fault.New(fault.PolicyLoad, "it is larger than %d bytes", maxFileBytes)
	}
	return body, nil
}

// cause returns the part of a file error that says why, without the path that
// the fault names already.
func cause(err error) string {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err.Error()
	}
	var located *fault.Error
	if errors.As(err, &located) {
		return located.Message
	}
	return err.Error()
}
