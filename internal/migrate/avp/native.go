// Package avp knows what argocd-vault-plugin wrote into repositories, beyond the
// placeholders themselves, which package reference reads: what a placeholder is
// called in native references, and how the plugin was set up.
package avp

import (
	"fmt"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
)

// The versions of Vault's KV engine, as argocd-vault-plugin writes them. Where
// nobody says, it takes the second.
const (
	KV1 = "1"
	KV2 = "2"
)

// Mounts are KV engines of version 2 that a repository's own paths give away.
type Mounts map[string]bool

// Learn notes the mount of a path in the API's form whose mount is certain: one
// with a single segment "data".
func (m Mounts) Learn(path string) {
	if places := dataSegments(path); len(places) == 1 {
		m[strings.Join(strings.Split(path, "/")[:places[0]], "/")] = true
	}
}

// Obstacle says why something stays as it is.
type Obstacle struct {
	// Code is a stable word for the reason.
	Code string
	// Message is the reason, Fix what a person can do.
	Message, Fix string
}

// The codes of obstacles to a placeholder.
const (
	ObstaclePath    = "path"
	ObstacleKey     = "key"
	ObstacleMissing = "remove-missing"
	ObstacleSyntax  = "syntax"
)

// Logical returns the path as `vault kv get` takes it: without the segment that
// version 2 of the engine has in its API.
func (m Mounts) Logical(path, kv string) (string, *Obstacle) {
	if kv == KV1 {
		return path, nil
	}
	segments := strings.Split(path, "/")
	var found []string
	for _, at := range dataSegments(path) {
		logical := strings.Join(slices.Delete(slices.Clone(segments), at, at+1), "/")
		if m[strings.Join(segments[:at], "/")] {
			return logical, nil
		}
		if !slices.Contains(found, logical) {
			found = append(found, logical)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", &Obstacle{ObstaclePath, fmt.Sprintf("the path %s has no data/ behind its mount, as KV version 2 asks for; it may belong to KV version 1 or to another backend", path),
			"say --kv-version 1, or set the annotation avp.kubernetes.io/kv-version; only Vault's KV engines can move"}
	default:
		return "", &Obstacle{ObstaclePath, fmt.Sprintf("the path %s has several segments named data, so that its mount is not certain", path),
			"write it as <vault:MOUNT/PATH#KEY>, without the data/ of the API"}
	}
}

// dataSegments returns where a path may have the segment of the API: behind a
// mount and before the rest.
func dataSegments(path string) []int {
	segments := strings.Split(path, "/")
	var places []int
	for i := 1; i < len(segments)-1; i++ {
		if segments[i] == "data" {
			places = append(places, i)
		}
	}
	return places
}

// Native returns the native reference that means what a placeholder means, and
// its logical path. kv is the version of the engine that argocd-vault-plugin was
// told.
func (m Mounts) Native(ref *reference.Reference, kv string) (*reference.Reference, *Obstacle) {
	logical, obstacle := m.Logical(ref.Path, kv)
	if obstacle != nil {
		return nil, obstacle
	}
	var b strings.Builder
	b.WriteString("<vault:" + logical + "#" + ref.Key)
	// Of version 1, which keeps no versions, argocd-vault-plugin reads the latest
	// whatever it is asked for.
	if ref.Version > 0 && kv != KV1 {
		fmt.Fprintf(&b, "@%d", ref.Version)
	}
	b.WriteString(modifiersOf(ref) + ">")
	native, err := reference.Parse(b.String())
	if err != nil {
		one := fault.Of(err)[0]
		return nil, &Obstacle{ObstacleKey, "a native reference cannot say it: " + one.Message, one.Fix}
	}
	if native.Key != ref.Key || native.Path != logical || !slices.Equal(native.Modifiers, ref.Modifiers) {
		return nil, &Obstacle{ObstacleKey, "a native reference cannot say it: the key has signs that would be read otherwise",
			"store the value under a key of letters, digits and . _ -"}
	}
	return native, nil
}

// modifiersOf returns the chain of modifiers as it is written, with the space in
// front of it.
func modifiersOf(ref *reference.Reference) string {
	if len(ref.Modifiers) == 0 {
		return ""
	}
	at := strings.IndexByte(ref.Text, '|')
	head := strings.TrimRight(ref.Text[:at], " ")
	return strings.TrimSuffix(ref.Text[len(head):], ">")
}

// Decoded returns a reference whose value is decoded from base64 at the end.
func Decoded(ref *reference.Reference) (*reference.Reference, error) {
	return reference.Parse(strings.TrimSuffix(ref.Text, ">") + " | base64decode>")
}

// EndsEncoded tells whether the last modifier encodes in base64.
func EndsEncoded(ref *reference.Reference) bool {
	return len(ref.Modifiers) > 0 && ref.Modifiers[len(ref.Modifiers)-1].Name == "base64encode"
}
