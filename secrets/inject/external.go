package inject

import (
	"cmp"
	"fmt"
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
	spec := map[string]any{
		// In the form that metav1.Duration stores: 1h0m0s.
		"refreshInterval": cmp.Or(i.RefreshInterval, time.Hour).String(),
		"secretStoreRef":  map[string]any{"name": i.StoreName, "kind": cmp.Or(i.StoreKind, "ClusterSecretStore")},
	}
	version := i.version(secret)
	if version == externalGroup+"/v1" {
		spec["refreshPolicy"] = "Periodic"
	}
	data, templated, err := i.entries(secret)
	if err != nil {
		return nil, err
	}
	if len(data) > 0 {
		spec["data"] = data
	}
	var imports []any
	for _, location := range secret.Imports {
		imports = append(imports, map[string]any{"extract": remote(location, false)})
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
func (i ExternalSecret) entries(secret *Secret) (data []any, templated map[string]any, err error) {
	simple := true
	for n := range secret.Entries {
		_, _, direct := secret.Entries[n].direct()
		simple = simple && direct
	}
	if simple {
		for n := range secret.Entries {
			location, decode, _ := secret.Entries[n].direct()
			data = append(data, map[string]any{"secretKey": secret.Entries[n].Key, "remoteRef": remote(location, decode)})
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
			data = append(data, map[string]any{"secretKey": name, "remoteRef": remote(location, false)})
			return fetched{words: "." + name}
		}, externalPipes)
		if fail != nil {
			return nil, nil, fail
		}
		templated[entry.Key] = text
	}
	return data, templated, nil
}

// remote is one remoteRef. The operator's Vault provider adds the segment that
// KV version 2 needs; it takes the path with its mount.
func remote(location Location, decode bool) map[string]any {
	ref := map[string]any{
		"key": location.Logical(), "conversionStrategy": "Default", "decodingStrategy": "None", "metadataPolicy": "None",
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
