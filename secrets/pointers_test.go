package secrets_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// withStores lets the tests' application refer to three stores beside Vault.
func withStores(rule *binding.Rule, _ *secrets.Environment) {
	rule.Stores = []binding.Store{
		{Provider: "aws-sm", Names: []string{"team/*"}, StoreName: "aws"},
		{Provider: "gcp-sm", Names: []string{"team-*"}, Project: "shop-prod", Kind: "SecretStore", StoreName: "gcp"},
		{Provider: "azure-kv", Names: []string{"team-*"}, StoreName: "azure"},
	}
}

// onlyStores is a binding for other stores alone, as its platform has no Vault.
func onlyStores(rule *binding.Rule, environment *secrets.Environment) {
	withStores(rule, environment)
	rule.Role, rule.Paths, rule.NonSecret = "", nil, nil
}

// external is the ExternalSecret of the name db with this in its spec.
func external(spec string) string {
	return `apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: db, namespace: prod}
spec:
  refreshInterval: 1h0m0s
  refreshPolicy: Periodic
` + spec
}

const (
	awsStore  = "  secretStoreRef: {name: aws, kind: ClusterSecretStore}\n"
	plainRest = ", conversionStrategy: Default, decodingStrategy: None, metadataPolicy: None}"
)

// target ends the spec of an ExternalSecret; data are templates for its keys.
func target(data string) string {
	if data != "" {
		data = ", data: " + data
	}
	return "  target: {name: db, creationPolicy: Owner, deletionPolicy: Retain, immutable: false, template: {engineVersion: v2, mergePolicy: Replace, type: Opaque, metadata: {}" + data + "}}\n"
}

// pointerCases are Secrets and the ExternalSecrets that they become.
var pointerCases = []struct {
	name, data string
	injection  inject.Kind
	want       string
}{
	{"a key and a whole secret", "stringData: {a: <aws-sm:team/db#user>, b: <aws-sm:team/cert>}", "", external(awsStore +
		"  data:\n  - {secretKey: a, remoteRef: {key: team/db, property: user" + plainRest + "}\n  - {secretKey: b, remoteRef: {key: team/cert" + plainRest + "}\n" + target(""))},
	{"whatever is chosen for Vault", "stringData: {a: <aws-sm:team/db#user>}", inject.KindVaultStaticSecret, external(awsStore +
		"  data: [{secretKey: a, remoteRef: {key: team/db, property: user" + plainRest + "}]\n" + target(""))},
	{"versions in each store's words", "stringData: {a: <aws-sm:team/db#user#AWSPREVIOUS>, b: <gcp-sm:projects/shop-prod/secrets/team-db##7>, c: <azure-kv:team-db#k#fedcba9876543210fedcba9876543210>}", "", external(awsStore + `  data:
  - {secretKey: a, remoteRef: {key: team/db, property: user, version: AWSPREVIOUS` + plainRest + `}
  - {secretKey: b, remoteRef: {key: team-db, version: "7"` + plainRest + `, sourceRef: {storeRef: {name: gcp, kind: SecretStore}}}
  - {secretKey: c, remoteRef: {key: team-db, property: k, version: fedcba9876543210fedcba9876543210` + plainRest + `, sourceRef: {storeRef: {name: azure, kind: ClusterSecretStore}}}
` + target(""))},
	{"inside of a longer text", "stringData: {url: 'pg://<aws-sm:team/db#user>:<azure-kv:team-pass>@h/{{x}}'}", "", external(awsStore + `  data:
  - {secretKey: r0, remoteRef: {key: team/db, property: user` + plainRest + `}
  - {secretKey: r1, remoteRef: {key: team-pass` + plainRest + `, sourceRef: {storeRef: {name: azure, kind: ClusterSecretStore}}}
` + target(`{url: "pg://{{ .r0 }}:{{ .r1 }}@h/{{ `+"`{{`"+` }}x}}"}`))},
	{"base64 under data, and raw", "data: {a: " + encoded("u=<aws-sm:team/db#user>") + ", b: <aws-sm:team/cert>}", "", external(awsStore + `  data:
  - {secretKey: r0, remoteRef: {key: team/db, property: user` + plainRest + `}
  - {secretKey: r1, remoteRef: {key: team/cert` + plainRest + `}
` + target(`{a: "u={{ .r0 }}", b: "{{ .r1 }}"}`))},
	{"all keys of a secret", "stringData: <aws-sm:team/db##AWSCURRENT>", "", external(awsStore +
		"  dataFrom: [{extract: {key: team/db, version: AWSCURRENT" + plainRest + "}]\n" + target(""))},
	{"beside Vault's", "stringData: {a: <vault:kv/demo/db#username>, b: <aws-sm:team/db#pass>}", inject.KindExternalSecret, external(`  secretStoreRef: {name: vault, kind: ClusterSecretStore}
  data:
  - {secretKey: a, remoteRef: {key: kv/demo/db, property: username` + plainRest + `}
  - {secretKey: b, remoteRef: {key: team/db, property: pass` + plainRest + `, sourceRef: {storeRef: {name: aws, kind: ClusterSecretStore}}}
` + target(""))},
}

func TestPointersBecomeExternalSecrets(t *testing.T) {
	for _, test := range pointerCases {
		t.Run(test.name, func(t *testing.T) {
			var first string
			for range 2 {
				result, err := apply(t, newStage(t, withStores), secrets.Request{Identity: identity, Injection: test.injection, Objects: parse(t, secretWith(test.data))})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(encode(t, parse(t, test.want)), encode(t, result.Objects)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got := encode(t, result.Objects); first != "" && got != first {
					t.Error("a second render gives other bytes")
				} else {
					first = got
				}
			}
		})
	}
}

func TestOlderOperatorGetsItsVersion(t *testing.T) {
	result, err := apply(t, newStage(t, withStores), secrets.Request{
		Identity: identity, Objects: parse(t, secretWith("stringData: {a: <aws-sm:team/db#user>}")), APIVersions: []string{"external-secrets.io/v1beta1/ExternalSecret"},
	})
	if err != nil || result.Objects[0].APIVersion() != "external-secrets.io/v1beta1" {
		t.Errorf("%v, %s", err, encode(t, result.Objects))
	}
}

func TestPointersAskNobody(t *testing.T) {
	stage := newStage(t, onlyStores)
	counting := &counter{Source: stage.Source}
	stage.Source = counting
	result, err := run(t, stage, secretWith("stringData: {a: <aws-sm:team/db#user>}")+"\n---\n"+deployment)
	if err != nil {
		t.Fatal(err)
	}
	if counting.reads+counting.keys+counting.locates != 0 {
		t.Errorf("%d reads, %d proofs, %d look-ups", counting.reads, counting.keys, counting.locates)
	}
	if strings.Contains(encode(t, result.Objects), "secrets-checksum") || result.Certificate != "" {
		t.Errorf("a pointer has a checksum or a certificate: %s", encode(t, result.Objects))
	}
	// The rest of the application is as it was.
	stage.Source = store.None{}
	if _, err := run(t, stage, secretWith("stringData: {a: <aws-sm:team/db#user>}")); err != nil {
		t.Errorf("without any Vault: %v", err)
	}
	if _, err := run(t, stage, secretWith("stringData: {a: <vault:kv/demo/db#username>}")); fault.CodeOf(err) != fault.Forbidden {
		t.Errorf("a path of Vault without a binding: %v", err)
	}
}

func TestPointersAreLifted(t *testing.T) {
	manifest := `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
      - {name: app, env: [{name: A, value: <vault:kv/demo/db#username>}, {name: B, value: <aws-sm:team/db#pass>}, {name: C, value: plain}]}`
	result, err := run(t, newStage(t, withStores), manifest)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range result.Objects {
		names = append(names, o.String())
	}
	want := []string{"SealedSecret prod/web-deployment-env", "ExternalSecret prod/web-deployment-env-external", "Deployment web"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	pod, _ := inject.PodOf(result.Objects[2])
	from := func(name, secret string) any {
		return map[string]any{"name": name, "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": secret, "key": "app." + name}}}
	}
	wantEnv := []any{from("A", "web-deployment-env"), from("B", "web-deployment-env-external"), map[string]any{"name": "C", "value": "plain"}}
	if diff := cmp.Diff(any(wantEnv), pod.Containers()[0].Fields["env"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// refusals are manifests that nothing may come out of, with what the report says.
var refusals = []struct {
	name, manifest string
	edit           func(*binding.Rule, *secrets.Environment)
	code           fault.Code
	field, says    string
}{
	{"not bound", secretWith("stringData: {a: <aws-sm:other/db#user>}"), nil, fault.Forbidden, "stringData.a", "no binding lets this application refer to other/db of aws-sm"},
	{"bound in another store", secretWith("stringData: {a: <gcp-sm:db#user>}"), nil, fault.Forbidden, "stringData.a", "refer to db of gcp-sm"},
	{"another project", secretWith("stringData: {a: <gcp-sm:projects/other-prod/secrets/team-db>}"), nil, fault.Forbidden, "stringData.a", "refer to projects/other-prod/secrets/team-db of gcp-sm"},
	{"a modifier", secretWith("stringData: {a: '<aws-sm:team/db#user | base64encode>'}"), nil, fault.Modifier, "stringData.a", "no value of aws-sm is read here"},
	{"a ConfigMap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: <aws-sm:team/db#user>}", nil, fault.RefPosition, "data.a", "its value is not read"},
	{"a part of a variable", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: E, value: 'x<aws-sm:team/db#user>'}]}]}", nil, fault.RefPosition, "spec.containers[0].env[0].value", "its value is not read"},
	{"another namespace", strings.Replace(secretWith("stringData: {a: <aws-sm:team/db#user>}"), "name: db", "name: db, namespace: other", 1), nil, fault.Namespace, "metadata.namespace", "other"},
	{"mixed with what is sealed", secretWith("stringData: {a: <vault:kv/demo/db#username>, b: <aws-sm:team/db#user>}"), nil, fault.Injection, "stringData.b",
		"stringData.a refers to Vault and is injected as sealed-secret, stringData.b refers to aws-sm and becomes an ExternalSecret"},
	{"external-secret is not allowed", secretWith("stringData: {a: <aws-sm:team/db#user>}"), func(_ *binding.Rule, e *secrets.Environment) {
		e.Allowed = []inject.Kind{inject.KindSealedSecret}
	}, fault.Injection, "stringData.a", "the injection external-secret is not allowed here; fix: ask the platform team to add external-secret to injection.allowed"},
	{"the binding does not allow it", secretWith("stringData: {a: <aws-sm:team/db#user>}"), func(rule *binding.Rule, _ *secrets.Environment) {
		rule.Injections = []string{"sealed-secret"}
	}, fault.Injection, "stringData.a", "not allowed here"},
	{"a literal beside it", secretWith("stringData: {a: <aws-sm:team/db#user>, b: literal}"), nil, fault.PlainSecret, "stringData.b", "in clear"},
	{"no store for Vault", secretWith("stringData: {a: <vault:kv/demo/db#username>, b: <aws-sm:team/db#user>}"), func(_ *binding.Rule, e *secrets.Environment) {
		e.Default = inject.KindExternalSecret
		e.Injections[inject.KindExternalSecret] = inject.ExternalSecret{}
	}, fault.Injection, "", "no store for Vault"},
	{"a key that takes all", secretWith("stringData: <aws-sm:team/db#user>"), nil, fault.RefPosition, "stringData", "one reference to a whole path"},
}

func TestPointersAreRefused(t *testing.T) {
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			edits := []func(*binding.Rule, *secrets.Environment){withStores}
			if test.edit != nil {
				edits = append(edits, test.edit)
			}
			stage := newStage(t, edits...)
			_, err := run(t, stage, test.manifest)
			faults := fault.Of(err)
			if len(faults) != 1 || faults[0].Code != test.code || faults[0].Field != test.field || !strings.Contains(faults[0].Error(), test.says) {
				t.Fatalf("got %v, want %s at %q that says %q", err, test.code, test.field, test.says)
			}
			if faults[0].Fix == "" || faults[0].File != "app.yaml" || faults[0].Object == "" {
				t.Errorf("it has no way out or no place: %+v", faults[0])
			}
			// A preview, as argocd-seal check makes it, says the same; but for what only
			// the injection itself finds.
			_, previewed := stage.Preview(secrets.Request{Identity: identity, Objects: parse(t, test.manifest)})
			if test.says != "no store for Vault" && (len(previewed) != 1 || previewed[0].Error() != faults[0].Error()) {
				t.Errorf("the preview says %v", previewed)
			}
		})
	}
}

// One binding that is refused refuses all: nothing is asked of Vault for the rest.
func TestForbiddenPointerStopsReads(t *testing.T) {
	stage := newStage(t, withStores)
	counting := &counter{Source: stage.Source}
	stage.Source = counting
	_, err := run(t, stage, secretWith("stringData: {a: <vault:kv/demo/db#username>}")+"\n---\n"+strings.Replace(secretWith("stringData: {a: <aws-sm:other/db>}"), "name: db", "name: x", 1))
	if fault.CodeOf(err) != fault.Forbidden || counting.reads+counting.locates != 0 {
		t.Errorf("%v after %d requests", err, counting.reads+counting.locates)
	}
	uploaded := identity
	uploaded.Revision = "streamed"
	_, err = apply(t, stage, secrets.Request{Identity: uploaded, Objects: parse(t, secretWith("stringData: {a: <aws-sm:team/db>}"))})
	if fault.CodeOf(err) != fault.IdentityStreamed {
		t.Errorf("uploaded files: %v", err)
	}
}

func TestUsedNamesPointers(t *testing.T) {
	result, err := apply(t, newStage(t, withStores), secrets.Request{Identity: identity, Injection: inject.KindExternalSecret, Objects: parse(t, secretWith(
		"stringData: {a: <aws-sm:team/db#user>, b: 'x<aws-sm:team/db#user>', c: <gcp-sm:team-db##7>, d: <vault:kv/demo/db#password>}"))})
	if err != nil {
		t.Fatal(err)
	}
	want := []secrets.Usage{
		{Binding: "shop", Mount: "kv", Path: "demo/db", Key: "password"},
		{Binding: "shop", Store: "aws-sm", Path: "team/db", Key: "user"},
		{Binding: "shop", Store: "gcp-sm", Path: "team-db", Label: "7", Pinned: true},
	}
	if diff := cmp.Diff(want, result.Used); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := result.Injections; len(got) != 1 || got[0].Kind != inject.KindExternalSecret || !slices.Equal(got[0].Keys, []string{"a", "b", "c", "d"}) {
		t.Errorf("injections are %+v", got)
	}
}

// On a laptop any name may be referred to. The objects that read are those of the
// bindings, where there are any.
func TestPointersOffline(t *testing.T) {
	stage := newStage(t, withStores)
	stage.Source, stage.Local = store.Fakes{}, true
	request := secrets.Request{Identity: secrets.Identity{Namespace: "dev"}, Objects: parse(t, secretWith("stringData: {a: <gcp-sm:team-db>, b: <azure-kv:other>}"))}
	for _, bound := range []bool{true, false} {
		want := `{"kind":"SecretStore","name":"gcp"}`
		if !bound {
			stage.Bindings, want = nil, `{"kind":"ClusterSecretStore","name":"gcp-sm"}`
		}
		result, err := apply(t, stage, request)
		if err != nil {
			t.Fatal(err)
		}
		if got := encode(t, result.Objects); !strings.Contains(got, `"secretStoreRef":`+want) || !strings.Contains(got, `"storeRef":{"kind":"ClusterSecretStore","name":"azure-kv"}`) {
			t.Errorf("with bindings %t: %s", bound, got)
		}
	}
}
