package vault_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// wholeStage is the stage over a real Vault, through a proxy that counts.
func wholeStage(t testing.TB, server *vaulttest.Server, address string) *secrets.Stage {
	t.Helper()
	for i := range 10 {
		server.Write(t, fmt.Sprintf("kv/data/demo/p%d", i), map[string]any{"data": map[string]any{"k": canary.Over(t).Secret(canary.Draw())}})
	}
	client, err := vault.New(vault.Config{
		Address: address, RequestsPerSecond: 1e6,
		Roles: []vault.Role{{Name: "reader", Method: vault.Token, TokenFile: vaulttest.File(t, server.Root.Token())}},
	})
	if err != nil {
		t.Fatal(err)
	}
	set, err := binding.NewSet([]binding.Rule{{Projects: []string{"team"}, Role: "reader", Paths: []string{"kv/demo/*"}}})
	if err != nil {
		t.Fatal(err)
	}
	sealer := testSealer(t)
	return &secrets.Stage{Bindings: set, Source: store.NewShared(client), Environments: map[string]secrets.Environment{"": {
		Default: inject.KindSealedSecret, Sealer: sealer,
		Injections: map[inject.Kind]inject.Injection{inject.KindSealedSecret: inject.SealedSecret{Sealer: sealer}},
	}}}
}

// testSealer seals with the certificate that the tests of package seal have.
func testSealer(t testing.TB) *seal.Sealer {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "seal", "testdata", "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	certificate, err := seal.ParseCertificate(content, hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, seal.SaltBytes)
	_, _ = rand.Read(random)
	salt, err := seal.NewSalt(random)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(certificate, salt, seal.Strict)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

// unsealed decrypts what a SealedSecret of the namespace prod holds.
func unsealed(t testing.TB, o object.Object) map[string]string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "seal", "testdata", "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	encrypted, _ := o.Fields["spec"].(map[string]any)["encryptedData"].(map[string]any)
	for name, sealed := range encrypted {
		decoded, err := base64.StdEncoding.DecodeString(sealed.(string))
		if err != nil {
			t.Fatal(err)
		}
		text, err := crypto.HybridDecrypt(rand.Reader, map[string]*rsa.PrivateKey{"": key.(*rsa.PrivateKey)}, decoded, []byte("prod/"+o.Name()))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}

// application is 30 objects with references over 10 paths.
func application(references int) []object.Object {
	var objects []object.Object
	for i := range 30 {
		data := map[string]any{"x": strings.Repeat("text ", 50)}
		o := object.Object{Fields: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": fmt.Sprintf("o%d", i)}, "data": data}}
		if i < 10 {
			o.Fields["kind"] = "Secret"
			secret := map[string]any{}
			for n := range references / 10 {
				secret[fmt.Sprintf("k%d", n)] = fmt.Sprintf("<vault:kv/demo/p%d#k>", i)
			}
			o.Fields["stringData"] = secret
			delete(o.Fields, "data")
		}
		objects = append(objects, o)
	}
	return objects
}

var request = secrets.Identity{Project: "team", App: "shop", Namespace: "prod", Revision: strings.Repeat("a", 40)}

func TestRealStageReadsEachPathOnce(t *testing.T) {
	server := vaulttest.Start(t)
	proxy := vaulttest.Before(t, server)
	stage := wholeStage(t, server, proxy.URL)
	result, err := stage.Apply(deadline(t), secrets.Request{Identity: request, Objects: application(20)})
	if err != nil {
		t.Fatal(err)
	}
	if reads := proxy.Count("GET /v1/kv/data/"); reads != 10 {
		t.Errorf("%d reads for 20 references over 10 paths, want 10: %v", reads, proxy.Requests())
	}
	canary.Over(t).See("result", result)
}

// TestRealPointersAskNothing: where an application refers to other stores alone,
// Vault gets no request, not even a login, and may be down.
func TestRealPointersAskNothing(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	pointer := object.Object{Fields: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "db"}, "stringData": map[string]any{"k": "<aws-sm:team/db#password>"},
	}}
	const down = "http://127.0.0.1:1"
	for _, address := range []string{gateway.URL, down} {
		stage := wholeStage(t, server, address)
		set, err := binding.NewSet([]binding.Rule{{Projects: []string{"team"}, Role: "reader", Paths: []string{"kv/demo/*"}, Stores: []binding.Store{
			{Provider: "aws-sm", Names: []string{"team/*"}, StoreName: "aws"},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		stage.Bindings = set
		environment := stage.Environments[""]
		environment.Allowed = []inject.Kind{inject.KindExternalSecret}
		environment.Injections[inject.KindExternalSecret] = inject.ExternalSecret{StoreName: "vault"}
		stage.Environments[""] = environment
		result, err := stage.Apply(deadline(t), secrets.Request{Identity: request, Objects: []object.Object{pointer}})
		if err != nil || len(result.Objects) != 1 || result.Objects[0].Kind() != "ExternalSecret" {
			t.Errorf("Vault at %s: %v, %v", address, result.Objects, err)
		}
		if asked := gateway.Requests(); len(asked) != 0 {
			t.Errorf("Vault was asked %v", asked)
		}
		if address == down {
			continue
		}
		// The same stage does ask for what is Vault's.
		_, err = stage.Apply(deadline(t), secrets.Request{Identity: request, Objects: append(application(10), pointer)})
		if err != nil || len(gateway.Requests()) == 0 {
			t.Errorf("with references to Vault beside it: %v, asked %v", err, gateway.Requests())
		}
		gateway.Forget()
	}
}

// TestRealV10ManyReferencesFewReads: the limit counts paths, since those cost.
func TestRealV10ManyReferencesFewReads(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	stage := wholeStage(t, server, gateway.URL)
	data := map[string]any{}
	for i := range 5000 {
		data[fmt.Sprintf("k%d", i)] = fmt.Sprintf("<vault:kv/demo/p%d#k>", i%3)
	}
	o := manifest("many", "")
	o.Fields["stringData"] = data
	result, err := applied(deadline(t), t, stage, o)
	if err != nil {
		t.Fatal(err)
	}
	if got := gateway.Count("GET /v1/kv/data/"); got != 3 {
		t.Errorf("%d reads for 5000 references to 3 paths, want 3", got)
	}
	if got := len(result.Objects[0].Fields["spec"].(map[string]any)["encryptedData"].(map[string]any)); got != 5000 {
		t.Errorf("%d keys, want 5000", got)
	}
	gateway.Forget()
	clear(data)
	for i := range 201 {
		data[fmt.Sprintf("k%d", i)] = fmt.Sprintf("<vault:kv/demo/n%d#k>", i)
	}
	if _, err := applied(deadline(t), t, stage, o); fault.CodeOf(err) != fault.Limit {
		t.Errorf("201 paths: %v, want E_LIMIT", err)
	}
	if got := gateway.Requests(); len(got) != 0 {
		t.Errorf("over the limit Vault was asked: %v", got)
	}
}

// TestRealReadsRunInParallel counts how many requests Vault has at once.
func TestRealReadsRunInParallel(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	stage := wholeStage(t, server, gateway.URL)
	if _, err := applied(deadline(t), t, stage, manifest("first", "<vault:kv/demo/p0#k>")); err != nil {
		t.Fatal(err)
	}
	gateway.Forget()
	gateway.Delay(300 * time.Millisecond)
	begin := time.Now()
	if _, err := applied(deadline(t), t, stage, application(20)...); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	if most := gateway.Most(); most < 5 || most > 8 || took > 2500*time.Millisecond {
		t.Errorf("%d requests at once and %v for ten reads of 0.3 s, want 5 to 8 and less than they take in a row", most, took)
	}
}

// BenchmarkRealStage gives the median time of resolve and seal with 20 and with
// 200 references over 10 paths.
func BenchmarkRealStage(b *testing.B) {
	server := vaulttest.Start(b)
	stage := wholeStage(b, server, server.Address)
	for _, references := range []int{20, 200} {
		b.Run(fmt.Sprint(references), func(b *testing.B) {
			objects := application(references)
			var times []time.Duration
			for b.Loop() {
				begin := time.Now()
				if _, err := stage.Apply(deadline(b), secrets.Request{Identity: request, Objects: objects}); err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(begin))
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/median")
		})
	}
}
