package secrets_test

import (
	"bytes"
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

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// The secrets of the tests' store, drawn for this run: no fault and no output
// may show one. A process that a test starts has those of the test.
var dbUser, dbPass, inJSON, inObject, inBase64, inYAML, otherPass = func() (a, b, c, d, e, f, g string) {
	held := strings.Split(os.Getenv(drawnBefore), ",")
	for len(held) < 7 {
		held = append(held[:0], canary.Draw(), canary.Draw(), canary.Draw(), canary.Draw(), canary.Draw(), canary.Draw(), canary.Draw())
	}
	return held[0], held[1], held[2], held[3], held[4], held[5], held[6]
}()

// drawnBefore is the variable that hands the secrets to another process.
const drawnBefore = "ARGOCD_SEAL_TEST_DRAWN"

func drawn() []string { return []string{dbUser, dbPass, inJSON, inObject, inBase64, inYAML, otherPass} }

// bigNumber is more than a float or 64 bits can hold.
const bigNumber = "123456789012345678901"

// values is what the tests' store holds.
var values = `
kv/demo/db: {username: ` + dbUser + `, password: ` + dbPass + `, port: 5432, big: ` + bigNumber + `, ratio: 1.50, power: 1e3, on: true, none: null,
  json: '{"user":"` + inJSON + `","n":12345678901}', object: {a: ` + inObject + `}, base64: ` + encoded(inBase64) + `, looks: "<vault:kv/other/db#password>",
  yaml: "` + inYAML + `\n---\nkind: Pod\n", template: "{{ .Values.x }} ]]> {{` + "`{{`" + `}}", empty: ""}
kv/demo/app: {host: db.example.com, replicas: 3}
kv/other/db: {password: ` + otherPass + `}
`

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// watchOver fails a test that shows a secret of the store.
func watchOver(t testing.TB) *canary.Watch {
	t.Helper()
	watch := canary.Over(t)
	for _, secret := range append(drawn(), bigNumber) {
		watch.Secret(secret)
	}
	return watch
}

var identity = secrets.Identity{
	Project: "team", App: "shop", Namespace: "prod", RepoURL: "https://git.example.com/team/shop", Revision: strings.Repeat("a", 40),
}

// newStage returns a stage with all injections, a binding for kv/demo/* and the
// values file as its store.
func newStage(t testing.TB, edit ...func(*binding.Rule, *secrets.Environment)) *secrets.Stage {
	t.Helper()
	watchOver(t)
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

// apply runs the stage and has all that comes out of it searched for secrets:
// only plaintext may put values into objects. The input must be as before.
func apply(t testing.TB, stage *secrets.Stage, request secrets.Request) (secrets.Result, error) {
	t.Helper()
	watch := watchOver(t)
	before := encode(t, request.Objects)
	result, err := stage.Apply(t.Context(), request)
	if diff := cmp.Diff(before, encode(t, request.Objects)); diff != "" {
		t.Errorf("the stage changed its input (-before +after):\n%s", diff)
	}
	if err != nil && len(result.Objects) != 0 {
		t.Error("a failed request has objects")
	}
	watch.SeeError(err)
	watch.See("warnings", result.Warnings)
	watch.See("usage", result.Used)
	watch.See("injections", result.Injections)
	for _, injected := range result.Injections {
		if injected.Kind == inject.KindPlaintext {
			return result, err
		}
	}
	watch.See("objects", result.Objects)
	watch.See("manifests", encode(t, result.Objects))
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
