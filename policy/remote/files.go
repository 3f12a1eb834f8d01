package remote

import (
	"io/fs"
	"strings"
	"sync"

	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// The bounds of one remote bundle. People write policies, so that a bundle
// beyond these is a mistake or an attack.
const (
	maxFiles     = 2000
	maxFileBytes = 4 << 20
	maxBytes     = 32 << 20
)

const tooLarge = "keep policies and data apart from other files"

// files collects what a bundle holds below its root. It is safe for concurrent
// use.
type files struct {
	root string

	mutex sync.Mutex
	byAt  map[string][]byte
	bytes int
}

func newFiles(root string) *files { return &files{root: root, byAt: map[string][]byte{}} }

// within returns the path below the root, and whether it is there and a file of
// the kinds that a bundle consists of.
func (f *files) within(at string) (below string, ok bool) {
	below = at
	if f.root != "" && f.root != "." {
		if below, ok = strings.CutPrefix(at, f.root+"/"); !ok {
			return "", false
		}
	}
	return below, bundle.Holds(below)
}

// check refuses names that leave the bundle and files beyond the bounds.
func (f *files) check(at string, size int64) error {
	if !fs.ValidPath(at) || strings.ContainsAny(at, "\\\x00") {
		return refuse("push the bundle from the directory that holds it", "the bundle has the file name %q, which leaves the bundle", at)
	}
	if size < 0 || size > maxFileBytes {
		return refuse(tooLarge, "the file %q is larger than %d bytes", at, maxFileBytes)
	}
	return nil
}

// add keeps a file at its path below the root.
func (f *files) add(below string, content []byte) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if _, twice := f.byAt[below]; twice {
		return refuse("push the bundle anew", "the bundle has the file %q twice", below)
	}
	if f.bytes += len(content); f.bytes > maxBytes || len(f.byAt) == maxFiles {
		return refuse(tooLarge, "the bundle has more than %d files or %d bytes", maxFiles, maxBytes)
	}
	f.byAt[below] = content
	return nil
}
