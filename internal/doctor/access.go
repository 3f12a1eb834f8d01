package doctor

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// madeUp stands in the place of a wildcard where Vault is asked about a path.
const madeUp = "argocd-seal-doctor"

// needs are the parts of KV's API that the injections of a binding use.
type needs struct{ values, keys, metadata bool }

// needsOf tells what is asked of Vault for a binding: values are read to seal
// them, the names of keys for what points at Vault, metadata for rotation.
func (v *visit) needsOf(bound config.Binding) needs {
	need := needs{values: len(bound.NonSecret) > 0, metadata: v.seal.Rotation.Enabled}
	for _, environment := range v.seal.Environments {
		injection := environment.Injection
		if !injection.Asked() {
			continue
		}
		kinds := append([]string{injection.Default}, injection.Allowed...)
		for _, kind := range kinds {
			if len(bound.Injections) > 0 && !slices.Contains(bound.Injections, kind) {
				continue
			}
			switch inject.Kind(kind) {
			case inject.KindSealedSecret, inject.KindPlaintext:
				need.values = true
			default:
				need.keys = need.keys || !injection.HydratorSafe
			}
		}
	}
	return need
}

// sample is a path that a pattern of a binding matches.
type sample struct {
	pattern, path string
	// guessed tells that a name in the middle is made up, so that what Vault says
	// of the path says little of real ones.
	guessed bool
}

// sampleOf puts names in the place of wildcards and of the application's names.
func sampleOf(bound config.Binding, text string) sample {
	one := sample{pattern: text}
	segments := strings.Split(text, "/")
	for i, segment := range segments {
		for mark, names := range map[string][]string{"{project}": bound.Projects, "{app}": bound.Apps, "{namespace}": bound.Namespaces} {
			if !strings.Contains(segment, mark) {
				continue
			}
			name := madeUp
			if len(names) > 0 && !strings.ContainsAny(names[0], "*/") {
				name = names[0]
			} else {
				one.guessed = true
			}
			segment = strings.ReplaceAll(segment, mark, name)
		}
		if strings.Contains(segment, "*") {
			one.guessed = one.guessed || i < len(segments)-1
			segment = strings.ReplaceAll(strings.ReplaceAll(segment, "**", "*"), "*", madeUp)
		}
		segments[i] = segment
	}
	one.path = strings.Join(segments, "/")
	return one
}

// engine is what Vault says of the mount of a path.
type engine struct {
	mount store.Mount
	err   error
}

// locate asks for the engine of each path of the role's bindings: what is advised
// about one binding is a policy for all of them.
func (l *login) locate(ctx context.Context) {
	l.engines = map[string]engine{}
	for _, bound := range l.bindings() {
		for _, path := range bound.Paths {
			mount, err := l.client.Locate(ctx, l.role.Name, sampleOf(bound, path).path)
			l.engines[path] = engine{mount, err}
		}
	}
}

// access looks at what the role may do with the paths of a binding, and at the
// engines that they lie on.
func (l *login) access(ctx context.Context, bound config.Binding) []Finding {
	var findings []Finding
	for _, path := range bound.Paths {
		findings = append(findings, l.accessTo(ctx, bound, sampleOf(bound, path))...)
	}
	return findings
}

func (l *login) accessTo(ctx context.Context, bound config.Binding, one sample) []Finding {
	a := about{area: Bindings, check: "mount"}.of(cmp.Or(bound.Name, one.pattern))
	mount, err := l.engines[one.pattern].mount, l.engines[one.pattern].err
	switch code := fault.CodeOf(err); {
	case code == fault.Secret:
		return []Finding{a.fail(fault.Secret, l.policy(), "%s: there is no such mount, or the role %s may do nothing below it", one.pattern, l.role.Name)}
	case code == fault.VaultDynamic:
		return []Finding{a.fail(code, "name a path of a KV engine in the binding; vault secrets list shows the engines", "%s: the mount is no KV engine", one.pattern)}
	case err != nil:
		return l.vaultFaults(a, err)
	}
	need := l.needsOf(bound)
	findings := []Finding{version(a, mount, need)}
	return append(findings, l.capabilities(ctx, bound, one, mount, need)...)
}

// version says which version of KV a mount has, and what that means.
func version(a about, mount store.Mount, need needs) Finding {
	upgrade := "vault kv enable-versioning " + quoted(mount.Path)
	switch {
	case mount.Version == 2:
		return a.ok("%s/ is KV version 2", mount.Path)
	case need.keys:
		return a.fail(fault.Secret, upgrade, "%s/ is KV version 1, which cannot list keys without values, as injections that point at Vault need it", mount.Path)
	case need.metadata:
		return a.warn(upgrade, "%s/ is KV version 1, which has no versions: rotation does not see new values", mount.Path)
	}
	return a.warn(upgrade, "%s/ is KV version 1, which has no versions: references cannot pin one, and the audit trail names none", mount.Path)
}

// apiPath is where KV's API has a part of a secret.
func apiPath(mount store.Mount, part, logical string) string {
	if mount.Version != 2 {
		return logical
	}
	return mount.Path + "/" + part + "/" + strings.TrimPrefix(logical, mount.Path+"/")
}

// capabilities holds what the role may do against what is needed: reading, and
// nothing more.
func (l *login) capabilities(ctx context.Context, bound config.Binding, one sample, mount store.Mount, need needs) []Finding {
	a := about{area: Bindings, check: "access"}.of(cmp.Or(bound.Name, one.pattern))
	data, keys, metadata := apiPath(mount, "data", one.path), apiPath(mount, "subkeys", one.path), apiPath(mount, "metadata", one.path)
	stranger := madeUp + "-" + strings.ToLower(rand.Text()[:8])
	beside, elsewhere := apiPath(mount, "data", mount.Path+"/"+stranger), stranger+"/data/"+stranger
	may, err := l.client.Capabilities(ctx, l.role.Name, []string{data, keys, metadata, beside, elsewhere})
	if fault.CodeOf(err) == fault.Config {
		problem := fault.Of(err)[0]
		return []Finding{a.unchecked(problem.Fix, "%s", problem.Message)}
	}
	if err != nil {
		return l.vaultFaults(a, err)
	}
	var wanted []string
	for path, asked := range map[string]bool{data: need.values, keys: need.keys, metadata: need.metadata && mount.Version == 2} {
		if asked && !slices.Contains(wanted, path) {
			wanted = append(wanted, path)
		}
	}
	slices.Sort(wanted)
	var findings []Finding
	for _, path := range wanted {
		if !readable(may[path]) {
			findings = append(findings, l.denied(a, one, path))
		}
	}
	findings = append(findings, l.excess(a, may, []string{data, keys, metadata})...)
	findings = append(findings, l.wide(a, may, mount.Path+"/"+stranger, beside, elsewhere)...)
	if len(findings) > 0 {
		return findings
	}
	if len(wanted) == 0 {
		return []Finding{a.unchecked("", "%s: no environment reads Vault for it", one.pattern)}
	}
	return []Finding{a.ok("%s: the role %s may read it and nothing more%s", one.pattern, l.role.Name, metadataNote(may[metadata], mount))}
}

// metadataNote tells whether rotation could be turned on.
func metadataNote(may []string, mount store.Mount) string {
	if mount.Version != 2 || readable(may) {
		return ""
	}
	return "; not its metadata, which rotation would need"
}

func readable(capabilities []string) bool {
	return slices.Contains(capabilities, "read") || slices.Contains(capabilities, "root")
}

func (l *login) denied(a about, one sample, path string) Finding {
	if one.guessed {
		return a.warn(l.policy(), "%s: the role %s may not read %s, where %s is a made-up name; where your policies name each application, that may be right", one.pattern, l.role.Name, path, madeUp)
	}
	return a.fail(fault.Secret, l.policy(), "%s: the role %s may not read %s", one.pattern, l.role.Name, path)
}

// excess warns of rights on the binding's own paths that nothing needs.
func (l *login) excess(a about, may map[string][]string, paths []string) []Finding {
	var more []string
	for _, path := range paths {
		for _, one := range may[path] {
			if one != "read" && one != "deny" && !slices.Contains(more, one) {
				more = append(more, one)
			}
		}
	}
	slices.Sort(more)
	switch {
	case len(more) == 0:
		return nil
	case slices.Contains(more, "root"):
		return []Finding{a.warn(l.policy(), "the role %s may do everything: it has the policy root", l.role.Name)}
	}
	return []Finding{a.warn(l.policy(), "the role %s may also %s, and the sidecar only reads", l.role.Name, strings.Join(more, ", "))}
}

// wide warns of a role that reads what none of its bindings names.
func (l *login) wide(a about, may map[string][]string, logical, beside, elsewhere string) []Finding {
	switch {
	case slices.Contains(may[elsewhere], "root"):
		return nil // told already
	case readable(may[elsewhere]):
		return []Finding{a.warn(l.policy(), "the role %s may read any path of any engine", l.role.Name)}
	case readable(may[beside]) && !l.binds(logical):
		return []Finding{a.warn(l.policy(), "the role %s may read %s too, which no binding of it names", l.role.Name, logical)}
	}
	return nil
}

// anybody puts wildcards in the place of the application's names.
var anybody = strings.NewReplacer("{project}", "*", "{app}", "*", "{namespace}", "*")

// binds tells whether some binding of the role gives a logical path to anybody.
func (l *login) binds(logical string) bool {
	for _, bound := range l.bindings() {
		for _, text := range bound.Paths {
			if anybodys, err := pattern.Compile(anybody.Replace(text)); err == nil && anybodys.Match(logical) {
				return true
			}
		}
	}
	return false
}
