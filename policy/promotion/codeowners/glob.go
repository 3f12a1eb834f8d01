package codeowners

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

func (r rule) matches(path string) bool {
	return slices.ContainsFunc(r.globs, func(glob string) bool { return doublestar.MatchUnvalidated(glob, path) })
}

func valid(glob string) bool { return doublestar.ValidatePattern(glob) }

// below matches everything below what stands before it, at any depth.
const below = "/**/*"

// githubGlobs turns a pattern into globs for whole paths, as gitignore does: a
// slash before the end anchors a pattern at the root, and what names a directory
// matches all that is below. But dir/* stands for the files of one directory.
func githubGlobs(pattern string) []string {
	body := strings.Trim(escape(pattern, "{}"), "/")
	if body == "" {
		return nil
	}
	if !strings.Contains(body, "/") && pattern[0] != '/' {
		body = "**/" + body
	}
	switch last := body[strings.LastIndexByte(body, '/')+1:]; {
	case strings.HasSuffix(pattern, "/"):
		return []string{body + below}
	case last == "*":
		return []string{body}
	case last == "**":
		return []string{body + "/*"}
	default:
		return []string{body, body + below}
	}
}

// gitlabGlobs does so as GitLab: only a slash at the start anchors, only one at
// the end means what is below, and ** that no slash follows is *.
func gitlabGlobs(pattern string) []string {
	if pattern == "*" {
		return []string{"**/*"}
	}
	body, anchored := strings.CutPrefix(escape(pattern, "{}"), "/")
	if !anchored {
		body = "**/" + body
	}
	if strings.HasSuffix(body, "/") || body == "" {
		body += "**/*"
	}
	if trimmed, ok := strings.CutSuffix(body, "/**"); ok {
		body = trimmed + "/*"
	}
	return []string{body}
}

// escape puts a backslash before signs that mean something to doublestar and
// nothing to the host.
func escape(pattern, signs string) string {
	var b strings.Builder
	escaped := false
	for _, r := range pattern {
		if !escaped && strings.ContainsRune(signs, r) {
			b.WriteByte('\\')
		}
		escaped = r == '\\' && !escaped
		b.WriteRune(r)
	}
	return b.String()
}
