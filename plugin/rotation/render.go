package rotation

import (
	"hash/fnv"
	"net/url"
	"slices"
	"strings"
	"time"
	"unique"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Secret is a path of Vault, and the binding by which it is read.
type Secret struct {
	Binding string
	Mount   string
	// Path is below the mount.
	Path string
}

// Logical returns the path that people write.
func (s Secret) Logical() string { return s.Mount + "/" + s.Path }

// valid refuses what no reference can name: what is shared comes from outside.
func (s Secret) valid() bool {
	const longest = 2 << 10
	if len(s.Binding) > longest || len(s.Path)+len(s.Mount) > longest {
		return false
	}
	for segment := range strings.SplitSeq(s.Logical(), "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, func(r rune) bool {
			return r <= ' ' || r > '~' || strings.ContainsRune(`?#%\`, r)
		}) {
			return false
		}
	}
	return true
}

// Use is a version of a secret that a render read because it was the latest.
type Use struct {
	Secret  Secret
	Version int
}

// Render is what one successful render of an application was made from. Revision
// tells renders of the same source apart, since people look at other revisions
// than the one that runs.
type Render struct {
	RepoURL, Path, Revision string
	// Environment and Bundle say what judged it; empty where nothing did.
	Environment, Bundle string
	// Began is when the request began, before Vault was asked.
	Began time.Time
	Uses  []Use
}

// text is a string that many renders have in common.
type text = unique.Handle[string]

// use is one secret of a render. Asked is the version that a refresh was asked
// for; 0 means none.
type use struct {
	secret         unique.Handle[Secret]
	version, asked int32
}

// render is a Render as the index keeps it. Times are Unix milliseconds.
type render struct {
	source, revision    uint32
	began, askedAt      int64
	environment, bundle text
	askedBundle         text
	uses                []use
}

func compact(r Render) render {
	made := render{
		source: sourceOf(r.RepoURL, r.Path), revision: hash(r.Revision), began: r.Began.UnixMilli(),
		environment: unique.Make(r.Environment), bundle: unique.Make(r.Bundle), askedBundle: unique.Make(""),
	}
	for _, one := range r.Uses {
		if one.Version < 1 || one.Version > 1<<31-1 || !one.Secret.valid() {
			continue
		}
		secret, version := unique.Make(one.Secret), int32(one.Version)
		at := slices.IndexFunc(made.uses, func(u use) bool { return u.secret == secret })
		if at < 0 {
			made.uses = append(made.uses, use{secret: secret, version: version})
			continue
		}
		// A version that was written while the request read: the older one is behind.
		made.uses[at].version = min(made.uses[at].version, version)
	}
	return made
}

// same tells whether two renders are of one source at one revision.
func (r render) same(other render) bool {
	return r.source == other.source && r.revision == other.revision
}

// merge joins what two replicas know of one render: the later one says what was
// used, and whoever asked later for a refresh says what for.
func (r render) merge(other render) render {
	if other.began > r.began {
		r, other = other, r
	}
	if other.askedAt <= r.askedAt {
		return r
	}
	r.askedAt, r.askedBundle = other.askedAt, other.askedBundle
	r.uses = slices.Clone(r.uses)
	for i := range r.uses {
		at := slices.IndexFunc(other.uses, func(u use) bool { return u.secret == r.uses[i].secret })
		if at >= 0 {
			r.uses[i].asked = other.uses[at].asked
		}
	}
	return r
}

// sourceOf names one source of an Application. Credentials in the URL count for
// nothing: the audit trail leaves them out.
func sourceOf(repoURL, path string) uint32 {
	if parsed, err := url.Parse(repoURL); err == nil && parsed.User != nil {
		parsed.User = nil
		repoURL = parsed.String()
	}
	return hash(repoURL + "\x00" + path)
}

// hash is enough to tell the few sources and revisions of one Application apart.
func hash(text string) uint32 {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(text))
	return sum.Sum32()
}

// parseApp splits an application's name as Argo CD gives it to plugins: NAME, or
// NAMESPACE_NAME for one outside of Argo CD's own namespace.
func parseApp(app string) (namespace, name string, ok bool) {
	namespace, name, found := strings.Cut(app, "_")
	if !found {
		namespace, name = "", app
	}
	ok = len(validation.IsDNS1123Subdomain(name)) == 0 && (!found || len(validation.IsDNS1123Label(namespace)) == 0)
	return namespace, name, ok
}
