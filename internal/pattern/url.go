package pattern

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// InvalidURL is the canonical form of what is no repository's URL. It is no
// pattern that [CompileURL] accepts.
const InvalidURL = "invalid:"

// scp is git's short form of an SSH address: user@host:path.
var scp = regexp.MustCompile(`^([A-Za-z0-9._-]+@)?([A-Za-z0-9.*-]+):([^/].*)$`)

// CanonicalURL gives the spellings of one repository one form: lower case but
// for the path, no user, no default port, no .git, no slash at the end. A URL
// that has queries, fragments, escapes or dots to climb matches nothing.
func CanonicalURL(text string) string {
	if parts := scp.FindStringSubmatch(text); parts != nil && !strings.Contains(text, "://") {
		text = "ssh://" + parts[2] + "/" + parts[3]
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme == "" || parsed.Host+parsed.Path == "" || parsed.Opaque != "" || parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(text, "%#?") {
		return InvalidURL
	}
	host := strings.ToLower(parsed.Hostname())
	if port := parsed.Port(); port != "" && port != map[string]string{"https": "443", "http": "80", "ssh": "22"}[parsed.Scheme] {
		host += ":" + port
	}
	trimmed := strings.TrimSuffix(strings.TrimRight(parsed.Path, "/"), ".git")
	if trimmed != "" && path.Clean(trimmed) != trimmed {
		return InvalidURL
	}
	return strings.ToLower(parsed.Scheme) + "://" + host + trimmed
}

// CompileURL reads a pattern for URLs in their canonical form.
func CompileURL(text string) (Pattern, *fault.Error) {
	canonical := CanonicalURL(text)
	if canonical == InvalidURL {
		return Pattern{}, fault.New(fault.Config, "%q is not the URL of a repository", fault.Clean(text, 200)).
			WithFix("write it with its scheme, and without query or escapes")
	}
	return Compile(canonical)
}
