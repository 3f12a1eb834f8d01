package kustomize

import (
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// opensURL tells whether kustomize would fetch ref as a file. It does so before
// its own restriction on files applies (fileloader.go, Load), and whether or not
// a file of that name exists.
func opensURL(ref string) bool {
	parsed, err := url.Parse(ref)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

var userAtHost = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9-]*@`)

// clonesRepository tells whether kustomize might clone ref with git. It takes in
// more than kustomize's own test (repospec.go, NewRepoSpecFromURL), and never
// less; like that test it does not ask whether such a directory exists.
func clonesRepository(ref string) bool {
	ref, _, _ = strings.Cut(strings.ToLower(ref), "?")
	ref = strings.TrimPrefix(ref, "git::")
	for _, prefix := range []string{"ssh://", "https://", "http://", "file://"} {
		if strings.HasPrefix(ref, prefix) {
			return true
		}
	}
	if user := userAtHost.FindString(ref); user != "" {
		return true
	}
	return strings.HasPrefix(ref, "github.com/") || strings.HasPrefix(ref, "github.com:")
}

// pointsOutward tells whether a reference to something that does not exist reads
// as if it meant another host. It only chooses between two refusals.
func pointsOutward(ref string) bool {
	if strings.HasPrefix(ref, "-") || strings.HasPrefix(ref, "//") || strings.ContainsAny(ref, `:?@\`) {
		return true
	}
	if strings.ContainsFunc(ref, unicode.IsControl) {
		return true
	}
	return strings.Contains(ref, "://") || strings.Contains(ref, "_git/") ||
		strings.HasSuffix(ref, ".git") || strings.Contains(ref, ".git/")
}

// cleanJoin is where kustomize looks for ref, whether or not that is allowed.
func cleanJoin(dir, ref string) string { return path.Join(dir, ref) }

const (
	vendorFix = "vendor it into the repository and name the copy, or ask the platform team to allow the host"
	pathFix   = "correct the path, or add it to argocd.argoproj.io/manifest-generate-paths"
)

// reach finds what a reference from a directory leads to, as kustomize would:
// exactly one of file and dir is set where the fault is nil.
func (f *files) reach(from string, kind referenceKind, ref string) (file, dir string, err *fault.Error) {
	directories := kind == toResource || kind == toComponent || kind == toPlugin
	if opensURL(ref) || directories && clonesRepository(ref) {
		return "", "", remoteFault(f, from, ref)
	}
	name, inside := f.resolve(from, ref)
	if inside {
		if _, ok := f.file(name); ok && kind != toComponent {
			if !source.Within(from, name) {
				return "", "", fault.New(fault.Path, "kustomize reads files in or below %q only, not %q", from, name).
					WithFix("move the file there, or make it a base with its own kustomization.yaml")
			}
			return name, "", nil
		}
		if f.hasDir(name) && directories {
			return "", name, nil
		}
	}
	return "", "", f.missing(from, kind, ref, name, inside)
}

// missing says why a reference leads to nothing.
func (f *files) missing(from string, kind referenceKind, ref, name string, inside bool) *fault.Error {
	_, isFile := f.file(name)
	switch {
	case ref == "":
		return fault.New(fault.Path, "the entry is empty").WithFix("remove it or name a file")
	case inside && f.hasDir(name):
		return fault.New(fault.Path, "%q is a directory, a file is expected", name).WithFix(pathFix)
	case inside && isFile:
		return fault.New(fault.Path, "%q is a file, a directory is expected", name).
			WithFix("name a directory with a kustomization.yaml")
	case pointsOutward(ref):
		return remoteFault(f, from, ref)
	case strings.HasPrefix(ref, "/"):
		return fault.New(fault.Path, "%q is an absolute path", ref).WithFix("write it relative to the kustomization")
	case !inside:
		return fault.New(fault.Path, "%q leads out of the source", ref).WithFix(pathFix)
	case kind == toComponent:
		return fault.New(fault.Path, "there is no directory %q in the source", name).WithFix(pathFix)
	default:
		return fault.New(fault.Path, "there is no %q in the source", name).WithFix(pathFix)
	}
}

// userInfo is a user with a password, which is not repeated to anybody.
var userInfo = regexp.MustCompile(`(^|//)[^/@]*:[^/@]*@`)

func remoteFault(f *files, from, ref string) *fault.Error {
	shown := userInfo.ReplaceAllString(ref, "${1}***@")
	found := fault.New(fault.RemoteRef, "%q is not a path in the source", shown).WithFix(vendorFix)
	name, inside := f.resolve(from, ref)
	if !inside {
		return found
	}
	if _, isFile := f.file(name); isFile || f.hasDir(name) {
		return fault.New(fault.RemoteRef, "kustomize takes %q for a repository on another host", shown).
			WithFix("write ./%s for the path in the source", shown)
	}
	return found
}
