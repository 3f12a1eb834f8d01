// Package inject turns a Secret with references into what may leave the
// sidecar: ciphertext, or an object that tells something in the cluster where
// to fetch the values. [Plaintext] is the exception that migrations need.
package inject

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// Kind names an injection, as plugin.yaml and the application's parameter do.
type Kind string

// The injections.
const (
	KindSealedSecret        Kind = "sealed-secret"
	KindExternalSecret      Kind = "external-secret"
	KindVaultStaticSecret   Kind = "vault-static-secret"
	KindSecretProviderClass Kind = "secret-provider-class"
	KindVaultAgent          Kind = "vault-agent"
	KindPlaintext           Kind = "plaintext"
)

// Kinds returns all injections, the default first.
func Kinds() []Kind {
	return []Kind{KindSealedSecret, KindExternalSecret, KindVaultStaticSecret, KindSecretProviderClass, KindVaultAgent, KindPlaintext}
}

// ReadsValues tells whether an injection needs the values themselves. The
// others hand on where they are.
func (k Kind) ReadsValues() bool { return k == KindSealedSecret || k == KindPlaintext }

// Injection makes the objects that stand for a Secret. Inject may change the
// workloads, which are the caller's own copies of those in the Secret's
// namespace, and returns what replaces the Secret; faults carry their place. It is safe for concurrent use as
// long as each call has its own workloads.
type Injection interface {
	Inject(secret *Secret, workloads []object.Object) ([]object.Object, error)
}

// Secret is one Secret with references, cut into its entries.
type Secret struct {
	// Object is the Secret as it was rendered.
	Object object.Object
	// Namespace is where it will live: its own, or the destination's.
	Namespace string
	// Entries are sorted by key.
	Entries []Entry
	// Imports are the paths all of whose keys the Secret takes. Where values are
	// read, their keys are among the entries too.
	Imports []Location
	// APIVersions are what the destination serves: "group/version" and
	// "group/version/Kind".
	APIVersions []string
}

// Entry is one key of a Secret.
type Entry struct {
	Key string
	// Template is the text with its references; a literal has no reference.
	Template reference.Template
	// Locations say where the template's references point, in their order.
	Locations []Location
	// Decode means that the text is base64 of the entry's bytes.
	Decode bool
	// InData tells that the entry stood under data and not under stringData.
	InData bool
	// Value is the entry's bytes where the injection reads values, and for
	// every literal.
	Value value.Value
}

// Location is where a reference points, once its mount is known.
type Location struct {
	Mount store.Mount
	// Path is below the mount.
	Path string
	// Key is empty where all keys are meant, and for a pointer the whole secret.
	Key     string
	Version int
	// Pointer is set where the reference is to another store than Vault: then of
	// the fields above Key alone counts.
	Pointer *Pointer
}

// Pointer names a secret of another store than Vault.
type Pointer struct {
	// StoreKind and StoreName are the object of External Secrets Operator that
	// reads the store.
	StoreKind, StoreName string
	// Name is the secret's, as that object looks for it.
	Name string
	// Version is in the store's own words; empty means the latest.
	Version string
}

// Logical returns mount and path of Vault as people write them.
func (l Location) Logical() string { return l.Mount.Path + "/" + l.Path }

// APIPath returns the path that Vault's API reads the secret at.
func (l Location) APIPath() string {
	if l.Mount.Version == 2 {
		return l.Mount.Path + "/data/" + l.Path
	}
	return l.Logical()
}

// Literal tells whether the entry has no reference.
func (e *Entry) Literal() bool { return len(e.Locations) == 0 }

// Name returns the Secret's name.
func (s *Secret) Name() string { return s.Object.Name() }

// fault returns an E_INJECTION fault located at the Secret.
func (s *Secret) fault(field, format string, args ...any) *fault.Error {
	return s.Object.Fault(fault.Injection, field, format, args...)
}

// keys are what Kubernetes takes as keys of a Secret.
var keys = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,253}$`)

// CheckKey refuses a key that Kubernetes would.
func CheckKey(key string) *fault.Error {
	if !keys.MatchString(key) || key == "." || strings.HasPrefix(key, "..") {
		return fault.New(fault.Injection, "%q cannot be a key of a Secret", fault.Clean(key, 80)).
			WithFix("name the keys one by one, with letters, digits and - _ .")
	}
	return nil
}

// The annotations of sealed-secrets that decide who can unseal. They come from
// plugin.yaml alone.
const (
	scopeClusterWide   = "sealedsecrets.bitnami.com/cluster-wide"
	scopeNamespaceWide = "sealedsecrets.bitnami.com/namespace-wide"
)

// ScopeAnnotations returns the scope annotations that a Secret of the
// repository carries, which are dropped.
func ScopeAnnotations(o object.Object) []string {
	var found []string
	for _, name := range []string{scopeClusterWide, scopeNamespaceWide} {
		if _, ok := o.Annotations()[name]; ok {
			found = append(found, name)
		}
	}
	return found
}

// dropped are annotations that never go on: copies of the whole object, what
// decides who can unseal, and what this stage has consumed.
func dropped(name string) bool {
	switch name {
	case "kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration",
		scopeClusterWide, scopeNamespaceWide:
		return true
	}
	return strings.HasPrefix(name, "avp.kubernetes.io/")
}

// forArgo are annotations that speak to Argo CD about the emitted object and
// mean nothing on what a controller makes of it.
func forArgo(name string) bool {
	return strings.HasPrefix(name, "argocd.argoproj.io/") || strings.HasPrefix(name, "helm.sh/")
}

// metadata returns the metadata of the emitted object.
func (s *Secret) metadata() map[string]any {
	return s.filtered(func(name string) bool { return !dropped(name) })
}

// childMetadata returns the metadata of the Secret that a controller makes.
func (s *Secret) childMetadata() map[string]any {
	return s.filtered(func(name string) bool { return !dropped(name) && !forArgo(name) })
}

// filtered builds metadata from the few fields that mean something to people:
// what else a Secret carries belongs to the cluster that it was copied from.
func (s *Secret) filtered(keep func(annotation string) bool) map[string]any {
	metadata := map[string]any{"name": s.Name()}
	if s.Namespace != "" {
		metadata["namespace"] = s.Namespace
	}
	if labels := s.Object.Labels(); len(labels) > 0 {
		metadata["labels"] = anyMap(labels)
	}
	annotations := map[string]any{}
	for name, text := range s.Object.Annotations() {
		if keep(name) {
			annotations[name] = text
		}
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	return metadata
}

// secretType returns the Secret's type, Opaque where it has none.
func (s *Secret) secretType() string {
	if text, ok := s.Object.Fields["type"].(string); ok && text != "" {
		return text
	}
	return "Opaque"
}

// immutable tells whether the Secret asks to be so.
func (s *Secret) immutable() bool {
	set, _ := s.Object.Fields["immutable"].(bool)
	return set
}

// emit returns an object that keeps the Secret's place in the source.
func (s *Secret) emit(fields map[string]any) object.Object {
	return object.Object{Fields: fields, File: s.Object.File, Line: s.Object.Line}
}

// serves tells whether the destination serves a group and version.
func (s *Secret) serves(groupVersion string) bool {
	return slices.ContainsFunc(s.APIVersions, func(text string) bool {
		return text == groupVersion || strings.HasPrefix(text, groupVersion+"/")
	})
}

// shortened keeps a name within a limit: where it is longer, a hash of all of
// it replaces its end, so that two long names stay two.
func shortened(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	suffix := "-" + hex.EncodeToString(sum[:4])
	return strings.TrimRight(name[:limit-len(suffix)], "-._") + suffix
}

func anyMap(texts map[string]string) map[string]any {
	fields := make(map[string]any, len(texts))
	for key, text := range texts {
		fields[key] = text
	}
	return fields
}
