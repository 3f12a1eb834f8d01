// Package pattern is how plugin.yaml names what it speaks of: projects,
// namespaces, repositories and paths. One language for all of them, so that
// nobody takes a pattern for what it means elsewhere in the file.
package pattern

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Pattern matches texts of segments that slashes separate. In a segment, *
// stands for any characters, but not for a slash; ** as the last segment stands
// for one segment or more. So team-a/* matches team-a/db and neither
// team-a/db/x nor team-ab/db.
type Pattern struct{ segments []string }

// Compile reads a pattern. Other signs of globs are refused, so that nobody
// takes them for what they would be elsewhere.
func Compile(text string) (Pattern, *fault.Error) {
	if text == "" || strings.ContainsAny(text, `?[]{}\`) {
		return Pattern{}, fault.New(fault.Config, "%q is not a pattern", fault.Clean(text, 80)).
			WithFix("use * within a segment and ** as the last segment")
	}
	segments := strings.Split(text, "/")
	for i, segment := range segments {
		if strings.Contains(segment, "**") && (segment != "**" || i != len(segments)-1) {
			return Pattern{}, fault.New(fault.Config, "** must be the last segment of %q", fault.Clean(text, 80))
		}
	}
	return Pattern{segments: segments}, nil
}

// Literal matches one text and nothing else, whatever signs it has; a text with
// a slash is matched by nothing.
func Literal(text string) Pattern { return Pattern{segments: []string{text}} }

// Anything matches every text.
func Anything() Pattern { return Pattern{segments: []string{"**"}} }

// Match tells whether the whole text matches.
func (p Pattern) Match(text string) bool {
	segments := strings.Split(text, "/")
	for i, want := range p.segments {
		if want == "**" {
			return len(segments) > i
		}
		if i >= len(segments) || !matchSegment(want, segments[i]) {
			return false
		}
	}
	return len(segments) == len(p.segments)
}

// matchSegment matches * greedily from the left; Compile has left no other sign.
func matchSegment(want, segment string) bool {
	parts := strings.Split(want, "*")
	if len(parts) == 1 {
		return want == segment
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(segment) < len(first)+len(last) || !strings.HasPrefix(segment, first) || !strings.HasSuffix(segment, last) {
		return false
	}
	middle := segment[len(first) : len(segment)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(middle, part)
		if at < 0 {
			return false
		}
		middle = middle[at+len(part):]
	}
	return true
}
