package revision

import (
	"context"
	"errors"
	"io"
	"iter"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// Tree reads all files of a commit, under the limits that hold for a source.
// Files are as the commit has them: a pointer of Git LFS stays a pointer, and a
// submodule is an empty directory. Errors are faults.
func (r *Repository) Tree(ctx context.Context, commit Commit, limits source.Limits) (*source.Tree, error) {
	var tree *source.Tree
	err := fenced(func() error {
		root, err := r.opened.TreeObject(commit.commit.TreeHash)
		if err != nil {
			return err
		}
		tree, err = source.ReadEntries(ctx, r.entries(root), limits)
		return err
	})
	var known *fault.Error
	var list fault.List
	if err == nil || errors.As(err, &list) || errors.As(err, &known) {
		return tree, err
	}
	return nil, incomplete(commit, err)
}

// incomplete is where an object is missing, as in a clone that leaves files out
// until they are needed.
func incomplete(commit Commit, err error) error {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return fault.New(fault.Path, "the clone does not hold all files of %s", fault.Clean(commit.Name, 80)).
			WithFix("fetch them: git fetch --refetch --no-filter, or clone without --filter")
	}
	return fault.New(fault.Path, "the commit %s cannot be read: %s", commit.Short(), fault.Clean(err.Error(), 200))
}

// entries walks a commit's directories. It ends where the reader refuses a name,
// which grows with each step down, and leaves out what the reader would drop
// uncounted: few objects can stand for directories without number.
func (r *Repository) entries(root *object.Tree) iter.Seq2[source.Entry, error] {
	return func(yield func(source.Entry, error) bool) { r.walk(root, "", yield) }
}

func (r *Repository) walk(tree *object.Tree, above string, yield func(source.Entry, error) bool) bool {
	for _, found := range tree.Entries {
		if strings.EqualFold(found.Name, ".git") {
			continue
		}
		name := path.Join(above, found.Name)
		if path.Base(name) != found.Name {
			return yield(source.Entry{}, fault.New(fault.ArchivePath, "a commit holds the name %q", fault.Clean(found.Name, 80)))
		}
		switch found.Mode {
		case filemode.Dir:
			below, err := r.opened.TreeObject(found.Hash)
			if err != nil {
				return yield(source.Entry{}, err)
			}
			if !yield(source.Entry{Name: name, Dir: true}, nil) || !r.walk(below, name, yield) {
				return false
			}
		case filemode.Submodule:
			if !yield(source.Entry{Name: name, Dir: true}, nil) {
				return false
			}
		default:
			if !yield(r.blob(name, found)) {
				return false
			}
		}
	}
	return true
}

func (r *Repository) blob(name string, found object.TreeEntry) (source.Entry, error) {
	size, err := r.opened.Storer.EncodedObjectSize(found.Hash)
	if err != nil {
		// The library does not look for sizes in what a clone borrows.
		blob, err := r.opened.BlobObject(found.Hash)
		if err != nil {
			return source.Entry{}, err
		}
		size = blob.Size
	}
	return source.Entry{
		Name: name, Link: found.Mode == filemode.Symlink, Size: size,
		Open: func() (io.ReadCloser, error) {
			blob, err := r.opened.BlobObject(found.Hash)
			if err != nil {
				return nil, err
			}
			return blob.Reader()
		},
	}, nil
}
