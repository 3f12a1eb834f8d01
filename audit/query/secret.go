package query

import (
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// secret is MOUNT/PATH[#KEY][@VERSION]. Where a mount ends and a path begins
// cannot be seen, since both may have slashes, and need not be known.
type secret struct {
	path    pattern.Pattern
	key     names
	version int
}

func compileSecret(text string) (asked secret, err error) {
	rest := text
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

// match tells whether a reference is meant. One that took all keys took the key
// that is asked for.
func (s secret) match(reference audit.Reference) bool {
	return (s.version == 0 || s.version == reference.Version) &&
		(reference.Key == "" || s.key.fit(reference.Key)) &&
		s.path.Match(secretPath(reference))
}

// secretPath names what lies at a path of Vault.
func secretPath(reference audit.Reference) string {
	return strings.Trim(reference.Mount, "/") + "/" + strings.Trim(reference.Path, "/")
}

// SecretName writes a reference as --secret reads it.
func SecretName(reference audit.Reference) string {
	name := secretPath(reference)
	if reference.Key != "" {
		name += "#" + reference.Key
	}
	if reference.Version > 0 {
		name += "@" + strconv.Itoa(reference.Version)
	}
	return name
}
