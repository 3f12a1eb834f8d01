package carry

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
)

// checkWorkTree refuses to write where Git could not take it back by itself: a
// work tree with changes that are not committed, and files that Git does not
// know. A directory that is no work tree has nobody to ask.
func checkWorkTree(plan *migrate.Plan, root string) error {
	if len(plan.Changes) == 0 {
		return nil
	}
	repository, err := git.PlainOpenWithOptions(root, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil
	}
	if err != nil {
		return unknown()
	}
	tree, err := repository.Worktree()
	if err != nil {
		return unknown()
	}
	status, err := tree.Status()
	if err != nil {
		return unknown()
	}
	changing, err := inWorkTree(plan, root, tree.Filesystem.Root())
	if err != nil {
		return unknown()
	}
	var dirty []string
	for name, state := range status {
		untracked := state.Worktree == git.Untracked && state.Staging == git.Untracked
		clean := state.Worktree == git.Unmodified && state.Staging == git.Unmodified
		if !clean && (!untracked || changing[name]) {
			dirty = append(dirty, name)
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	slices.Sort(dirty)
	const shown = 5
	more := ""
	if len(dirty) > shown {
		more = " and others"
	}
	return fault.New(fault.Path, "the Git work tree has changes that are not committed: %s%s", strings.Join(dirty[:min(shown, len(dirty))], ", "), more).
		WithFix("commit or stash them, or write all the same with --force")
}

// inWorkTree returns the names of the files to change as Git knows them.
func inWorkTree(plan *migrate.Plan, root, top string) (map[string]bool, error) {
	names := map[string]bool{}
	for _, change := range plan.Changes {
		absolute, err := filepath.Abs(filepath.Join(root, filepath.FromSlash(change.File)))
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(top, absolute)
		if err != nil {
			return nil, err
		}
		names[filepath.ToSlash(name)] = true
	}
	return names, nil
}

func unknown() *fault.Error {
	return fault.New(fault.Path, "the state of the Git work tree cannot be read").WithFix("write all the same with --force")
}
