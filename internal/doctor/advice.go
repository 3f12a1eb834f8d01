package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// policy writes what the role's policy should be: to read what its bindings name.
func (l *login) policy() string {
	parts := map[string]bool{}
	for _, bound := range l.bindings() {
		need := l.needsOf(bound)
		for _, path := range bound.Paths {
			for part, asked := range map[string]bool{"data": need.values, "subkeys": need.keys, "metadata": need.metadata} {
				if asked {
					parts[policyPath(l.engines[path].mount, path, part)] = true
				}
			}
		}
	}
	name := madeUp
	for _, policy := range l.policies {
		if policy != "root" {
			name = policy
			break
		}
	}
	if name == madeUp {
		name = "argocd-seal-" + l.role.Name
	}
	var text strings.Builder
	fmt.Fprintf(&text, "vault policy write %s - <<'END'\n", quoted(name))
	for _, path := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(&text, "path %q { capabilities = [\"read\"] }\n", path)
	}
	return text.String() + "END"
}

// policyPath writes a pattern as a path of a Vault policy: a part of a name cannot
// be open there but at the very end. An engine that is not known is taken for KV
// version 2 at the first name.
func policyPath(mount store.Mount, text, part string) string {
	at, below, _ := strings.Cut(text, "/")
	if rest, inside := strings.CutPrefix(text, mount.Path+"/"); inside && mount.Path != "" {
		at, below = mount.Path, rest
	}
	segments := strings.Split(below, "/")
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case strings.Contains(segment, "{"):
			segments[i] = "+"
		case !strings.Contains(segment, "*"):
		case last:
			segments[i] = segment[:strings.Index(segment, "*")] + "*"
		default:
			segments[i] = "+"
		}
	}
	if mount.Version != 1 {
		at += "/" + part
	}
	return at + "/" + strings.Join(segments, "/")
}
