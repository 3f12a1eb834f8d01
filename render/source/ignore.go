package source

import (
	"strings"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing/format/gitignore"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Skip tells which files and directories of a local tree are left out; names
// are slash-separated and below the root.
type Skip func(name string, isDir bool) bool

// GitIgnored skips what the .gitignore files below root name, since the
// repo-server streams a clone and a laptop's directory also holds what was
// built in it. Whatever lies at, below or above keep is read all the same: it
// is what somebody asked to render.
func GitIgnored(root, keep string) (Skip, error) {
	patterns, err := gitignore.ReadPatterns(osfs.New(root), nil)
	if err != nil {
		return nil, fault.New(fault.Path, "the .gitignore files cannot be read")
	}
	matcher := gitignore.NewMatcher(patterns)
	return func(name string, isDir bool) bool {
		kept := keep == "." || name == keep || strings.HasPrefix(name, keep+"/") || strings.HasPrefix(keep, name+"/")
		return !kept && matcher.Match(strings.Split(name, "/"), isDir)
	}, nil
}
