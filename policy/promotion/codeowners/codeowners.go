// Package codeowners reads CODEOWNERS files, by the rules of GitHub or by those
// of GitLab, and says whose approval a change of a file needs. The two differ
// in where the file lies, in what a pattern matches and in GitLab's sections, so
// that one file can mean two things.
//
//   - GitHub: https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
//   - GitLab: https://docs.gitlab.com/user/project/codeowners/reference/
package codeowners

import (
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Host is whose rules hold.
type Host string

// The hosts.
const (
	GitHub Host = "github"
	GitLab Host = "gitlab"
)

// String returns the host's name as people write it.
func (h Host) String() string {
	if h == GitLab {
		return "GitLab"
	}
	return "GitHub"
}

// The bounds of a file, which tenants write. GitHub does not read one of 3 MB.
const (
	maxBytes = 3 << 20
	maxRules = 20_000
	maxLine  = 4096
)

// Places returns where a host looks for the file, in its order.
func (h Host) Places() []string {
	if h == GitLab {
		return []string{"CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"}
	}
	return []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"}
}

// File is one CODEOWNERS file. It is read-only.
type File struct {
	// Name is its path in the repository.
	Name string
	// Skipped are the lines that the host cannot read and passes over.
	Skipped []int

	sections []*section
}

// section is a part of a file that is matched by itself. GitHub knows one.
type section struct {
	name      string
	approvals int
	optional  bool
	rules     []rule
}

type rule struct {
	line   int
	globs  []string
	owners []string
	// excludes says that the section has no rule for what matches.
	excludes bool
}

// Approval is one approval that a change of a file needs, of any one of the
// owners.
type Approval struct {
	// Line is where the rule stands.
	Line int
	// Section is the name of GitLab's section; empty outside of one.
	Section string
	// Owners may be empty: such a rule takes the approval away.
	Owners []string
	// Count is how many of them must approve.
	Count int
	// Optional is set where GitLab only shows the owners.
	Optional bool
}

// Needed tells whether anybody must approve.
func (a Approval) Needed() bool { return len(a.Owners) > 0 && !a.Optional }

// owner is a user, a team, one of GitLab's roles or an address.
var owner = regexp.MustCompile(`^(?:@@?[A-Za-z0-9_][A-Za-z0-9_./-]*|[^@\s]+@[^@\s]+)$`)

// IsOwner tells whether a word can be an owner.
func IsOwner(word string) bool { return owner.MatchString(word) }

// Find returns the file that the host takes, and false where there is none.
// What it finds but cannot read as the host does is a fault.
func Find(host Host, read func(name string) ([]byte, bool)) (*File, bool, error) {
	for _, name := range host.Places() {
		if content, ok := read(name); ok {
			file, err := Parse(host, name, content)
			return file, true, err
		}
	}
	return nil, false, nil
}

// Parse reads a file.
func Parse(host Host, name string, content []byte) (*File, error) {
	if len(content) > maxBytes {
		return nil, fault.New(fault.Limit, "the file is larger than %d bytes", maxBytes).In(name, 0)
	}
	p := &parser{host: host, file: &File{Name: name}}
	p.section = p.open(defaultSection)
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if p.rules++; p.rules > maxRules {
			return nil, fault.New(fault.Limit, "the file has more than %d rules", maxRules).In(name, number)
		}
		if len(line) > maxLine || !p.line(number, line) {
			p.file.Skipped = append(p.file.Skipped, number)
		}
	}
	return p.file, nil
}

// Approvals returns what a change of the file at a path needs: at GitHub by the
// last rule that matches, at GitLab by the last one of each section.
func (f *File) Approvals(path string) []Approval {
	var approvals []Approval
	for _, s := range f.sections {
		if approval, ok := s.approval(path); ok {
			approvals = append(approvals, approval)
		}
	}
	return approvals
}

func (s *section) approval(path string) (Approval, bool) {
	for _, r := range slices.Backward(s.rules) {
		if !r.matches(path) {
			continue
		}
		// What a section leaves out, none of its later rules takes in again.
		if r.excludes || s.excluded(path) {
			return Approval{}, false
		}
		approval := Approval{Line: r.line, Section: s.name, Owners: r.owners, Count: max(s.approvals, 1), Optional: s.optional}
		if s.name == defaultSection {
			approval.Section = ""
		}
		return approval, true
	}
	return Approval{}, false
}

func (s *section) excluded(path string) bool {
	return slices.ContainsFunc(s.rules, func(r rule) bool { return r.excludes && r.matches(path) })
}
