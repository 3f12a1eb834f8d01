package kustomize

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// mount is where kustomize sees the source. The name is unlikely to stand in
// anybody's file, so that it can be taken out of kustomize's messages.
const mount = "/.argocd-seal-source"

// files is the file system that kustomize reads: the source, bounded by the
// root of the request, with edited and generated files laid over it. The source
// itself is neither copied nor changed.
//
// Kustomize builds with CleanedAbs and ReadFile alone. The methods that write,
// or that walk, fail: a build that needed them would not be the build that the
// survey has looked at.
type files struct {
	tree *source.Tree
	root string
	over map[string][]byte
	dirs map[string]bool
}

var _ filesys.FileSystem = (*files)(nil)

func newFiles(tree *source.Tree, root string) *files {
	return &files{tree: tree, root: path.Clean(root), over: map[string][]byte{}, dirs: map[string]bool{}}
}

// write lays a file over the source, with the directories above it.
func (f *files) write(name string, data []byte) {
	f.over[name] = data
	for dir := path.Dir(name); dir != "." && !f.dirs[dir]; dir = path.Dir(dir) {
		f.dirs[dir] = true
	}
}

// file returns the content of a file below the root.
func (f *files) file(name string) ([]byte, bool) {
	if data, ok := f.over[name]; ok {
		return data, true
	}
	if !source.Within(f.root, name) {
		return nil, false
	}
	return f.tree.File(name)
}

// generated tells whether a file is not from the source, or is edited.
func (f *files) generated(name string) bool {
	_, ok := f.over[name]
	return ok
}

// hasDir tells whether name is a directory at or below the root.
func (f *files) hasDir(name string) bool {
	return source.Within(f.root, name) && (f.tree.HasDir(name) || f.dirs[name])
}

// resolve returns ref as seen from dir, and false where it leaves the root.
func (f *files) resolve(dir, ref string) (string, bool) {
	name, ok := source.Join(dir, ref)
	return name, ok && source.Within(f.root, name)
}

// absolute is the path under which kustomize sees a file or directory.
func absolute(name string) string { return path.Join(mount, name) }

// relative is the reverse of absolute.
func relative(abs string) (string, bool) {
	if abs = path.Clean(abs); abs == mount {
		return ".", true
	}
	return strings.CutPrefix(abs, mount+"/")
}

// CleanedAbs implements [filesys.FileSystem].
func (f *files) CleanedAbs(abs string) (filesys.ConfirmedDir, string, error) {
	name, ok := relative(abs)
	if !ok {
		return "", "", notExist("lookup", abs)
	}
	if f.hasDir(name) {
		return filesys.ConfirmedDir(absolute(name)), "", nil
	}
	if _, ok := f.file(name); ok {
		return filesys.ConfirmedDir(absolute(path.Dir(name))), path.Base(name), nil
	}
	return "", "", notExist("lookup", abs)
}

// ReadFile implements [filesys.FileSystem]. It returns a copy, because
// kustomize may change what it has read.
func (f *files) ReadFile(abs string) ([]byte, error) {
	name, ok := relative(abs)
	if ok {
		if data, ok := f.file(name); ok {
			return append([]byte(nil), data...), nil
		}
	}
	return nil, notExist("read", abs)
}

// IsDir implements [filesys.FileSystem].
func (f *files) IsDir(abs string) bool {
	name, ok := relative(abs)
	return ok && f.hasDir(name)
}

// Exists implements [filesys.FileSystem].
func (f *files) Exists(abs string) bool {
	_, _, err := f.CleanedAbs(abs)
	return err == nil
}

// Create fails: nothing writes during a build.
func (f *files) Create(string) (filesys.File, error) { return nil, errors.ErrUnsupported }

// Mkdir fails: nothing writes during a build.
func (f *files) Mkdir(string) error { return errors.ErrUnsupported }

// MkdirAll fails: nothing writes during a build.
func (f *files) MkdirAll(string) error { return errors.ErrUnsupported }

// RemoveAll fails: nothing writes during a build.
func (f *files) RemoveAll(string) error { return errors.ErrUnsupported }

// WriteFile fails: nothing writes during a build.
func (f *files) WriteFile(string, []byte) error { return errors.ErrUnsupported }

// Open fails: a build reads whole files.
func (f *files) Open(string) (filesys.File, error) { return nil, errors.ErrUnsupported }

// ReadDir fails: a build knows the names of what it reads.
func (f *files) ReadDir(string) ([]string, error) { return nil, errors.ErrUnsupported }

// Glob fails: a build knows the names of what it reads.
func (f *files) Glob(string) ([]string, error) { return nil, errors.ErrUnsupported }

// Walk fails: a build knows the names of what it reads.
func (f *files) Walk(string, filepath.WalkFunc) error { return errors.ErrUnsupported }

func notExist(op, abs string) error {
	return &fs.PathError{Op: op, Path: abs, Err: fs.ErrNotExist}
}
