// Package revision reads commits of a Git repository on disk into memory: no
// program called git is needed, and nothing is checked out or written.
package revision

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Repository is a clone on disk. It is not safe for concurrent use.
type Repository struct {
	dir    string
	opened *git.Repository
}

// Commit is a commit that somebody named.
type Commit struct {
	// Name is what was asked for, such as main or HEAD~1.
	Name string
	// Hash is the commit's name, 40 hexadecimal digits.
	Hash string
	// Reference is the full name where a branch or a tag was asked for, such as
	// refs/heads/main; empty otherwise.
	Reference string
	commit    *object.Commit
}

// Short is the commit's name as people write it.
func (c Commit) Short() string { return c.Hash[:min(len(c.Hash), 10)] }

// Open opens the clone whose .git lies in dir, a linked work tree too. E_PATH
// says that there is none, or that it cannot be read.
func Open(dir string) (*Repository, error) {
	r := &Repository{dir: dir}
	err := fenced(func() (err error) {
		r.opened, err = opened(dir)
		return err
	})
	switch {
	case errors.Is(err, git.ErrRepositoryNotExists):
		return nil, fault.New(fault.Path, "there is no Git repository at or above %s", fault.Clean(dir, 200)).
			WithFix("run it inside of a clone, or compare directories")
	case err != nil:
		return nil, fault.New(fault.Path, "the Git repository in %s cannot be read: %s", fault.Clean(dir, 200), fault.Clean(err.Error(), 200))
	}
	return r, nil
}

// opened opens a clone with the objects that it borrows from others, which lie
// anywhere on the disk.
func opened(dir string) (*git.Repository, error) {
	plain, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return nil, err
	}
	storage, ok := plain.Storer.(*filesystem.Storage)
	if !ok {
		return plain, nil
	}
	return git.Open(filesystem.NewStorageWithOptions(storage.Filesystem(), cache.NewObjectLRUDefault(),
		filesystem.Options{AlternatesFS: osfs.New("/")}), nil)
}

// Resolve finds the commit that a revision means: a branch, a tag, a commit or
// the start of its name, HEAD, and what Git writes behind one, such as ~1. A
// branch of the remote origin is found without its prefix, too. Where there is
// none the error is [ErrUnknown] in a fault that says what was looked for.
func (r *Repository) Resolve(name string) (Commit, error) {
	// A colon would name a file of the commit, which the library passes over.
	if strings.HasPrefix(name, "-") || strings.Contains(name, ":") || name == "" {
		return Commit{}, unknown(name)
	}
	var hash *plumbing.Hash
	err := fenced(func() (err error) {
		hash, err = r.opened.ResolveRevision(plumbing.Revision(name))
		return err
	})
	if err != nil || hash == nil {
		return Commit{}, r.missing(name)
	}
	found := Commit{Name: name, Hash: hash.String(), Reference: r.reference(name)}
	err = fenced(func() (err error) {
		found.commit, err = r.opened.CommitObject(*hash)
		return err
	})
	if err != nil {
		return Commit{}, r.missing(name)
	}
	return found, nil
}

// reference returns the full name of a branch or tag.
func (r *Repository) reference(name string) string {
	for _, rule := range []string{"refs/heads/%s", "refs/tags/%s", "refs/remotes/%s"} {
		full := plumbing.ReferenceName(fmt.Sprintf(rule, name))
		found := false
		_ = fenced(func() error {
			_, err := r.opened.Reference(full, true)
			found = err == nil
			return err
		})
		if found {
			return full.String()
		}
	}
	return ""
}

// ErrUnknown is the error of a revision that a repository does not have. It is
// found with errors.Is in what [Repository.Resolve] returns.
var ErrUnknown = errors.New("no such revision")

// unknownFault is a fault that is [ErrUnknown] too.
type unknownFault struct{ at *fault.Error }

func (u unknownFault) Error() string        { return u.at.Error() }
func (u unknownFault) Unwrap() error        { return u.at }
func (u unknownFault) Is(target error) bool { return target == ErrUnknown }

func unknown(name string) error {
	return unknownFault{fault.New(fault.Path, "the repository has no revision %q", fault.Clean(name, 80)).
		WithFix("name a branch, a tag, a commit, or one before it as HEAD~1; git fetch brings what a clone lacks")}
}

// missing tells a clone that was cut short from a name that is wrong: pipelines
// fetch one commit alone unless they are asked for more.
func (r *Repository) missing(name string) error {
	shallow := false
	_ = fenced(func() error {
		cut, err := r.opened.Storer.Shallow()
		shallow = err == nil && len(cut) > 0
		return err
	})
	if !shallow {
		return unknown(name)
	}
	return unknownFault{fault.New(fault.Path, "the repository has no revision %q, and its history was cut short when it was cloned", fault.Clean(name, 80)).
		WithFix("fetch the revision or the whole history: git fetch --unshallow; actions/checkout takes fetch-depth: 0, GitLab the variable GIT_DEPTH: 0")}
}

// fenced keeps a repository that is not what Git writes from ending the process:
// the library panics on some.
func fenced(read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errDamaged
		}
	}()
	return read()
}

var errDamaged = errors.New("it is damaged")
