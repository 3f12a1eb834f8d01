// Package reference knows what a reference to Vault, or to another store, looks
// like: its grammar, how references are found in text, and what the modifiers
// behind them do. It asks nobody for a value. docs/references.md is the grammar
// for people.
package reference

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Dialect is the way in which a reference was written.
type Dialect string

// The dialects. Path and Generic are those of argocd-vault-plugin; Pointer is
// for stores other than Vault.
const (
	Native  Dialect = "native"
	Path    Dialect = "path"
	Generic Dialect = "generic"
	Pointer Dialect = "pointer"
)

// The limits of a reference. They are the grammar's, not Vault's: Vault takes
// nearly any path, and a client cleans it after it has been checked, so only
// spellings that mean the same to everybody are accepted.
const (
	MaxText      = 2048
	MaxSegments  = 16
	MaxSegment   = 128
	MaxKey       = 253
	MaxModifiers = 8
	maxVersion   = 1<<31 - 1
)

// Reference points to one value in Vault, or to all values of a path.
type Reference struct {
	// Text is the reference as it was written, with its angle brackets.
	Text    string
	Dialect Dialect
	// Store is the store that a pointer names; empty for Vault.
	Store Store
	// Path is the path as written: for a native reference the logical path,
	// such as kv/demo/db, for a pointer the name, otherwise the API's path, such
	// as kv/data/demo/db.
	Path string
	// Key is the key of the secret; empty means all keys, and for a pointer the
	// whole secret as one value.
	Key string
	// Version is the version of a secret of Vault; 0 means the latest.
	Version int
	// Label is the version that a pointer names, in the store's own words; empty
	// means the latest.
	Label     string
	Modifiers []Modifier
}

// Modifier is one step of the chain behind a reference.
type Modifier struct {
	Name string
	// Args is the text behind the name, trimmed.
	Args string
}

// Points tells whether the reference is to a store other than Vault, of which
// nothing is read.
func (r *Reference) Points() bool { return r.Dialect == Pointer }

// Imports tells whether the reference can stand for nothing but all keys of a
// path. A pointer without a key is the whole secret as one value.
func (r *Reference) Imports() bool { return r.Key == "" && !r.Points() }

// InAPIForm tells whether the path may have the segment that KV version 2 adds
// in its API, so that the logical path is known only with the mount's version.
// Such references are those of argocd-vault-plugin.
func (r *Reference) InAPIForm() bool { return r.Dialect == Path || r.Dialect == Generic }

// LogicalPaths returns the logical paths of Vault that the reference can mean:
// one for a native reference; for a path in the API's form the path itself, and
// those without one of its "data" segments; none for a pointer.
func (r *Reference) LogicalPaths() []string {
	if r.Points() {
		return nil
	}
	if !r.InAPIForm() {
		return []string{r.Path}
	}
	paths := []string{r.Path}
	segments := strings.Split(r.Path, "/")
	for i := 1; i < len(segments)-1; i++ {
		if segments[i] == "data" {
			paths = append(paths, strings.Join(append(append([]string{}, segments[:i]...), segments[i+1:]...), "/"))
		}
	}
	return paths
}

// reserved are mounts of Vault itself: no KV engine can ever be there.
var reserved = map[string]bool{"sys": true, "auth": true, "cubbyhole": true, "identity": true}

// checkPath accepts a mount and at least one segment below it, each spelt so
// that no client, proxy or server reads it in another way.
func checkPath(path string) *fault.Error {
	segments := strings.Split(path, "/")
	if len(segments) < 2 {
		return fault.New(fault.RefSyntax, "the path %s has no mount and no path below it", quote(path)).
			WithFix("write <vault:MOUNT/PATH#KEY>")
	}
	if len(segments) > MaxSegments {
		return fault.New(fault.RefSyntax, "the path has %d segments, the limit is %d", len(segments), MaxSegments).
			WithFix("use a shorter path")
	}
	for _, segment := range segments {
		if !validSegment(segment) {
			return fault.New(fault.RefSyntax, "%s is not a path segment", quote(segment)).
				WithFix("use letters, digits and . _ @ - in segments of 1 to %d characters that begin with a letter, a digit or _", MaxSegment)
		}
	}
	if reserved[strings.ToLower(segments[0])] {
		return fault.New(fault.Forbidden, "the mount %s belongs to Vault itself", quote(segments[0])).
			WithFix("refer to a secret of a KV engine")
	}
	return nil
}

// validSegment spells out [A-Za-z0-9_][A-Za-z0-9._@-]*. A leading dot or dash
// is out, and with it "." and "..".
func validSegment(segment string) bool {
	if segment == "" || len(segment) > MaxSegment {
		return false
	}
	for i := range len(segment) {
		c := segment[i]
		if !alphanumeric(c) && c != '_' && (i == 0 || !strings.ContainsRune(".@-", rune(c))) {
			return false
		}
	}
	return true
}

// checkKey accepts printable ASCII without the signs that delimit a reference.
// Keys of the argocd-vault-plugin dialects may hold spaces and @.
func checkKey(key string, dialect Dialect) *fault.Error {
	excluded := `<>#|"`
	if dialect == Native || dialect == Pointer {
		excluded += " @"
	}
	ok := key != "" && len(key) <= MaxKey
	for i := 0; ok && i < len(key); i++ {
		ok = key[i] >= ' ' && key[i] <= '~' && !strings.ContainsRune(excluded, rune(key[i]))
	}
	if !ok {
		return fault.New(fault.RefSyntax, "%s is not a key", quote(key)).
			WithFix("write 1 to %d printable ASCII characters without %s", MaxKey, excluded)
	}
	return nil
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// quote shows text of a repository in a message.
func quote(text string) string { return `"` + fault.Clean(text, 80) + `"` }

// quoteOpen shows the mount and path of a reference that does not end: nobody can
// tell where it was meant to, and a text in clear may follow.
func quoteOpen(text string) string {
	end := strings.IndexByte(text, ':') + 1
	for end < len(text) && (alphanumeric(text[end]) || strings.IndexByte("._-/", text[end]) >= 0) {
		end++
	}
	return quote(text[:end])
}
