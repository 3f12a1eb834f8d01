package attest

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// parseOrigin takes a repository's URI apart: SLSA's git+URL@ref and BuildKit's
// URL#ref:directory. What is no URL of a repository gives the URL
// [pattern.InvalidURL], which no rule accepts; an empty text gives none.
func parseOrigin(uri, sha string) origin {
	if uri == "" {
		return origin{}
	}
	uri, found := strings.TrimPrefix(uri, "git+"), origin{commit: sha}
	if before, fragment, ok := strings.Cut(uri, "#"); ok {
		uri = before
		found.ref, _, _ = strings.Cut(fragment, ":")
	} else if scheme, rest, ok := strings.Cut(uri, "://"); ok {
		// An @ in front of the path belongs to the user's name.
		host, path, _ := strings.Cut(rest, "/")
		path, found.ref, _ = strings.Cut(path, "@")
		uri = scheme + "://" + host + "/" + path
	}
	if commit.MatchString(found.ref) {
		if found.commit == "" {
			found.commit = found.ref
		}
		found.ref = ""
	}
	found.url = pattern.CanonicalURL(uri)
	return found
}

// sameRepository tells whether two canonical URLs are those of one repository.
// HTTPS and SSH on their usual ports of one host count as the same: Git hosts
// offer each repository both ways, and Argo CD often has the one where the
// builder has the other. HTTP does not, since anybody on the way answers it.
func sameRepository(a, b string) bool {
	return a != "" && a != pattern.InvalidURL && secure(a) == secure(b)
}

func secure(url string) string {
	if rest, ok := strings.CutPrefix(url, "ssh://"); ok && !hasPort(rest) {
		return "https://" + rest
	}
	return url
}

func hasPort(rest string) bool {
	host, _, _ := strings.Cut(rest, "/")
	return strings.Contains(host, ":")
}
