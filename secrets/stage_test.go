package secrets_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

func TestSealedValues(t *testing.T) {
	for _, test := range []struct {
		name, data string
		want       map[string]string
	}{
		{"whole", "stringData: {k: <vault:kv/demo/db#password>}", map[string]string{"k": dbPass}},
		{"version", "stringData: {k: <vault:kv/demo/db#password@1>}", map[string]string{"k": dbPass}},
		{"composed", "stringData: {k: 'pg://<vault:kv/demo/db#username>:<vault:kv/demo/db#password>@h:<vault:kv/demo/db#port>'}", map[string]string{"k": "pg://" + dbUser + ":" + dbPass + "@h:5432"}},
		{"lines", "stringData:\n  k: |\n    a: <vault:kv/demo/db#password>\n    b: <vault:kv/demo/db#port>\n", map[string]string{"k": "a: " + dbPass + "\nb: 5432\n"}},
		{"base64 data", "data: {k: " + encoded("x=<vault:kv/demo/db#password>") + "}", map[string]string{"k": "x=" + dbPass}},
		{"R5 twice base64 is text", "data: {k: " + encoded(encoded("<vault:kv/demo/db#password>")) + "}\nstringData: {a: <vault:kv/demo/db#port>}", map[string]string{"k": encoded("<vault:kv/demo/db#password>"), "a": "5432"}},
		{"raw data", "data: {k: <vault:kv/demo/db#password>}", map[string]string{"k": dbPass}},
		{"raw data with base64encode", "data: {k: <vault:kv/demo/db#password | base64encode>}", map[string]string{"k": dbPass}},
		{"path dialect in stringData", "stringData: {k: '<path:kv/data/demo/db#password>'}", map[string]string{"k": dbPass}},
		{"path dialect in raw data", "data: {k: '<path:kv/data/demo/db#password | base64encode>', b: '<path:kv/data/demo/db#base64>'}", map[string]string{"k": dbPass, "b": inBase64}},
		{"exact number and boolean", "stringData: {num: <vault:kv/demo/db#big>, b: <vault:kv/demo/db#on>}", map[string]string{"num": bigNumber, "b": "true"}},
		{"modifiers", "stringData: {k: '<vault:kv/demo/db#json | jsonPath {.user} | base64encode>', num: '<vault:kv/demo/db#json | jsonPath {.n}>'}", map[string]string{"k": encoded(inJSON), "num": "12345678901"}},
		{"object with a modifier", "stringData: {k: '<vault:kv/demo/db#object | jsonPath {.a}>'}", map[string]string{"k": inObject}},
		{"R2 a value that looks like a reference", "stringData: {k: <vault:kv/demo/db#looks>}", map[string]string{"k": "<vault:kv/other/db#password>"}},
		{"R3 a value that looks like YAML", "stringData: {k: <vault:kv/demo/db#yaml>}", map[string]string{"k": inYAML + "\n---\nkind: Pod\n"}},
		{"literals are sealed too", "stringData: {k: <vault:kv/demo/db#password>, l: literal}", map[string]string{"k": dbPass, "l": "literal"}},
		{"stringData wins", "data: {k: bGl0}\nstringData: {k: <vault:kv/demo/db#port>}", map[string]string{"k": "5432"}},
		{"whole path", "stringData: <vault:kv/demo/app>", map[string]string{"host": "db.example.com", "replicas": "3"}},
		{"whole path and a key", "data: {host: <vault:kv/demo/db#password>}\nstringData: <vault:kv/demo/app>", map[string]string{"host": dbPass, "replicas": "3"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			result, err := run(t, newStage(t), secretWith(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Objects) != 1 || result.Objects[0].Kind() != "SealedSecret" {
				t.Fatalf("got %s", encode(t, result.Objects))
			}
			if diff := cmp.Diff(test.want, unseal(t, result.Objects[0])); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestB1StreamedRevisionReadsNothing(t *testing.T) {
	for _, revision := range []string{"streamed", "", "HEAD", strings.Repeat("a", 39)} {
		stage := newStage(t)
		counting := &counter{Source: stage.Source}
		stage.Source = counting
		asked := identity
		asked.Revision = revision
		_, err := apply(t, stage, secrets.Request{Identity: asked, Objects: parse(t, secretWith("stringData: {k: <vault:kv/demo/db#password>}"))})
		if fault.CodeOf(err) != fault.IdentityStreamed || counting.reads+counting.locates != 0 {
			t.Errorf("revision %q: %v after %d reads", revision, err, counting.reads)
		}
		if _, err := apply(t, stage, secrets.Request{Identity: asked, Objects: parse(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}")}); err != nil {
			t.Errorf("without references the revision matters: %v", err)
		}
	}
}

func TestB3ForbiddenNeverReachesTheStore(t *testing.T) {
	stage := newStage(t)
	counting := &counter{Source: stage.Source}
	stage.Source = counting
	for _, ref := range []string{"<vault:kv/other/db#password>", "<path:kv/data/other/db#password>", "<path:kv/other/data/demo/db#k>"} {
		_, err := run(t, stage, secretWith("stringData: {a: <vault:kv/demo/db#password>, k: '"+ref+"'}"))
		if fault.CodeOf(err) != fault.Forbidden || counting.reads+counting.locates != 0 {
			t.Errorf("%s: %v after %d requests", ref, err, counting.reads+counting.locates)
		}
	}
}

// TestAPIFormIsAuthorizedAsWhatItIs: the path may be read as two logical paths,
// of which only one is bound; which one it is shows with the mount.
func TestAPIFormIsAuthorizedAsWhatItIs(t *testing.T) {
	bindData := func(rule *binding.Rule, _ *secrets.Environment) { rule.Paths = []string{"kv/data/**"} }
	stage := newStage(t, bindData)
	counting := &counter{Source: stage.Source}
	stage.Source = counting
	_, err := run(t, stage, secretWith("stringData: {k: '<path:kv/data/demo/db#password>'}"))
	if fault.CodeOf(err) != fault.Forbidden || counting.reads != 0 {
		t.Errorf("%v after %d reads, want E_FORBIDDEN after none", err, counting.reads)
	}
}

func TestV10OneReadForEachPath(t *testing.T) {
	var data strings.Builder
	for i := range 5000 {
		path := []string{"db", "app"}[i%2]
		key := map[string]string{"db": "password", "app": "host"}[path]
		data.WriteString("  k" + string(json.Number(hex.EncodeToString([]byte{byte(i >> 8), byte(i)}))) + ": <vault:kv/demo/" + path + "#" + key + ">\n")
	}
	stage := newStage(t)
	counting := &counter{Source: stage.Source}
	stage.Source = counting
	if _, err := run(t, stage, secretWith("stringData:\n"+data.String())); err != nil {
		t.Fatal(err)
	}
	if counting.reads != 2 {
		t.Errorf("%d reads, want 2", counting.reads)
	}
	stage.Limits.Paths = 1
	if _, err := run(t, stage, secretWith("stringData:\n"+data.String())); fault.CodeOf(err) != fault.Limit {
		t.Errorf("over the limit: %v", err)
	}
}

func TestSealedSecretMetadata(t *testing.T) {
	result, err := run(t, newStage(t), `apiVersion: v1
kind: Secret
metadata:
  name: db
  labels: {app: shop}
  annotations:
    sealedsecrets.bitnami.com/cluster-wide: "true"
    kubectl.kubernetes.io/last-applied-configuration: '{"x":"y"}'
    argocd.argoproj.io/sync-wave: "-1"
    team.example.com/owner: shop
  ownerReferences: [{name: x}]
  managedFields: []
type: kubernetes.io/basic-auth
immutable: true
stringData: {password: <vault:kv/demo/db#password>}`)
	if err != nil {
		t.Fatal(err)
	}
	o := result.Objects[0].Clone()
	delete(o.Fields["spec"].(map[string]any), "encryptedData")
	want := parse(t, `apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata:
  name: db
  namespace: prod
  labels: {app: shop}
  annotations: {argocd.argoproj.io/sync-wave: "-1", team.example.com/owner: shop}
spec:
  template:
    metadata:
      name: db
      namespace: prod
      labels: {app: shop}
      annotations: {team.example.com/owner: shop}
    type: kubernetes.io/basic-auth
    immutable: true`)[0]
	if diff := cmp.Diff(want.Fields, o.Fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(result.Warnings) != 1 || !strings.Contains(result.Warnings.Error(), "cluster-wide") {
		t.Errorf("the dropped scope is not reported: %v", result.Warnings)
	}
}

func TestS4ScopeComesFromThePlatform(t *testing.T) {
	for _, scope := range []seal.Scope{seal.NamespaceWide, seal.ClusterWide} {
		stage := newStage(t, func(_ *binding.Rule, e *secrets.Environment) {
			e.Injections[inject.KindSealedSecret] = inject.SealedSecret{Sealer: newSealer(t, scope)}
		})
		result, err := run(t, stage, secretWith("stringData: {k: <vault:kv/demo/db#password>}"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"k": dbPass}, unseal(t, result.Objects[0])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scope, diff)
		}
	}
}

func TestRandomBinaryValueSurvives(t *testing.T) {
	random := make([]byte, 512<<10)
	_, _ = rand.Read(random)
	canary.Over(t).Secret(string(random[:64]))
	source, err := store.ParseValues("v.yaml", []byte("kv/demo/db: {k: "+base64.StdEncoding.EncodeToString(random)+"}"))
	if err != nil {
		t.Fatal(err)
	}
	stage := newStage(t)
	stage.Source = source
	result, err := run(t, stage, secretWith("stringData: {k: <vault:kv/demo/db#k | base64decode>}"))
	if err != nil {
		t.Fatal(err)
	}
	if unseal(t, result.Objects[0])["k"] != string(random) {
		t.Error("the bytes differ")
	}
}
