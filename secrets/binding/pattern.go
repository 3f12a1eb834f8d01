package binding

import (
	"net/url"
	"path"
	"regexp"
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

// literal matches one text and nothing else, whatever signs it has.
func literal(text string) Pattern { return Pattern{segments: []string{text}} }

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

// invalidURL is the canonical form of what is no repository's URL. No pattern
// can be it.
const invalidURL = "invalid:"

// scp is git's short form of an SSH address: user@host:path.
var scp = regexp.MustCompile(`^([A-Za-z0-9._-]+@)?([A-Za-z0-9.*-]+):([^/].*)$`)

// canonicalURL gives the spellings of one repository one form: lower case but
// for the path, no user, no default port, no .git, no slash at the end. A URL
// that has queries, fragments, escapes or dots to climb matches nothing.
func canonicalURL(text string) string {
	if parts := scp.FindStringSubmatch(text); parts != nil && !strings.Contains(text, "://") {
		text = "ssh://" + parts[2] + "/" + parts[3]
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme == "" || parsed.Opaque != "" || parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(text, "%#?") {
		return invalidURL
	}
	host := strings.ToLower(parsed.Hostname())
	if port := parsed.Port(); port != "" && port != map[string]string{"https": "443", "http": "80", "ssh": "22"}[parsed.Scheme] {
		host += ":" + port
	}
	trimmed := strings.TrimSuffix(strings.TrimRight(parsed.Path, "/"), ".git")
	if trimmed != "" && path.Clean(trimmed) != trimmed {
		return invalidURL
	}
	return strings.ToLower(parsed.Scheme) + "://" + host + trimmed
}
