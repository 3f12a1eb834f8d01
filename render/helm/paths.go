package helm

import (
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// resolver finds the files that values come from. They may stand anywhere
// below root, and nowhere else.
type resolver struct {
	tree *source.Tree
	root string
	// dir is what relative paths are relative to.
	dir string
}

var urlScheme = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:`)

// files returns the files that a path or a glob names, sorted. As for Argo CD,
// a file that is missing is a fault, and so is a glob that matches nothing.
func (r resolver) files(ref, field string) ([]string, error) {
	name, err := r.file(ref, field)
	if err == nil {
		return []string{name}, nil
	}
	if !strings.ContainsAny(ref, `*?[{`) || r.foreign(ref, field) != nil {
		return nil, err
	}
	matches, err := r.glob(ref, field)
	if err == nil && len(matches) == 0 {
		return nil, r.fault(ref, field, "matches no file")
	}
	return matches, err
}

// file returns the one file that a path names, as a clean path below the
// tree's root.
func (r resolver) file(ref, field string) (string, error) {
	if problem := r.foreign(ref, field); problem != nil {
		return "", problem
	}
	name := path.Join(r.dir, ref)
	if strings.HasPrefix(ref, "/") {
		name = path.Join(".", strings.TrimLeft(ref, "/"))
	}
	if !fs.ValidPath(name) || !inside(r.root, name) {
		return "", r.fault(ref, field, "leads out of the source")
	}
	if r.tree.HasDir(name) {
		return "", r.fault(ref, field, "is a directory")
	}
	if _, ok := r.tree.File(name); !ok {
		return "", r.fault(ref, field, "does not exist").
			WithFix("correct the path, or add it to argocd.argoproj.io/manifest-generate-paths")
	}
	return name, nil
}

// foreign refuses what is no path.
func (r resolver) foreign(ref, field string) *fault.Error {
	switch {
	case ref == "":
		return r.fault(ref, field, "is empty")
	case urlScheme.MatchString(ref):
		return r.fault(ref, field, "is a URL, and values are read from the repository only").
			WithFix("commit the file")
	case strings.HasPrefix(ref, "$"):
		return r.fault(ref, field, "refers to another source or to a variable, which a plugin cannot resolve").
			WithFix("put the file into the source that the plugin renders")
	}
	return nil
}

// glob matches a pattern against the files below root only, so that no pattern
// can lead out of it.
func (r resolver) glob(ref, field string) ([]string, error) {
	pattern := path.Join(escapeGlob(r.dir), ref)
	if strings.HasPrefix(ref, "/") {
		pattern = path.Join(".", strings.TrimLeft(ref, "/"))
	}
	if !doublestar.ValidatePattern(pattern) {
		return nil, r.fault(ref, field, "is neither a file nor a valid glob")
	}
	var matches []string
	for _, name := range r.tree.Files(r.root) {
		if doublestar.MatchUnvalidated(pattern, name) {
			matches = append(matches, name)
		}
	}
	return matches, nil
}

var globMeta = regexp.MustCompile(`[*?\[\]{}\\]`)

// escapeGlob makes a directory's name match itself only.
func escapeGlob(dir string) string { return globMeta.ReplaceAllString(dir, `\$0`) }

func (r resolver) fault(ref, field, problem string) *fault.Error {
	return fault.New(fault.Path, "%q %s", fault.Clean(ref, 200), problem).At("", field)
}
