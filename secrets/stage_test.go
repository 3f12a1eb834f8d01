package secrets_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// values is what the tests' store holds. Values of six bytes and more are
// canaries: no fault and no output may show them.
const values = `
kv/demo/db: {username: c4n4ry-user, password: c4n4ry-pass, port: 5432, big: 12345678901234567890, on: true, none: null,
  json: '{"user":"c4n4ry-json","n":12345678901}', object: {a: c4n4ry-object}, base64: YzRuNHJ5LWI2NA==, looks: "<vault:kv/other/db#password>",
  yaml: "c4n4ry\n---\nkind: Pod\n"}
kv/demo/app: {host: db.example.com, replicas: 3}
kv/other/db: {password: c4n4ry-other}
`

var canaries = []string{"c4n4ry", base64.StdEncoding.EncodeToString([]byte("c4n4ry"))[:7], hex.EncodeToString([]byte("c4n4ry")), "12345678901234567890"}

var identity = secrets.Identity{
	Project: "team", App: "shop", Namespace: "prod", RepoURL: "https://git.example.com/team/shop", Revision: strings.Repeat("a", 40),
}

// newStage returns a stage with all injections, a binding for kv/demo/* and the
// values file as its store.
func newStage(t testing.TB, edit ...func(*binding.Rule, *secrets.Environment)) *secrets.Stage {
	t.Helper()
	source, err := store.ParseValues("values.yaml", []byte(values))
	if err != nil {
		t.Fatal(err)
	}
	sealer := newSealer(t, seal.Strict)
	environment := secrets.Environment{
		Default: inject.KindSealedSecret, Allowed: inject.Kinds(), Sealer: sealer,
		Injections: map[inject.Kind]inject.Injection{
			inject.KindSealedSecret:        inject.SealedSecret{Sealer: sealer},
			inject.KindExternalSecret:      inject.ExternalSecret{StoreName: "vault"},
			inject.KindVaultStaticSecret:   inject.VaultStaticSecret{AuthRef: "vault"},
			inject.KindSecretProviderClass: inject.SecretProviderClass{VaultAddress: "https://vault:8200", Role: "shop"},
			inject.KindVaultAgent:          inject.VaultAgent{Role: "shop"},
		},
	}
	rule := binding.Rule{Name: "shop", Projects: []string{"team"}, Role: "reader", Paths: []string{"kv/demo/*"}, NonSecret: []string{"kv/demo/app"}}
	for _, change := range edit {
		change(&rule, &environment)
	}
	set, err := binding.NewSet([]binding.Rule{rule})
	if err != nil {
		t.Fatal(err)
	}
	return &secrets.Stage{Bindings: set, Source: source, Environments: map[string]secrets.Environment{"": environment}}
}

func newSealer(t testing.TB, scope seal.Scope) *seal.Sealer {
	t.Helper()
	content := readTestFile(t, "cert.pem")
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	certificate, err := seal.ParseCertificate(content, hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	random := sha256.Sum256([]byte("salt for tests"))
	salt, err := seal.NewSalt(random[:])
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(certificate, salt, scope)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func readTestFile(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("seal", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// parse reads YAML documents as the pipeline hands them on.
func parse(t testing.TB, manifest string) []object.Object {
	t.Helper()
	var objects []object.Object
	for _, document := range strings.Split(manifest, "\n---\n") {
		text, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		o := object.Object{File: "app.yaml", Line: 1}
		if err := decoder.Decode(&o.Fields); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	return objects
}

// apply runs the stage and searches what comes out of it, result or fault, for
// canaries; the input must be as before.
func apply(t testing.TB, stage *secrets.Stage, request secrets.Request) (secrets.Result, error) {
	t.Helper()
	before := encode(t, request.Objects)
	result, err := stage.Apply(t.Context(), request)
	if diff := cmp.Diff(before, encode(t, request.Objects)); diff != "" {
		t.Errorf("the stage changed its input (-before +after):\n%s", diff)
	}
	output := encode(t, result.Objects)
	if err != nil {
		output += err.Error()
		if len(result.Objects) != 0 {
			t.Error("a failed request has objects")
		}
	}
	for _, injected := range result.Injections {
		if injected.Kind == inject.KindPlaintext {
			return result, err
		}
	}
	for _, canary := range canaries {
		if strings.Contains(output, canary) {
			t.Errorf("the output shows a value (%s): %s", canary, output)
		}
	}
	return result, err
}

func encode(t testing.TB, objects []object.Object) string {
	t.Helper()
	var out []byte
	for _, o := range objects {
		line, err := o.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, line...), '\n')
	}
	return string(out)
}

// run applies the stage to a manifest for the default identity.
func run(t testing.TB, stage *secrets.Stage, manifest string) (secrets.Result, error) {
	t.Helper()
	return apply(t, stage, secrets.Request{Identity: identity, Objects: parse(t, manifest)})
}

// unseal decrypts a SealedSecret with upstream's own code.
func unseal(t testing.TB, o object.Object) map[string]string {
	t.Helper()
	line, err := o.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	var sealed v1alpha1.SealedSecret
	if err := json.Unmarshal(line, &sealed); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(readTestFile(t, "key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := sealed.Unseal(serializer.NewCodecFactory(scheme.Scheme), map[string]*rsa.PrivateKey{"": key.(*rsa.PrivateKey)})
	if err != nil {
		t.Fatalf("upstream cannot unseal: %v\n%s", err, line)
	}
	texts := map[string]string{}
	for key, content := range secret.Data {
		texts[key] = string(content)
	}
	return texts
}

func secretWith(data string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n" + data
}

func TestSealedValues(t *testing.T) {
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, test := range []struct {
		name, data string
		want       map[string]string
	}{
		{"whole", "stringData: {k: <vault:kv/demo/db#password>}", map[string]string{"k": "c4n4ry-pass"}},
		{"version", "stringData: {k: <vault:kv/demo/db#password@1>}", map[string]string{"k": "c4n4ry-pass"}},
		{"composed", "stringData: {k: 'pg://<vault:kv/demo/db#username>:<vault:kv/demo/db#password>@h:<vault:kv/demo/db#port>'}", map[string]string{"k": "pg://c4n4ry-user:c4n4ry-pass@h:5432"}},
		{"lines", "stringData:\n  k: |\n    a: <vault:kv/demo/db#password>\n    b: <vault:kv/demo/db#port>\n", map[string]string{"k": "a: c4n4ry-pass\nb: 5432\n"}},
		{"base64 data", "data: {k: " + encoded("x=<vault:kv/demo/db#password>") + "}", map[string]string{"k": "x=c4n4ry-pass"}},
		{"R5 twice base64 is text", "data: {k: " + encoded(encoded("<vault:kv/demo/db#password>")) + "}\nstringData: {a: <vault:kv/demo/db#port>}", map[string]string{"k": encoded("<vault:kv/demo/db#password>"), "a": "5432"}},
		{"raw data", "data: {k: <vault:kv/demo/db#password>}", map[string]string{"k": "c4n4ry-pass"}},
		{"raw data with base64encode", "data: {k: <vault:kv/demo/db#password | base64encode>}", map[string]string{"k": "c4n4ry-pass"}},
		{"path dialect in stringData", "stringData: {k: '<path:kv/data/demo/db#password>'}", map[string]string{"k": "c4n4ry-pass"}},
		{"path dialect in raw data", "data: {k: '<path:kv/data/demo/db#password | base64encode>', b: '<path:kv/data/demo/db#base64>'}", map[string]string{"k": "c4n4ry-pass", "b": "c4n4ry-b64"}},
		{"exact number and boolean", "stringData: {num: <vault:kv/demo/db#big>, b: <vault:kv/demo/db#on>}", map[string]string{"num": "12345678901234567890", "b": "true"}},
		{"modifiers", "stringData: {k: '<vault:kv/demo/db#json | jsonPath {.user} | base64encode>', num: '<vault:kv/demo/db#json | jsonPath {.n}>'}", map[string]string{"k": encoded("c4n4ry-json"), "num": "12345678901"}},
		{"object with a modifier", "stringData: {k: '<vault:kv/demo/db#object | jsonPath {.a}>'}", map[string]string{"k": "c4n4ry-object"}},
		{"R2 a value that looks like a reference", "stringData: {k: <vault:kv/demo/db#looks>}", map[string]string{"k": "<vault:kv/other/db#password>"}},
		{"R3 a value that looks like YAML", "stringData: {k: <vault:kv/demo/db#yaml>}", map[string]string{"k": "c4n4ry\n---\nkind: Pod\n"}},
		{"literals are sealed too", "stringData: {k: <vault:kv/demo/db#password>, l: literal}", map[string]string{"k": "c4n4ry-pass", "l": "literal"}},
		{"stringData wins", "data: {k: bGl0}\nstringData: {k: <vault:kv/demo/db#port>}", map[string]string{"k": "5432"}},
		{"whole path", "stringData: <vault:kv/demo/app>", map[string]string{"host": "db.example.com", "replicas": "3"}},
		{"whole path and a key", "data: {host: <vault:kv/demo/db#password>}\nstringData: <vault:kv/demo/app>", map[string]string{"host": "c4n4ry-pass", "replicas": "3"}},
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

// TestFaultsAreLocated covers what a user can get wrong: each case is one
// fault at the field, with nothing emitted and no value shown.
func TestFaultsAreLocated(t *testing.T) {
	for _, test := range []struct {
		name, manifest string
		code           fault.Code
		field          string
	}{
		{"missing key", secretWith("stringData: {k: <vault:kv/demo/db#nope>}"), fault.Secret, "stringData.k"},
		{"missing path", secretWith("stringData: {k: <vault:kv/demo/nope#k>}"), fault.Secret, "stringData.k"},
		{"null", secretWith("stringData: {k: <vault:kv/demo/db#none>}"), fault.Secret, "stringData.k"},
		{"object without a modifier", secretWith("stringData: {k: <vault:kv/demo/db#object>}"), fault.Modifier, "stringData.k"},
		{"not base64 in data", secretWith("data: {k: '<path:kv/data/demo/db#password>'}"), fault.Modifier, "data.k"},
		{"wrong form for a modifier", secretWith("stringData: {k: '<vault:kv/demo/db#password | jsonParse>'}"), fault.Modifier, "stringData.k"},
		{"unknown modifier", secretWith("stringData: {k: '<vault:kv/demo/db#password | rot13>'}"), fault.Modifier, "stringData.k"},
		{"climbing", secretWith("stringData: {k: <vault:kv/demo/../other/db#password>}"), fault.RefSyntax, "stringData.k"},
		{"another tenant's path", secretWith("stringData: {k: <vault:kv/other/db#password>}"), fault.Forbidden, "stringData.k"},
		{"another tenant's path that is not there", secretWith("stringData: {k: <vault:kv/other/xx#password>}"), fault.Forbidden, "stringData.k"},
		{"S7 a foreign namespace", "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: kube-system}\nstringData: {k: <vault:kv/demo/db#password>}", fault.Namespace, "metadata.namespace"},
		{"generated name", "apiVersion: v1\nkind: Secret\nmetadata: {generateName: db-}\nstringData: {k: <vault:kv/demo/db#password>}", fault.Injection, "metadata.name"},
		{"R9 plain secret", secretWith("stringData: {k: literal}"), fault.PlainSecret, ""},
		{"R1 ConfigMap", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: <vault:kv/demo/db#password>}", fault.RefPosition, "data.k"},
		{"R1 annotation", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, annotations: {a.b/c: <vault:kv/demo/db#password>}}", fault.RefPosition, "metadata.annotations[a.b/c]"},
		{"R1 label of a Secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: c, labels: {a: <vault:kv/demo/db#password>}}", fault.RefPosition, "metadata.labels.a"},
		{"R1 type of a Secret", "apiVersion: v1\nkind: Secret\nmetadata: {name: c}\ntype: <vault:kv/demo/db#password>", fault.RefPosition, "type"},
		{"R1 key", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {<vault:kv/demo/db#password>: x}", fault.RefPosition, "data[<vault:kv/demo/db#password>]"},
		{"R1 args", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, args: [<vault:kv/demo/db#password>]}]}", fault.RefPosition, "spec.containers[0].args[0]"},
		{"R1 part of a variable", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, env: [{name: E, value: x<vault:kv/demo/db#password>}]}]}", fault.RefPosition, "spec.containers[0].env[0].value"},
		{"R1 a Secret of another group", "apiVersion: x.io/v1\nkind: Secret\nmetadata: {name: c}\nstringData: {k: <vault:kv/demo/db#password>}", fault.RefPosition, "stringData.k"},
		{"whole path as one key", secretWith("stringData: {k: <vault:kv/demo/db>}"), fault.RefPosition, "stringData.k"},
		{"whole path with an object", secretWith("stringData: <vault:kv/demo/db>"), fault.Modifier, "stringData"},
		{"the value in clear elsewhere", secretWith("stringData: {k: <vault:kv/demo/db#username>}") + "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: x-c4n4ry-user-x}", fault.Leak, "data.k"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stage := newStage(t)
			result, err := stage.Apply(t.Context(), secrets.Request{Identity: identity, Objects: parse(t, test.manifest)})
			if err == nil {
				t.Fatalf("it succeeds with %s", encode(t, result.Objects))
			}
			list := fault.Of(err)
			if len(list) != 1 || list[0].Code != test.code || list[0].Field != test.field || list[0].File != "app.yaml" || list[0].Object == "" {
				t.Errorf("got %v, want one %s at %s", err, test.code, test.field)
			}
			for _, canary := range canaries {
				if strings.Contains(err.Error(), canary) {
					t.Errorf("the fault shows a value: %v", err)
				}
			}
		})
	}
}

func TestAllFaultsInOneReport(t *testing.T) {
	_, err := run(t, newStage(t), secretWith("stringData: {a: <vault:kv/demo/db#nope>, b: <vault:kv/demo/nope#b>, c: <vault:kv/demo/db#none>}"))
	if got := len(fault.Of(err)); got != 3 {
		t.Errorf("%d faults, want 3: %v", got, err)
	}
	_, err = run(t, newStage(t), secretWith("stringData: {a: <vault:kv/other/db#x>, b: <vault:kv/b#k@0>}")+"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: <vault:kv/demo/db#password>}")
	var codes []fault.Code
	for _, one := range fault.Of(err) {
		codes = append(codes, one.Code)
	}
	if diff := cmp.Diff([]fault.Code{fault.RefSyntax, fault.Forbidden, fault.RefPosition}, codes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestV8OneTextForAbsence compares the faults for what is not there byte by byte.
func TestV8OneTextForAbsence(t *testing.T) {
	texts := map[string]bool{}
	for _, ref := range []string{"<vault:kv/demo/db#nope>", "<vault:kv/demo/nope#k>", "<vault:kv/demo/db#none>"} {
		_, err := run(t, newStage(t), secretWith("stringData: {k: "+ref+"}"))
		texts[err.Error()] = true
	}
	if len(texts) != 1 {
		t.Errorf("%d texts: %v", len(texts), texts)
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

func TestO9ResultIsStable(t *testing.T) {
	manifest := secretWith("stringData: {a: <vault:kv/demo/db#password>, b: '<vault:kv/demo/db#username>:x', c: lit}") + "\n---\n" + deployment
	first, err := run(t, newStage(t), manifest)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := run(t, newStage(t), manifest)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(encode(t, first.Objects), encode(t, again.Objects)); diff != "" {
			t.Fatalf("(-first +again):\n%s", diff)
		}
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
		if diff := cmp.Diff(map[string]string{"k": "c4n4ry-pass"}, unseal(t, result.Objects[0])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scope, diff)
		}
	}
}

func TestRandomBinaryValueSurvives(t *testing.T) {
	random := make([]byte, 512<<10)
	_, _ = rand.Read(random)
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
