package inject

import (
	"cmp"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// VaultStaticSecret lets Vault Secrets Operator fetch the values. Its objects
// are written as plain data: the operator's licence keeps its code out.
type VaultStaticSecret struct {
	// AuthRef names the VaultAuth, as "name" or "namespace/name".
	AuthRef string
	// VaultNamespace is Vault's namespace; empty for none.
	VaultNamespace string
	// RefreshAfter is how often the operator reads anew; 0 means an hour.
	RefreshAfter time.Duration
}

var _ Injection = VaultStaticSecret{}

// staticPipes are sprig's names; the operator has sprig.
var staticPipes = map[string]string{"base64encode": "b64enc", "base64decode": "b64dec", "sha256sum": "sha256sum"}

// Inject returns one VaultStaticSecret. The operator restarts the workloads
// that use the Secret when it changes.
func (i VaultStaticSecret) Inject(secret *Secret, workloads []object.Object) ([]object.Object, error) {
	if secret.immutable() {
		return nil, secret.fault("immutable", "Vault Secrets Operator cannot make an immutable Secret").
			WithFix("leave immutable out, or use the injection %s", KindSealedSecret)
	}
	location, err := onePath(secret)
	if err != nil {
		return nil, err
	}
	destination := map[string]any{"create": true, "overwrite": false, "name": secret.Name(), "type": secret.secretType()}
	child := secret.childMetadata()
	for _, field := range []string{"labels", "annotations"} {
		if child[field] != nil {
			destination[field] = child[field]
		}
	}
	if destination["transformation"], err = i.transformation(secret); err != nil {
		return nil, err
	}
	spec := map[string]any{
		"vaultAuthRef": i.AuthRef, "mount": location.Mount.Path, "path": location.Path, "type": "kv-v" + strconv.Itoa(location.Mount.Version),
		"refreshAfter": oneUnit(cmp.Or(i.RefreshAfter, time.Hour)), "hmacSecretData": true, "destination": destination,
	}
	if i.VaultNamespace != "" {
		spec["namespace"] = i.VaultNamespace
	}
	if location.Version > 0 {
		spec["version"] = json.Number(strconv.Itoa(location.Version))
	}
	var restarts []any
	for _, workload := range secret.users(workloads) {
		switch kind := workload.Kind(); kind {
		case "Deployment", "StatefulSet", "DaemonSet", "Rollout":
			target := map[string]any{"kind": kind, "name": workload.Name()}
			if kind == "Rollout" {
				target["kind"] = "argo.Rollout"
			}
			restarts = append(restarts, target)
		}
	}
	if len(restarts) > 0 {
		spec["rolloutRestartTargets"] = restarts
	}
	return []object.Object{secret.emit(map[string]any{
		"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultStaticSecret", "metadata": secret.metadata(), "spec": spec,
	})}, nil
}

// oneUnit writes a duration in the largest unit that needs no second one: the
// operator's schema takes "90m" and not "1h30m".
func oneUnit(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}} {
		if d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + "s"
}

// onePath returns the one path and version that the custom resource can name.
func onePath(secret *Secret) (Location, error) {
	locations := append([]Location(nil), secret.Imports...)
	for _, entry := range secret.Entries {
		locations = append(locations, entry.Locations...)
	}
	if len(locations) == 0 {
		return Location{}, secret.fault("", "all keys with references are missing, so there is no path to read").
			WithFix("remove the Secret, or the annotation that lets keys be missing")
	}
	first := locations[0]
	for _, other := range locations {
		if other.Logical() != first.Logical() || other.Version != first.Version {
			return Location{}, secret.fault("", "a VaultStaticSecret reads one path at one version, and the Secret has several").
				WithFix("make one Secret for each path, or use the injection %s", KindSealedSecret)
		}
	}
	first.Key = ""
	return first, nil
}

func (i VaultStaticSecret) transformation(secret *Secret) (map[string]any, error) {
	transformation := map[string]any{"excludeRaw": true}
	if len(secret.Imports) == 0 {
		transformation["excludes"] = []any{".*"}
	}
	templates := map[string]any{}
	for n := range secret.Entries {
		entry := &secret.Entries[n]
		if entry.Literal() {
			if !utf8.Valid(entry.Value.Reveal()) {
				return nil, secret.fault("", "key %q has binary data, which a template cannot carry", entry.Key).
					WithFix("put it in Vault as base64, or use the injection %s", KindSealedSecret)
			}
			templates[entry.Key] = map[string]any{"text": escapeTemplate(string(entry.Value.Reveal()))}
			continue
		}
		text, err := secret.expression(entry, func(location Location) fetched {
			return fetched{words: "get .Secrets " + strconv.Quote(location.Key)}
		}, staticPipes)
		if err != nil {
			return nil, err
		}
		templates[entry.Key] = map[string]any{"text": text}
	}
	if len(templates) > 0 {
		transformation["templates"] = templates
	}
	return transformation, nil
}
