package source

import (
	"io/fs"
	"path"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// follow returns the file that a symbolic link leads to, over other links where
// need be.
//
// Targets are joined by their text alone. A file system would resolve each
// directory on the way first, but gives the same answer: no directory of a tree
// is a link, because a link to a directory and an entry below a link are both
// refused.
func (in *intake) follow(link string) (string, *fault.Error) {
	name := link
	for range in.limits.LinkHops {
		target := in.links[name]
		if target == "" || strings.HasPrefix(target, "/") || strings.ContainsFunc(target, unprintable) {
			return "", badLink(link, "a symbolic link's target is not a plain relative path")
		}
		name = path.Join(path.Dir(name), target)
		if !fs.ValidPath(name) {
			return "", badLink(link, "a symbolic link leads out of the repository")
		}
		if _, ok := in.tree.File(name); ok {
			return name, nil
		}
		if in.tree.HasDir(name) {
			return "", badLink(link, "a symbolic link leads to a directory")
		}
		if _, ok := in.links[name]; !ok {
			return "", badLink(link, "a symbolic link leads to nothing")
		}
	}
	return "", badLink(link, "a symbolic link leads over more than %d links, or in a circle", in.limits.LinkHops)
}

func badLink(name, format string, args ...any) *fault.Error {
	return fault.New(fault.ArchiveLink, format, args...).In(name, 0).WithFix(
		"let it point to a regular file inside the repository, or put the file in its place")
}
