package codeowners

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// defaultSection holds the rules that stand before any section. GitLab gives it
// this name, and joins a section that is called so to it.
const defaultSection = "codeowners"

type parser struct {
	host    Host
	file    *File
	rules   int
	section *section
	// owners are the section's, for rules without any.
	owners []string
}

// open returns the section of a name, which may begin more than once.
func (p *parser) open(name string) *section {
	for _, s := range p.file.sections {
		if strings.EqualFold(s.name, name) {
			return s
		}
	}
	opened := &section{name: name}
	p.file.sections = append(p.file.sections, opened)
	return opened
}

// line reads one line, and reports whether the host could.
func (p *parser) line(number int, line string) bool {
	if p.host == GitLab {
		return p.header(line) || p.gitlabRule(number, line)
	}
	return p.githubRule(number, line)
}

// githubRule reads a pattern and its owners. A line with anything that is
// neither counts for nothing.
func (p *parser) githubRule(number int, line string) bool {
	pattern, rest := cutPattern(line)
	if strings.HasPrefix(pattern, "!") || strings.HasPrefix(pattern, `\#`) || strings.ContainsAny(pattern, "[]") {
		return false
	}
	var owners []string
	for _, word := range strings.Fields(rest) {
		if word[0] == '#' {
			break
		}
		if !IsOwner(word) {
			return false
		}
		owners = append(owners, word)
	}
	return p.add(rule{line: number, globs: githubGlobs(pattern), owners: owners})
}

// gitlabRule reads a pattern and its owners; words that are no owners are left
// out.
func (p *parser) gitlabRule(number int, line string) bool {
	pattern, rest := cutPattern(line)
	pattern, excludes := strings.CutPrefix(pattern, "!")
	owners := p.owners
	if words := strings.Fields(rest); len(words) > 0 {
		owners = ownersIn(words)
	}
	return p.add(rule{line: number, globs: gitlabGlobs(pattern), owners: owners, excludes: excludes})
}

func (p *parser) add(r rule) bool {
	for _, glob := range r.globs {
		if !valid(glob) {
			return false
		}
	}
	p.section.rules = append(p.section.rules, r)
	return true
}

// sectionHeader is [NAME], with ^ before an optional section, and with the number
// of approvals and the owners of its rules behind.
var sectionHeader = regexp.MustCompile(`^(\^)?\[([^\]]+)\](?:\[(\d{1,4})\])?(?:\s+(.*))?$`)

// header begins a section. Of sections with one name, one that is not optional
// decides.
func (p *parser) header(line string) bool {
	parts := sectionHeader.FindStringSubmatch(line)
	if parts == nil {
		return false
	}
	name := strings.TrimSpace(parts[2])
	known := len(p.file.sections)
	p.section = p.open(name)
	count, optional := 1, parts[1] != ""
	if parts[3] != "" {
		count, _ = strconv.Atoi(parts[3]) // at most four digits
		optional = optional || count == 0
	}
	created := len(p.file.sections) > known
	p.section.optional = optional && (created || p.section.optional)
	p.section.approvals = max(p.section.approvals, count)
	p.owners = ownersIn(strings.Fields(parts[4]))
	return true
}

func ownersIn(words []string) []string {
	var owners []string
	for _, word := range words {
		if IsOwner(word) {
			owners = append(owners, word)
		}
	}
	return owners
}

// cutPattern splits a line at the first white space that is not escaped.
func cutPattern(line string) (pattern, rest string) {
	escaped := false
	for i, r := range line {
		if unicode.IsSpace(r) && !escaped {
			return line[:i], line[i:]
		}
		escaped = r == '\\' && !escaped
	}
	return line, ""
}
