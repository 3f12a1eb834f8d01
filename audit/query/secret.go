package query

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// secret is MOUNT/PATH[#KEY][@VERSION], or STORE:NAME[#KEY][#VERSION] for a store
// other than Vault. Where a mount ends and a path begins cannot be seen, since
// both may have slashes, and need not be known.
type secret struct {
	path    pattern.Pattern
	key     names
	version int
	label   string
}

// elsewhere begins what a store other than Vault holds; no mount has a colon.
var elsewhere = regexp.MustCompile(`^[a-z]+-[a-z]+:`)

func compileSecret(text string) (asked secret, err error) {
	rest := text
	if elsewhere.MatchString(text) {
		return compilePointer(text)
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if asked.version, err = strconv.Atoi(rest[at+1:]); err != nil || asked.version < 1 {
			return asked, fault.New(fault.Parameter, "--secret %s: the version is a number from 1 on", fault.Clean(text, 200)).
				WithFix("write MOUNT/PATH#KEY@VERSION, such as kv/payments/db#password@7")
		}
		rest = rest[:at]
	}
	rest, key, found := strings.Cut(rest, "#")
	if found {
		if err := asked.key.compile("--secret", []string{key}); err != nil {
			return asked, err
		}
	}
	asked.path, err = compilePattern("--secret", strings.Trim(rest, "/"))
	return asked, err
}

// compilePointer reads STORE:NAME[#KEY][#VERSION], as references are written.
func compilePointer(text string) (asked secret, err error) {
	name, rest, _ := strings.Cut(text, "#")
	key, label, _ := strings.Cut(rest, "#")
	if key != "" {
		if err := asked.key.compile("--secret", []string{key}); err != nil {
			return asked, err
		}
	}
	asked.label = label
	asked.path, err = compilePattern("--secret", name)
	return asked, err
}

// match tells whether a reference is meant. One that took all keys took the key
// that is asked for.
func (s secret) match(reference audit.Reference) bool {
	return (s.version == 0 || s.version == reference.Version) && (s.label == "" || s.label == reference.Label) &&
		(reference.Key == "" || s.key.fit(reference.Key)) &&
		s.path.Match(secretPath(reference))
}

// secretPath names what lies at a path of Vault, or what another store holds.
func secretPath(reference audit.Reference) string {
	if reference.Store != "" {
		return reference.Store + ":" + reference.Path
	}
	return strings.Trim(reference.Mount, "/") + "/" + strings.Trim(reference.Path, "/")
}

// SecretName writes a reference as --secret reads it.
func SecretName(reference audit.Reference) string {
	name := secretPath(reference)
	if reference.Key != "" {
		name += "#" + reference.Key
	}
	if reference.Label != "" {
		if reference.Key == "" {
			name += "#"
		}
		name += "#" + reference.Label
	}
	if reference.Version > 0 {
		name += "@" + strconv.Itoa(reference.Version)
	}
	return name
}
