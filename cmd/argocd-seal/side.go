package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare/report"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/revision"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// sideFinder tells revisions from directories.
type sideFinder struct {
	options    *diffOptions
	limits     source.Limits
	repository *revision.Repository
	root       string
}

// find reads what a word of the command line names. A directory is a revision's
// namesake often enough, so that a guess would sooner or later be wrong.
func (f *sideFinder) find(ctx context.Context, name string) (side, error) {
	_, noDirectory := realDirectory(name)
	if meansDirectory(name) {
		if noDirectory != nil {
			return side{}, noDirectory
		}
		return f.directory(ctx, name)
	}
	commit, err := f.commit(name)
	switch {
	case err == nil && noDirectory == nil:
		spelled := commit.Reference
		if spelled == "" {
			spelled = commit.Short()
		}
		return side{}, fault.New(fault.Parameter, "%q is a directory and a revision", fault.Clean(name, 80)).
			WithFix("write ./%s for the directory, or %s for the revision", name, spelled)
	case noDirectory == nil:
		return f.directory(ctx, name)
	case err == nil:
		return f.revision(ctx, commit)
	default:
		return side{}, unfound(name, err)
	}
}

// meansDirectory tells whether a word can be nothing but a directory.
func meansDirectory(name string) bool {
	return name == "." || name == ".." || filepath.IsAbs(name) || strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") ||
		strings.HasSuffix(name, "/")
}

// unfound says that a word is neither.
func unfound(name string, err error) error {
	found := fault.Of(err)[0]
	if !errors.Is(err, revision.ErrUnknown) {
		return found
	}
	if _, statErr := os.Stat(name); statErr == nil {
		return fault.New(fault.Path, "%s is a file", fault.Clean(name, 200)).WithFix("name revisions or directories")
	}
	said := *found
	said.Message += ", and there is no such directory"
	return &said
}

// commit looks for a revision in the repository, which is opened when it is first
// needed.
func (f *sideFinder) commit(name string) (revision.Commit, error) {
	if f.repository == nil {
		dir := f.options.root
		if dir == "" {
			dir = "."
		}
		real, err := realDirectory(dir)
		if err != nil {
			return revision.Commit{}, err
		}
		f.root = enclosingRepository(real)
		if f.repository, err = revision.Open(f.root); err != nil {
			return revision.Commit{}, err
		}
	}
	return f.repository.Resolve(name)
}

// here is the current directory as seen from the root of the repository.
func (f *sideFinder) here() (string, error) {
	dir, err := realDirectory(".")
	if err != nil {
		return "", err
	}
	relative, err := filepath.Rel(f.root, dir)
	if err != nil || !filepath.IsLocal(relative) {
		return ".", nil // with --root, paths are those below it
	}
	return filepath.ToSlash(relative), nil
}

func (f *sideFinder) directory(ctx context.Context, name string) (side, error) {
	job, err := f.options.job(ctx, name, f.limits)
	if err != nil {
		return side{}, within(name, err)
	}
	return side{end: report.End{Name: name}, job: job, dir: job.Path, isDir: true}, nil
}

// within says on which side something is wrong: a file has the same name on both.
func within(name string, err error) error {
	var faults fault.List
	for _, one := range fault.Of(err) {
		said := *one
		said.Message = fmt.Sprintf("%s (in %s)", said.Message, fault.Clean(name, 80))
		faults = append(faults, &said)
	}
	return faults
}

func (f *sideFinder) revision(ctx context.Context, commit revision.Commit) (side, error) {
	tree, err := f.repository.Tree(ctx, commit, f.limits)
	if err != nil {
		return side{}, within(commit.Name, err)
	}
	job, err := f.options.jobOf(tree, ".", filepath.Base(f.root))
	if err != nil {
		return side{}, err
	}
	if job.Identity.Revision == "" {
		job.Identity.Revision = commit.Hash
	}
	return side{end: report.End{Name: commit.Name, Commit: commit.Hash}, job: job, dir: "."}, nil
}
