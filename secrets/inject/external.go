package inject

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// ExternalSecret lets External Secrets Operator fetch the values. Every default
// of its custom resource is written out, since Argo CD shows what a webhook
// or the schema adds as a difference.
type ExternalSecret struct {
	// StoreName and StoreKind name the SecretStore or ClusterSecretStore.
	StoreName string
	StoreKind string
	// RefreshInterval is how often the operator reads anew; 0 means an hour.
	RefreshInterval time.Duration
}

var _ Injection = ExternalSecret{}

const externalGroup = "external-secrets.io"

// externalPipes are the template functions of the operator (its
// runtime/template/v2 and sprig).
var externalPipes = map[string]string{"base64encode": "b64enc", "base64decode": "b64dec", "sha256sum": "sha256sum"}

// Inject returns one ExternalSecret.
func (i ExternalSecret) Inject(secret *Secret, _ []object.Object) ([]object.Object, error) {
	stores, err := i.stores(secret)
	if err != nil {
		return nil, err
	}
	spec := map[string]any{
		// In the form that metav1.Duration stores: 1h0m0s.
		"refreshInterval": cmp.Or(i.RefreshInterval, time.Hour).String(),
		"secretStoreRef":  stores.main.fields(),
	}
	version := i.version(secret)
	if version == externalGroup+"/v1" {
		spec["refreshPolicy"] = "Periodic"
	}
	data, templated, err := stores.entries(secret)
	if err != nil {
		return nil, err
	}
	if len(data) > 0 {
		spec["data"] = data
	}
	var imports []any
	for _, location := range secret.Imports {
		imports = append(imports, stores.from(location, map[string]any{"extract": remote(location, false)}))
	}
	if len(imports) > 0 {
		spec["dataFrom"] = imports
	}
	child := secret.childMetadata()
	metadata := map[string]any{}
	for _, field := range []string{"labels", "annotations"} {
		if child[field] != nil {
			metadata[field] = child[field]
		}
	}
	template := map[string]any{"engineVersion": "v2", "mergePolicy": "Replace", "type": secret.secretType(), "metadata": metadata}
	if templated != nil {
		template["data"] = templated
	}
	spec["target"] = map[string]any{
		"name": secret.Name(), "creationPolicy": "Owner", "deletionPolicy": "Retain",
		"immutable": secret.immutable(), "template": template,
	}
	return []object.Object{secret.emit(map[string]any{
		"apiVersion": version, "kind": "ExternalSecret", "metadata": secret.metadata(), "spec": spec,
	})}, nil
}

// version picks the newest version that the destination serves; v1 where it
// does not say.
func (i ExternalSecret) version(secret *Secret) string {
	if !secret.serves(externalGroup+"/v1") && secret.serves(externalGroup+"/v1beta1") {
		return externalGroup + "/v1beta1"
	}
	return externalGroup + "/v1"
}

// entries returns the remote references, and a template for all keys where one
// of them is more than a whole value.
func (s stores) entries(secret *Secret) (data []any, templated map[string]any, err error) {
	simple := true
	for n := range secret.Entries {
		_, _, direct := secret.Entries[n].direct()
		simple = simple && direct
	}
	if simple {
		for n := range secret.Entries {
			location, decode, _ := secret.Entries[n].direct()
			data = append(data, s.from(location, map[string]any{"secretKey": secret.Entries[n].Key, "remoteRef": remote(location, decode)}))
		}
		return data, nil, nil
	}
	if len(secret.Imports) > 0 {
		return nil, nil, secret.fault("", "a whole path and composed keys cannot stand in one ExternalSecret").
			WithFix("put them into two Secrets")
	}
	templated = map[string]any{}
	for n := range secret.Entries {
		entry := &secret.Entries[n]
		if entry.Literal() {
			if !utf8.Valid(entry.Value.Reveal()) {
				return nil, nil, secret.fault("", "key %q has binary data, which a template cannot carry", entry.Key).
					WithFix("put it in Vault as base64, or use the injection %s", KindSealedSecret)
			}
			templated[entry.Key] = escapeTemplate(string(entry.Value.Reveal()))
			continue
		}
		text, fail := secret.expression(entry, func(location Location) fetched {
			name := fmt.Sprintf("r%d", len(data))
			data = append(data, s.from(location, map[string]any{"secretKey": name, "remoteRef": remote(location, false)}))
			return fetched{words: "." + name}
		}, externalPipes)
		if fail != nil {
			return nil, nil, fail
		}
		templated[entry.Key] = text
	}
	return data, templated, nil
}

// storeRef names the object of the operator that reads a store.
type storeRef struct{ kind, name string }

func (r storeRef) fields() map[string]any { return map[string]any{"name": r.name, "kind": r.kind} }

// stores are those that one ExternalSecret reads from: the main one, which stands
// for all that names no other, and the one for Vault.
type stores struct{ main, vault storeRef }

// stores picks the main store: that for Vault where the Secret refers to Vault,
// else that of its first reference, so that the usual ExternalSecret names one only.
func (i ExternalSecret) stores(secret *Secret) (stores, error) {
	s := stores{vault: storeRef{cmp.Or(i.StoreKind, "ClusterSecretStore"), i.StoreName}}
	locations := slices.Clone(secret.Imports)
	for _, entry := range secret.Entries {
		locations = append(locations, entry.Locations...)
	}
	if len(locations) > 0 && !slices.ContainsFunc(locations, func(l Location) bool { return l.Pointer == nil }) {
		s.main = s.of(locations[0])
		return s, nil
	}
	if i.StoreName == "" {
		return s, secret.fault("", "the environment has no store for Vault that an ExternalSecret could name").
			WithFix("use another injection, or ask the platform team to set injection.externalSecret.store")
	}
	s.main = s.vault
	return s, nil
}

func (s stores) of(location Location) storeRef {
	if location.Pointer == nil {
		return s.vault
	}
	return storeRef{location.Pointer.StoreKind, location.Pointer.StoreName}
}

// from adds to an item where it comes from, if that is not the main store.
func (s stores) from(location Location, item map[string]any) map[string]any {
	if ref := s.of(location); ref != s.main {
		item["sourceRef"] = map[string]any{"storeRef": ref.fields()}
	}
	return item
}

// remote is one remoteRef. The operator's Vault provider adds the segment that
// KV version 2 needs; it takes the path with its mount.
func remote(location Location, decode bool) map[string]any {
	ref := map[string]any{
		"key": location.Logical(), "conversionStrategy": "Default", "decodingStrategy": "None", "metadataPolicy": "None",
	}
	if pointer := location.Pointer; pointer != nil {
		ref["key"] = pointer.Name
		if pointer.Version != "" {
			ref["version"] = pointer.Version
		}
	}
	if decode {
		ref["decodingStrategy"] = "Base64"
	}
	if location.Key != "" {
		ref["property"] = location.Key
	}
	if location.Version > 0 {
		ref["version"] = strconv.Itoa(location.Version)
	}
	return ref
}
