package secrets_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// at follows names into an object.
func at(o object.Object, path ...string) any {
	var node any = o.Fields
	for _, name := range path {
		switch held := node.(type) {
		case map[string]any:
			node = held[name]
		case []any:
			node = held[0].(map[string]any)[name]
		}
	}
	return node
}

// TestTypesSurviveEveryInjection: Kubernetes refuses a Secret of a type without
// the keys that the type needs, and never lets a type change.
func TestTypesSurviveEveryInjection(t *testing.T) {
	types := map[string][]string{
		"kubernetes.io/tls":              {"tls.crt", "tls.key"},
		"kubernetes.io/dockerconfigjson": {".dockerconfigjson"},
		"kubernetes.io/basic-auth":       {"password", "username"},
		"kubernetes.io/ssh-auth":         {"ssh-privatekey"},
	}
	places := map[inject.Kind][]string{
		inject.KindSealedSecret:        {"spec", "template", "type"},
		inject.KindExternalSecret:      {"spec", "target", "template", "type"},
		inject.KindVaultStaticSecret:   {"spec", "destination", "type"},
		inject.KindSecretProviderClass: {"spec", "secretObjects", "type"},
		inject.KindPlaintext:           {"type"},
	}
	for secretType, keys := range types {
		for kind, place := range places {
			manifest := "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ntype: " + secretType + "\nstringData:\n"
			for _, key := range keys {
				manifest += "  " + key + ": <vault:kv/demo/db#password>\n"
			}
			stage := newStage(t, allowPlaintext)
			result, err := apply(t, stage, secrets.Request{Identity: identity, Injection: kind, Objects: parse(t, manifest+"---\n"+deployment)})
			if err != nil {
				t.Errorf("%s with %s: %v", secretType, kind, err)
				continue
			}
			o := result.Objects[0]
			if got := at(o, place...); got != secretType {
				t.Errorf("%s with %s has the type %v", secretType, kind, got)
			}
			if diff := cmp.Diff(keys, keysOf(o, kind)); diff != "" {
				t.Errorf("%s with %s (-want +got):\n%s", secretType, kind, diff)
			}
		}
	}
}

func allowPlaintext(rule *binding.Rule, _ *secrets.Environment) {
	for _, kind := range inject.Kinds() {
		rule.Injections = append(rule.Injections, string(kind))
	}
}

// keysOf returns the keys that the Secret in the cluster will have.
func keysOf(o object.Object, kind inject.Kind) []string {
	var keys []string
	inMap := func(node any) {
		for key := range node.(map[string]any) {
			keys = append(keys, key)
		}
	}
	inList := func(node any, field string) {
		for _, item := range node.([]any) {
			keys = append(keys, item.(map[string]any)[field].(string))
		}
	}
	switch kind {
	case inject.KindSealedSecret:
		inMap(at(o, "spec", "encryptedData"))
	case inject.KindExternalSecret:
		inList(at(o, "spec", "data"), "secretKey")
	case inject.KindVaultStaticSecret:
		inMap(at(o, "spec", "destination", "transformation", "templates"))
	case inject.KindSecretProviderClass:
		inList(at(o, "spec", "secretObjects", "data"), "key")
	default:
		inMap(at(o, "stringData"))
	}
	slices.Sort(keys)
	return keys
}

// TestImmutableSurvivesOrIsRefused: no injection drops it silently.
func TestImmutableSurvivesOrIsRefused(t *testing.T) {
	manifest := "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nimmutable: true\nstringData: {k: <vault:kv/demo/db#password>}\n---\n" + deployment
	for kind, place := range map[inject.Kind][]string{
		inject.KindSealedSecret:        {"spec", "template", "immutable"},
		inject.KindExternalSecret:      {"spec", "target", "immutable"},
		inject.KindPlaintext:           {"immutable"},
		inject.KindVaultStaticSecret:   nil,
		inject.KindSecretProviderClass: nil,
	} {
		result, err := apply(t, newStage(t, allowPlaintext), secrets.Request{Identity: identity, Injection: kind, Objects: parse(t, manifest)})
		switch {
		case place == nil && (fault.CodeOf(err) != fault.Injection || fault.Of(err)[0].Field != "immutable" || fault.Of(err)[0].Fix == ""):
			t.Errorf("%s: %v, want E_INJECTION at immutable", kind, err)
		case place != nil && err != nil:
			t.Errorf("%s: %v", kind, err)
		case place != nil && at(result.Objects[0], place...) != true:
			t.Errorf("%s drops immutable", kind)
		}
	}
}

// TestLiftedVariablesInEveryInjection: the Secret that variables move into
// exists only in the output, and the workload must still be able to use it.
func TestLiftedVariablesInEveryInjection(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: E, value: <vault:kv/demo/db#password>}]}, {name: d}]}"
	for kind, want := range map[inject.Kind]string{
		inject.KindSealedSecret: "SealedSecret", inject.KindExternalSecret: "ExternalSecret", inject.KindVaultStaticSecret: "VaultStaticSecret",
		inject.KindSecretProviderClass: "SecretProviderClass", inject.KindVaultAgent: "",
	} {
		result, err := apply(t, newStage(t), secrets.Request{Identity: identity, Injection: kind, Objects: parse(t, pod)})
		if want == "" {
			// The agent writes files and no variables.
			if list := fault.Of(err); len(list) != 1 || list[0].Code != fault.Injection || list[0].Object != "Pod p" || list[0].Field != "spec.containers[0].env[0]" {
				t.Errorf("%s: %v, want E_INJECTION at the variable", kind, err)
			}
			continue
		}
		if err != nil || len(result.Objects) != 2 || result.Objects[0].Kind() != want || result.Objects[0].Name() != "p-pod-env" {
			t.Errorf("%s: %v, %s", kind, err, encode(t, result.Objects))
			continue
		}
		wantRef := map[string]any{"name": "p-pod-env", "key": "c.E"}
		if diff := cmp.Diff(any(wantRef), at(result.Objects[1], "spec", "containers", "env", "valueFrom", "secretKeyRef")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
		mounted := at(result.Objects[1], "spec", "volumes", "csi", "volumeAttributes", "secretProviderClass")
		if want := map[bool]any{true: "p-pod-env"}[kind == inject.KindSecretProviderClass]; mounted != want {
			t.Errorf("%s mounts %v, want %v", kind, mounted, want)
		}
	}
}

func TestVariablesThatCannotBeLifted(t *testing.T) {
	pod := func(name, metadata string) string {
		return "apiVersion: v1\nkind: Pod\nmetadata: {name: p" + metadata + "}\nspec: {containers: [{name: c, env: [{name: '" + name + "', value: <vault:kv/demo/db#password>}]}]}"
	}
	for _, test := range []struct {
		name, manifest string
		code           fault.Code
		field          string
	}{
		{"a name that no key can have", pod("A/B", ""), fault.Injection, "spec.containers[0].env[0].value"},
		{"a name that is too long", pod(strings.Repeat("A", 253), ""), fault.Injection, "spec.containers[0].env[0].value"},
		{"remove-missing, which only a map of entries can obey", pod("E", `, annotations: {avp.kubernetes.io/remove-missing: "true"}`), fault.RefSyntax, "metadata.annotations[avp.kubernetes.io/remove-missing]"},
	} {
		_, err := run(t, newStage(t), test.manifest)
		if list := fault.Of(err); len(list) != 1 || list[0].Code != test.code || list[0].Field != test.field || list[0].File != "app.yaml" {
			t.Errorf("%s: %v, want one %s at %s", test.name, err, test.code, test.field)
		}
	}
	long, err := run(t, newStage(t), strings.Replace(pod("E", ""), "name: p", "name: "+strings.Repeat("a", 244)+".b", 1))
	if err != nil || long.Objects[0].Name() != strings.Repeat("a", 244)+"-pod-env" {
		t.Errorf("a name that is cut at a dot: %v", err)
	}
}

// TestOptionalKeysOfOtherSecretsStay: only values are moved; what points to a
// Secret already stays as it is.
func TestOptionalKeysOfOtherSecretsStay(t *testing.T) {
	const env = `[{name: A, valueFrom: {secretKeyRef: {name: other, key: k, optional: true}}}, {name: B, value: plain}`
	result, err := run(t, newStage(t), "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: "+env+", {name: C, value: <vault:kv/demo/db#password>}]}]}")
	if err != nil {
		t.Fatal(err)
	}
	want := parse(t, "env: "+env+", {name: C, valueFrom: {secretKeyRef: {name: p-pod-env, key: c.C}}}]")[0].Fields["env"]
	if diff := cmp.Diff(want, at(result.Objects[1], "spec", "containers", "env")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
