package remote

import (
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strings"

	"oras.land/oras-go/v2/registry"

	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
)

// Source is one remote bundle, as the platform describes it. It is either in a
// registry or in a Git repository.
type Source struct {
	// Name is what environments call it.
	Name string
	// OCI is the repository in a registry, host/path. http:// before it is taken
	// for loopback only.
	OCI string
	// Digest is the manifest's, sha256:HEX; or Tag with Follow.
	Digest string
	Tag    string
	// Git is the repository's URL, https://; http:// is taken for loopback only.
	Git string
	// Commit has 40 hexadecimal digits; or Branch with Follow.
	Commit string
	Branch string
	// Follow lets the source move with its tag or branch.
	Follow bool
	// Path is the directory in the bundle that is its root; empty is all of it.
	Path string
	// CAFile is a PEM file; empty means the system's authorities.
	CAFile string
	// Username and PasswordFile log in with a password, TokenFile with a bearer
	// token. The files are read at each fetch.
	Username     string
	PasswordFile string
	TokenFile    string
}

// Problem is one thing about a source that cannot work.
type Problem struct {
	// Field is the name in plugin.yaml.
	Field, Message, Fix string
}

var (
	sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	commitHash   = regexp.MustCompile(`^[0-9a-f]{40}$`)
	branchName   = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}$`)
	sourceName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
)

// Problems returns everything about the source that cannot work.
func (s Source) Problems() []Problem {
	var problems []Problem
	add := func(field, fix, format string, args ...any) {
		problems = append(problems, Problem{Field: field, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	if !sourceName.MatchString(s.Name) {
		add("name", "use letters, digits, dots and dashes", "%q is not a name", s.Name)
	}
	switch {
	case (s.OCI == "") == (s.Git == ""):
		add("oci", "set oci or git", "a source is either in a registry or in a Git repository")
	case s.OCI != "":
		problems = append(problems, s.registryProblems()...)
	default:
		problems = append(problems, s.gitProblems()...)
	}
	if s.Path != "" && !fs.ValidPath(s.Path) {
		add("path", "write it as a/b, without a slash at the ends", "%q is not a path in the bundle", s.Path)
	}
	if (s.Username == "") != (s.PasswordFile == "") {
		add("username", "set username and passwordFile", "a password needs both")
	}
	if s.TokenFile != "" && s.PasswordFile != "" {
		add("tokenFile", "set one of the two", "there is a password and a token")
	}
	return problems
}

func (s Source) registryProblems() []Problem {
	var problems []Problem
	if _, _, err := s.registry(); err != nil {
		problems = append(problems, Problem{"oci", err.Error(), "write it as registry.example.com/policies/platform"})
	}
	if s.Commit != "" || s.Branch != "" {
		problems = append(problems, Problem{"oci", "commits and branches are Git's", "set digest, or tag with follow"})
	}
	pinned := s.Digest == "" || sha256Digest.MatchString(s.Digest)
	if reference := (registry.Reference{Registry: "h", Repository: "r", Reference: s.Tag}); s.Tag != "" && reference.ValidateReferenceAsTag() != nil {
		problems = append(problems, Problem{"tag", fmt.Sprintf("%q is not a tag", s.Tag), ""})
	}
	return append(problems, s.pinProblems("digest", s.Digest, pinned, "tag", s.Tag)...)
}

func (s Source) gitProblems() []Problem {
	var problems []Problem
	address, err := url.Parse(s.Git)
	switch {
	case err != nil || address.Host == "" || address.User != nil || address.RawQuery != "" || address.Fragment != "":
		problems = append(problems, Problem{"git", "it is not a URL without credentials and query", "write it as https://host/path.git"})
	case address.Scheme != "https" && !(address.Scheme == "http" && loopback.Host(address.Hostname())):
		problems = append(problems, Problem{"git", "only https is taken, and http for loopback addresses", "write it as https://host/path.git"})
	}
	if s.Digest != "" || s.Tag != "" {
		problems = append(problems, Problem{"git", "digests and tags are a registry's", "set commit, or branch with follow"})
	}
	if s.Branch != "" && (!branchName.MatchString(s.Branch) || strings.Contains(s.Branch, "..")) {
		problems = append(problems, Problem{"branch", fmt.Sprintf("%q is not a branch", s.Branch), ""})
	}
	pinned := s.Commit == "" || commitHash.MatchString(s.Commit)
	return append(problems, s.pinProblems("commit", s.Commit, pinned, "branch", s.Branch)...)
}

// pinProblems says what is wrong with how a source is pinned: to follow what
// others can move must be said, never left out.
func (s Source) pinProblems(pinField, pin string, valid bool, movingField, moving string) []Problem {
	switch {
	case !valid:
		return []Problem{{pinField, fmt.Sprintf("%q is no full %s", pin, pinField), "copy all of it: sha256: and 64 digits of a manifest, 40 digits of a commit"}}
	case pin == "" && moving == "":
		return []Problem{{pinField, "the source is not pinned", "set " + pinField}}
	case pin != "" && (moving != "" || s.Follow):
		return []Problem{{pinField, fmt.Sprintf("a source with a %s does not move", pinField), "remove " + movingField + " and follow"}}
	case pin == "" && !s.Follow:
		return []Problem{{movingField, fmt.Sprintf("whoever can move the %s decides what is judged", movingField), "set " + pinField + ", or follow: true"}}
	}
	return nil
}

// pin returns the digest or commit that the source is pinned to, or nothing.
func (s Source) pin() string { return s.Digest + s.Commit }

// place names where the source comes from, for people.
func (s Source) place() string {
	place := s.OCI + s.Git
	switch {
	case s.Digest != "":
		return place + "@" + s.Digest
	case s.Tag != "":
		return place + ":" + s.Tag
	case s.Commit != "":
		return place + " at " + s.Commit
	default:
		return place + " branch " + s.Branch
	}
}

// registry returns the repository in the registry, and whether it is asked in
// plain http.
func (s Source) registry() (reference registry.Reference, plain bool, err error) {
	text := strings.TrimPrefix(s.OCI, "oci://")
	text, plain = strings.CutPrefix(text, "http://")
	reference, err = registry.ParseReference(text)
	switch {
	case err != nil || reference.Reference != "":
		return registry.Reference{}, false, fmt.Errorf("%q is not a repository in a registry, without tag and digest", s.OCI)
	case plain && !loopback.Host(reference.Host()):
		return registry.Reference{}, false, fmt.Errorf("plain http is taken for loopback addresses only")
	}
	return reference, plain, nil
}
