package source

import (
	"io/fs"
	"path"
	"strings"
	"unicode"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// entryName returns the name of an archive's entry as a path below the root.
// One leading "./" and, for a directory, one trailing "/" are dropped; any
// other spelling that is not canonical is refused instead of repaired, since
// two readers might repair it in two ways.
func entryName(raw string, dir bool, limits Limits) (string, error) {
	name := strings.TrimPrefix(raw, "./")
	if dir {
		name = strings.TrimSuffix(name, "/")
		if raw == "./" {
			return ".", nil
		}
	}
	if name == "." && !dir {
		return "", badName(raw, "the root of the archive is not a directory")
	}
	return name, checkName(name, limits)
}

// checkName refuses names that are too long, not canonical, or that some system
// reads in another way than Linux does.
func checkName(name string, limits Limits) error {
	switch {
	case len(name) > limits.NameBytes:
		return badName(name, "a name is longer than %d bytes", limits.NameBytes)
	case strings.Count(name, "/") >= limits.Segments:
		return badName(name, "a name has more than %d parts", limits.Segments)
	case !fs.ValidPath(name) || path.Clean(name) != name:
		return badName(name, "a name is not a clean path below the root")
	case strings.ContainsFunc(name, unprintable):
		return badName(name, "a name holds a backslash or a control character")
	case hasDrive(name):
		return badName(name, "a name starts with a drive letter")
	}
	return nil
}

func unprintable(r rune) bool { return r == '\\' || unicode.IsControl(r) }

// hasDrive tells whether name starts as "C:" does.
func hasDrive(name string) bool {
	return len(name) >= 2 && name[1] == ':' &&
		'a' <= name[0]|0x20 && name[0]|0x20 <= 'z'
}

func badName(name, format string, args ...any) *fault.Error {
	return fault.New(fault.ArchivePath, format, args...).In(name, 0).WithFix("rename it in the repository")
}

// inGit tells whether name is a Git directory, or lies in one. Its config may
// hold credentials and none of it is needed to render.
func inGit(name string) bool {
	for segment := range strings.SplitSeq(name, "/") {
		if strings.EqualFold(segment, ".git") {
			return true
		}
	}
	return false
}
