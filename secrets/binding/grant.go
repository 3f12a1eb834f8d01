package binding

import (
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// Grants are what one identity may read.
type Grants struct {
	identity Identity
	rules    []*Grant
}

// Grant is what one rule gives one identity.
type Grant struct {
	// Binding is the rule's name and Role the login that reads Vault.
	Binding string
	Role    string
	// Injections are those that the rule allows; empty means the environment's.
	Injections []string

	// mounts are those that the rule's paths name.
	mounts     []string
	paths      []pattern.Pattern
	nonSecret  []nonSecret
	namespaces []pattern.Pattern
	stores     []granted
	// anyStore is set where no rule is asked, on a person's own machine.
	anyStore bool
}

type nonSecret struct {
	path pattern.Pattern
	key  string
}

// Unrestricted returns grants for everything, for a person's own machine. The
// rules may be nil: they say which objects read other stores, for whichever
// identity; what none of them names is read by an object called as the store.
func Unrestricted(injections []string, rules *Set) *Grants {
	anything := []pattern.Pattern{pattern.Anything()}
	local := &Grant{Binding: "local", Injections: injections, paths: anything, namespaces: anything, anyStore: true}
	if rules != nil {
		for _, rule := range rules.rules {
			for _, store := range rule.Stores {
				local.stores = append(local.stores, newGranted(store, anybodys))
			}
		}
	}
	return &Grants{rules: []*Grant{local}}
}

// anybodys reads a pattern as whichever identity would.
func anybodys(text string) (pattern.Pattern, bool) {
	compiled, err := pattern.Compile(anybody.Replace(text))
	return compiled, err == nil
}

// Authorize returns the grant of the first rule that lets the identity read one
// of the logical paths, and the path. It knows nothing of what exists.
func (g *Grants) Authorize(paths ...string) (*Grant, bool) {
	for _, grant := range g.rules {
		for _, path := range paths {
			if grant.allows(path) {
				return grant, true
			}
		}
	}
	return nil, false
}

// Mounts returns the mounts that the identity's own rules name, sorted. Those of
// others are not among them, and it knows nothing of what exists.
func (g *Grants) Mounts() []string {
	var mounts []string
	for _, grant := range g.rules {
		mounts = append(mounts, grant.mounts...)
	}
	slices.Sort(mounts)
	return slices.Compact(mounts)
}

// AllowsNamespace tells whether a rule of the identity lets a Secret live in a
// namespace.
func (g *Grant) AllowsNamespace(namespace string) bool {
	return matchesAny(g.namespaces, namespace)
}

// NonSecret tells whether the platform has declared a value free to be shown.
func (g *Grant) NonSecret(path, key string) bool {
	return slices.ContainsFunc(g.nonSecret, func(n nonSecret) bool {
		return (n.key == "" || n.key == key) && n.path.Match(path)
	})
}

func (g *Grant) allows(path string) bool {
	return matchesAny(g.paths, path)
}

var placeholders = strings.NewReplacer("{project}", "p", "{app}", "a", "{namespace}", "n")

func newGrant(rule compiled, identity Identity) *Grant {
	grant := &Grant{Binding: rule.Name, Role: rule.Role, Injections: rule.Injections, namespaces: rule.namespaces}
	if len(grant.namespaces) == 0 && plainSegment(identity.Namespace) {
		grant.namespaces = []pattern.Pattern{pattern.Literal(identity.Namespace)}
	}
	for _, path := range rule.Paths {
		if expanded, ok := expand(path, identity, len(rule.Projects) > 0); ok {
			grant.paths = append(grant.paths, expanded)
			if mount, _, _ := strings.Cut(path, "/"); !strings.ContainsAny(mount, "{}*") {
				grant.mounts = append(grant.mounts, mount)
			}
		}
	}
	for _, text := range rule.NonSecret {
		path, key, _ := strings.Cut(text, "#")
		if expanded, ok := expand(path, identity, len(rule.Projects) > 0); ok {
			grant.nonSecret = append(grant.nonSecret, nonSecret{path: expanded, key: key})
		}
	}
	for _, store := range rule.Stores {
		grant.stores = append(grant.stores, newGranted(store, func(text string) (pattern.Pattern, bool) {
			return expand(text, identity, len(rule.Projects) > 0)
		}))
	}
	return grant
}

// expand puts the identity's names into a path. A name that is empty or is not
// one plain segment gives no path: it must not become a pattern or climb. The
// application's name counts only with the project that it is unique in.
func expand(path string, identity Identity, hasProject bool) (pattern.Pattern, bool) {
	for _, name := range []struct {
		mark, text string
		usable     bool
	}{
		{"{project}", identity.Project, true},
		{"{app}", identity.App, hasProject},
		{"{namespace}", identity.Namespace, true},
	} {
		if !strings.Contains(path, name.mark) {
			continue
		}
		if !name.usable || !plainSegment(name.text) {
			return pattern.Pattern{}, false
		}
		path = strings.ReplaceAll(path, name.mark, name.text)
	}
	expanded, err := pattern.Compile(path)
	return expanded, err == nil
}

func plainSegment(text string) bool {
	return text != "" && text != "." && text != ".." && !strings.ContainsAny(text, "/*{}?#")
}
