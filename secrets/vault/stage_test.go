package vault_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

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
		server.Write(t, fmt.Sprintf("kv/data/demo/p%d", i), map[string]any{"data": map[string]any{"k": fmt.Sprintf("value-%d", i)}})
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
	sealer := throwAwaySealer(t)
	return &secrets.Stage{Bindings: set, Source: store.NewShared(client), Environments: map[string]secrets.Environment{"": {
		Default: inject.KindSealedSecret, Sealer: sealer,
		Injections: map[inject.Kind]inject.Injection{inject.KindSealedSecret: inject.SealedSecret{Sealer: sealer}},
	}}}
}

func throwAwaySealer(t testing.TB) *seal.Sealer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	certificate, err := seal.ParseCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	salt := make([]byte, seal.SaltBytes)
	_, _ = rand.Read(salt)
	salted, err := seal.NewSalt(salt)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(certificate, salted, seal.Strict)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
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
	for _, o := range result.Objects {
		if text, _ := json.Marshal(o.Fields); strings.Contains(string(text), "value-") {
			t.Errorf("a value stands in %s", o)
		}
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
