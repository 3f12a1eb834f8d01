// Package source holds the files of one request in memory: what the
// repo-server streamed, or what a laptop's directory holds. Nothing of a source
// is ever written to disk.
package source

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Tree is a set of regular files by their slash-separated path below the root,
// without a leading "./". Directories exist because files lie in them, or
// because they were added with [Tree.AddDir]. Symbolic links have been resolved
// to the content of the file they point at.
//
// A Tree is built by one goroutine and read by many afterwards. Callers must
// not change the content that [Tree.File] returns.
type Tree struct {
	files map[string][]byte
	dirs  map[string]bool
}

// NewTree returns an empty tree.
func NewTree() *Tree {
	return &Tree{files: map[string][]byte{}, dirs: map[string]bool{".": true}}
}

// Add stores a file and the directories above it. The name must satisfy
// [fs.ValidPath]; the caller has checked limits and conflicts.
func (t *Tree) Add(name string, content []byte) {
	t.files[name] = content
	t.AddDir(path.Dir(name))
}

// AddDir stores a directory, empty or not, and those above it.
func (t *Tree) AddDir(name string) {
	for dir := name; !t.dirs[dir]; dir = path.Dir(dir) {
		t.dirs[dir] = true
	}
}

// File returns a file's content and whether there is such a file.
func (t *Tree) File(name string) ([]byte, bool) {
	content, ok := t.files[name]
	return content, ok
}

// HasDir tells whether name is a directory of the tree; "." always is.
func (t *Tree) HasDir(name string) bool { return t.dirs[name] }

// Len returns the number of files.
func (t *Tree) Len() int { return len(t.files) }

// Files returns the sorted names of all files at or below dir.
func (t *Tree) Files(dir string) []string {
	var names []string
	for name := range t.files {
		if dir == "." || strings.HasPrefix(name, dir+"/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Dirs returns the sorted names of dir and all directories below it.
func (t *Tree) Dirs(dir string) []string {
	var names []string
	for name := range t.dirs {
		if dir == "." || name == dir || strings.HasPrefix(name, dir+"/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Join returns ref as seen from dir as a clean path below the root, and false
// where it would leave the root or is absolute.
func Join(dir, ref string) (string, bool) {
	if ref == "" || strings.HasPrefix(ref, "/") {
		return "", false
	}
	name := path.Join(dir, ref)
	return name, fs.ValidPath(name)
}
