package inject_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

func parse(t *testing.T, text string) object.Object {
	t.Helper()
	converted, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(converted))
	decoder.UseNumber()
	o := object.Object{File: "app.yaml"}
	if err := decoder.Decode(&o.Fields); err != nil {
		t.Fatal(err)
	}
	return o
}

// newSecret cuts a Secret's stringData as the stage does, with every reference
// on the KV 2 mount "kv".
func newSecret(t *testing.T, texts map[string]string, versions ...string) *inject.Secret {
	t.Helper()
	secret := &inject.Secret{
		Object:    parse(t, `{apiVersion: v1, kind: Secret, metadata: {name: db, labels: {app: shop}, annotations: {argocd.argoproj.io/sync-wave: "1", owner: me}}}`),
		Namespace: "prod", APIVersions: versions,
	}
	for _, key := range []string{"a", "b", "c"} {
		text, ok := texts[key]
		if !ok {
			continue
		}
		template, _, err := reference.Find(text, reference.Annotations{})
		if err != nil {
			t.Fatal(err)
		}
		entry := inject.Entry{Key: key, Template: template}
		if template == nil {
			entry.Value = value.FromString(text)
		}
		for _, ref := range template.References() {
			entry.Locations = append(entry.Locations, locate(ref))
		}
		secret.Entries = append(secret.Entries, entry)
	}
	return secret
}

func locate(ref *reference.Reference) inject.Location {
	return inject.Location{Mount: store.Mount{Path: "kv", Version: 2}, Path: strings.TrimPrefix(ref.Path, "kv/"), Key: ref.Key, Version: ref.Version}
}

func deployment(t *testing.T, pod string) []object.Object {
	t.Helper()
	return []object.Object{parse(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: "+pod+"}}")}
}

const usesEnv = "{containers: [{name: app, envFrom: [{secretRef: {name: db}}]}]}"

var (
	whole    = map[string]string{"a": "<vault:kv/demo/db#user>", "b": "<vault:kv/demo/db#cert@3 | base64decode>"}
	composed = map[string]string{"a": "pg://<vault:kv/demo/db#user>:<vault:kv/demo/db#pass | base64encode>@h/{{x}}", "b": "<vault:kv/demo/db#user>"}
)

func TestPointerObjects(t *testing.T) {
	for _, test := range []struct {
		name      string
		injection inject.Injection
		texts     map[string]string
		versions  []string
		want      string
	}{
		{"external-secret", inject.ExternalSecret{StoreName: "vault"}, whole, nil, `
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: db, namespace: prod, labels: {app: shop}, annotations: {argocd.argoproj.io/sync-wave: "1", owner: me}}
spec:
  refreshInterval: 1h0m0s
  refreshPolicy: Periodic
  secretStoreRef: {name: vault, kind: ClusterSecretStore}
  data:
  - {secretKey: a, remoteRef: {key: kv/demo/db, property: user, conversionStrategy: Default, decodingStrategy: None, metadataPolicy: None}}
  - {secretKey: b, remoteRef: {key: kv/demo/db, property: cert, version: "3", conversionStrategy: Default, decodingStrategy: Base64, metadataPolicy: None}}
  target:
    name: db
    creationPolicy: Owner
    deletionPolicy: Retain
    immutable: false
    template: {engineVersion: v2, mergePolicy: Replace, type: Opaque, metadata: {labels: {app: shop}, annotations: {owner: me}}}`},
		{"external-secret composed, older API", inject.ExternalSecret{StoreName: "vault", StoreKind: "SecretStore"}, composed, []string{"external-secrets.io/v1beta1/ExternalSecret"}, `
apiVersion: external-secrets.io/v1beta1
kind: ExternalSecret
metadata: {name: db, namespace: prod, labels: {app: shop}, annotations: {argocd.argoproj.io/sync-wave: "1", owner: me}}
spec:
  refreshInterval: 1h0m0s
  secretStoreRef: {name: vault, kind: SecretStore}
  data:
  - {secretKey: r0, remoteRef: {key: kv/demo/db, property: user, conversionStrategy: Default, decodingStrategy: None, metadataPolicy: None}}
  - {secretKey: r1, remoteRef: {key: kv/demo/db, property: pass, conversionStrategy: Default, decodingStrategy: None, metadataPolicy: None}}
  - {secretKey: r2, remoteRef: {key: kv/demo/db, property: user, conversionStrategy: Default, decodingStrategy: None, metadataPolicy: None}}
  target:
    name: db
    creationPolicy: Owner
    deletionPolicy: Retain
    immutable: false
    template:
      engineVersion: v2
      mergePolicy: Replace
      type: Opaque
      metadata: {labels: {app: shop}, annotations: {owner: me}}
      data: {a: "pg://{{ .r0 }}:{{ .r1 | b64enc }}@h/{{ ` + "`{{`" + ` }}x}}", b: "{{ .r2 }}"}`},
		{"vault-static-secret", inject.VaultStaticSecret{AuthRef: "vault"}, composed, nil, `
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultStaticSecret
metadata: {name: db, namespace: prod, labels: {app: shop}, annotations: {argocd.argoproj.io/sync-wave: "1", owner: me}}
spec:
  vaultAuthRef: vault
  mount: kv
  path: demo/db
  type: kv-v2
  refreshAfter: 1h
  hmacSecretData: true
  destination:
    create: true
    overwrite: false
    name: db
    type: Opaque
    labels: {app: shop}
    annotations: {owner: me}
    transformation:
      excludeRaw: true
      excludes: [".*"]
      templates:
        a: {text: "pg://{{ get .Secrets \"user\" }}:{{ get .Secrets \"pass\" | b64enc }}@h/{{ ` + "`{{`" + ` }}x}}"}
        b: {text: "{{ get .Secrets \"user\" }}"}
  rolloutRestartTargets: [{kind: Deployment, name: web}]`},
		{"secret-provider-class", inject.SecretProviderClass{VaultAddress: "https://vault:8200", Role: "shop"}, whole, nil, `
apiVersion: secrets-store.csi.x-k8s.io/v1
kind: SecretProviderClass
metadata: {name: db, namespace: prod, labels: {app: shop}, annotations: {argocd.argoproj.io/sync-wave: "1", owner: me}}
spec:
  provider: vault
  parameters:
    vaultAddress: https://vault:8200
    roleName: shop
    objects: '[{"objectName":"a","secretKey":"user","secretPath":"kv/data/demo/db"},{"encoding":"base64","objectName":"b","secretArgs":{"version":"3"},"secretKey":"cert","secretPath":"kv/data/demo/db"}]'
  secretObjects:
  - secretName: db
    type: Opaque
    labels: {app: shop}
    annotations: {owner: me}
    data: [{key: a, objectName: a}, {key: b, objectName: b}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			objects, err := test.injection.Inject(newSecret(t, test.texts, test.versions...), deployment(t, usesEnv))
			if err != nil {
				t.Fatal(err)
			}
			if len(objects) != 1 {
				t.Fatalf("%d objects", len(objects))
			}
			if diff := cmp.Diff(parse(t, test.want).Fields, objects[0].Fields); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestProviderClassIsMounted(t *testing.T) {
	workloads := deployment(t, usesEnv)
	if _, err := (inject.SecretProviderClass{}).Inject(newSecret(t, whole), workloads); err != nil {
		t.Fatal(err)
	}
	want := deployment(t, `{containers: [{name: app, envFrom: [{secretRef: {name: db}}], volumeMounts: [{name: vault-db, mountPath: /mnt/secrets-store/db, readOnly: true}]}],
  volumes: [{name: vault-db, csi: {driver: secrets-store.csi.k8s.io, readOnly: true, volumeAttributes: {secretProviderClass: db}}}]}`)
	if diff := cmp.Diff(want[0].Fields, workloads[0].Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAgentTakesTheVolumesPlace(t *testing.T) {
	workloads := deployment(t, `{volumes: [{name: v, secret: {secretName: db, items: [{key: a, path: conf/user.txt}]}}, {name: other, emptyDir: {}}],
  containers: [{name: app, volumeMounts: [{name: v, mountPath: /etc/db}, {name: other, mountPath: /x}]}]}`)
	objects, err := inject.VaultAgent{Role: "shop"}.Inject(newSecret(t, map[string]string{"a": "u=<vault:kv/demo/db#user@2>", "b": "lit"}), workloads)
	if err != nil || len(objects) != 0 {
		t.Fatalf("%v, %v", objects, err)
	}
	pod, _ := inject.PodOf(workloads[0])
	wantSpec := parse(t, `{volumes: [{name: other, emptyDir: {}}], containers: [{name: app, volumeMounts: [{name: other, mountPath: /x}]}]}`).Fields
	if diff := cmp.Diff(wantSpec, pod.Spec); diff != "" {
		t.Errorf("pod (-want +got):\n%s", diff)
	}
	wantAnnotations := map[string]any{
		"vault.hashicorp.com/agent-inject":                           "true",
		"vault.hashicorp.com/role":                                   "shop",
		"vault.hashicorp.com/agent-inject-secret-db-conf-user.txt":   "kv/data/demo/db",
		"vault.hashicorp.com/agent-inject-template-db-conf-user.txt": `u={{ with secret "kv/data/demo/db?version=2" }}{{ index .Data.data "user" }}{{ end }}`,
		"vault.hashicorp.com/agent-inject-file-db-conf-user.txt":     "user.txt",
		"vault.hashicorp.com/secret-volume-path-db-conf-user.txt":    "/etc/db/conf",
	}
	if diff := cmp.Diff(wantAnnotations, pod.Metadata["annotations"]); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func TestWhatAnInjectionCannotExpress(t *testing.T) {
	path := map[string]string{"a": "<vault:kv/demo/db#json | jsonPath {.a}>"}
	two := map[string]string{"a": "<vault:kv/demo/db#user>", "b": "<vault:kv/demo/other#user>"}
	for _, test := range []struct {
		name      string
		injection inject.Injection
		texts     map[string]string
		pod       string
	}{
		{"external-secret and jsonPath", inject.ExternalSecret{StoreName: "vault"}, path, usesEnv},
		{"external-secret without a store for Vault", inject.ExternalSecret{}, whole, usesEnv},
		{"vault-static-secret and two paths", inject.VaultStaticSecret{}, two, usesEnv},
		{"secret-provider-class and composed text", inject.SecretProviderClass{}, composed, usesEnv},
		{"secret-provider-class and nobody", inject.SecretProviderClass{}, whole, "{containers: [{name: app}]}"},
		{"vault-agent and a variable", inject.VaultAgent{}, whole, usesEnv},
		{"vault-agent and nobody", inject.VaultAgent{}, whole, "{containers: [{name: app}]}"},
		{"vault-agent and a projected volume", inject.VaultAgent{}, whole, "{containers: [{name: app}], volumes: [{name: v, projected: {sources: [{secret: {name: db}}]}}]}"},
	} {
		_, err := test.injection.Inject(newSecret(t, test.texts), deployment(t, test.pod))
		if fault.CodeOf(err) != fault.Injection || fault.Of(err)[0].Object == "" || fault.Of(err)[0].File == "" {
			t.Errorf("%s: %v, want a located E_INJECTION", test.name, err)
		}
	}
}
