package source

import (
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Glob returns the sorted names, from the root of the tree, of the files and
// directories that a pattern matches as seen from dir. "*" and "?" stay inside
// one part of a path, "**" as a whole part stands for any number of parts, also
// none, "[a-z]" is a class and "{a,b}" an alternative. A leading "/" is ignored,
// as is "./"; "../" climbs, but not out of the tree.
//
// It serves discover.find.glob, for which Argo CD uses go-zglob, with these
// differences. "**" at the end matches at any depth instead of one level. "?"
// and a class without "*" or "{" are wildcards instead of plain text. "[!a]"
// means what "[^a]" means. "!(a)", "~" and "$NAME" are plain text. A pattern
// whose part without wildcards is missing is no error. The names of the
// directories above the application are never read as a pattern.
//
// The only errors are E_PARAMETER for a malformed pattern and E_PATH for one
// that climbs out of the tree.
func (t *Tree) Glob(dir, pattern string) ([]string, error) {
	return t.glob(dir, pattern, doublestar.Match)
}

// GlobFileName is [Tree.Glob] with the patterns of [path.Match], without "**"
// and "{a,b}": it serves discover.fileName, for which Argo CD uses filepath.Glob.
func (t *Tree) GlobFileName(dir, pattern string) ([]string, error) {
	return t.glob(dir, pattern, path.Match)
}

func (t *Tree) glob(dir, pattern string, match func(pattern, name string) (bool, error)) ([]string, error) {
	dir, rest, ok := climb(dir, pattern)
	if !ok {
		return nil, fault.New(fault.Path, "the pattern %q leads out of the source", pattern)
	}
	if alternatives(rest) > maxAlternatives {
		return nil, fault.New(fault.Parameter, "the pattern %q has more than %d alternatives", pattern, maxAlternatives)
	}
	// An empty name shows whether the pattern is well formed, also in an empty
	// tree.
	if _, err := match(rest, ""); err != nil {
		return nil, malformed(pattern)
	}
	var names []string
	for name := range t.below(dir) {
		below := name
		if dir != "." {
			below = name[len(dir)+1:]
		}
		matched, err := match(rest, below)
		if err != nil {
			return nil, malformed(pattern)
		}
		if matched {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func malformed(pattern string) *fault.Error {
	return fault.New(fault.Parameter, "the pattern %q is malformed", pattern).
		WithFix("close its brackets and braces, or put a backslash before them")
}

// maxAlternatives bounds how many patterns the braces of one pattern stand for:
// matching tries them all, and the pattern may be a tenant's.
const maxAlternatives = 1024

// alternatives returns how many patterns without braces a pattern stands for,
// or more where braces are nested; beyond maxAlternatives it stops counting.
func alternatives(pattern string) int {
	product := 1
	var open []int
	for i := 0; i < len(pattern) && product <= maxAlternatives; i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '{':
			open = append(open, 1)
		case ',':
			if len(open) > 0 {
				open[len(open)-1]++
			}
		case '}':
			if len(open) > 0 {
				product *= open[len(open)-1]
				open = open[:len(open)-1]
			}
		}
	}
	return product
}

// climb splits a pattern into the directory that it starts from and the rest.
func climb(dir, pattern string) (start, rest string, ok bool) {
	rest = strings.TrimPrefix(path.Clean("./"+pattern), "/")
	for {
		below, found := strings.CutPrefix(rest, "../")
		if !found {
			return dir, rest, rest != ".."
		}
		if dir == "." {
			return "", "", false
		}
		dir, rest = path.Dir(dir), below
	}
}

// below yields the files and directories below dir, in no order.
func (t *Tree) below(dir string) func(yield func(string) bool) {
	inside := func(name string) bool {
		return name != "." && (dir == "." || strings.HasPrefix(name, dir+"/"))
	}
	return func(yield func(string) bool) {
		for name := range t.files {
			if inside(name) && !yield(name) {
				return
			}
		}
		for name := range t.dirs {
			if inside(name) && !yield(name) {
				return
			}
		}
	}
}
