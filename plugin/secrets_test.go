package plugin_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/streamtest"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// held is the value that the tests have in Vault.
var held = canary.Draw()

// resolved starts the service with the secrets stage over a real Vault, and has
// everything searched for values that the repo-server, a log or a scrape of the
// metrics gets to see.
func resolved(t *testing.T, server *vaulttest.Server, certificate []byte) (*served, *vaulttest.Gateway) {
	t.Helper()
	watch := canary.Over(t)
	watch.Secret(held)
	gateway := vaulttest.Before(t, server)
	user := "socket-" + strings.ToLower(canary.Draw()[:6])
	password := server.User(t, user, `path "kv/data/demo/*" { capabilities = ["read"] }`, "1h")
	client, err := vault.New(vault.Config{Address: gateway.URL, Roles: []vault.Role{{
		Name: "reader", Method: vault.Userpass, Username: user, PasswordFile: password,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := binding.NewSet([]binding.Rule{{Projects: []string{"team"}, Role: "reader", Paths: []string{"kv/demo/*"}}})
	if err != nil {
		t.Fatal(err)
	}
	sealer := newSealer(t, certificate)
	stage := &secrets.Stage{Bindings: set, Source: store.NewShared(client), Environments: map[string]secrets.Environment{"production": {
		Default: inject.KindSealedSecret, Sealer: sealer,
		Injections: map[inject.Kind]inject.Injection{inject.KindSealedSecret: inject.SealedSecret{Sealer: sealer}},
	}}}
	s := servePipeline(t, plugin.Discovery{}, &plugin.Pipeline{
		Secrets: stage, Environments: []plugin.Environment{{Name: "production", Resolved: true}},
	})
	t.Cleanup(func() {
		_, metrics := s.get(t, "/metrics")
		watch.See("metrics", metrics)
		watch.See("log", s.log.String())
	})
	return s, gateway
}

// testCertificate is that of the tests of package seal.
func testCertificate(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "secrets", "seal", "testdata", "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func testKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "secrets", "seal", "testdata", "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func newSealer(t *testing.T, certificate []byte) *seal.Sealer {
	t.Helper()
	block, _ := pem.Decode(certificate)
	sum := sha256.Sum256(block.Bytes)
	pinned, err := seal.ParseCertificate(certificate, hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, seal.SaltBytes)
	_, _ = rand.Read(random)
	salt, err := seal.NewSalt(random)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(pinned, salt, seal.Strict)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

// ask sends one application and has the answer searched for values.
func (s *served) ask(t *testing.T, files map[string]string, env ...string) ([]string, string) {
	t.Helper()
	packed := streamtest.Archive(t, files)
	manifests, err := s.generate(t, streamtest.Metadata(packed, "app", env...), streamtest.Chunk(packed))
	text := status.Convert(err).Message()
	canary.Over(t).See("manifests", strings.Join(manifests, "\n"))
	canary.Over(t).See("status", text)
	if err != nil && len(manifests) != 0 || len(text) > 2048 {
		t.Errorf("%d manifests and %d bytes of status", len(manifests), len(text))
	}
	return manifests, text
}

var revisionEnv = append(env[:len(env):len(env)], "ARGOCD_APP_REVISION="+strings.Repeat("a", 40))

func secret(data string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\n" + data + "\n"
}

// mustSeal sends the next request after a bad one.
func (s *served) mustSeal(t *testing.T) {
	t.Helper()
	manifests, text := s.ask(t, map[string]string{"app/db.yaml": secret("stringData: {k: <vault:kv/demo/socket#k>}")}, revisionEnv...)
	if text != "" {
		t.Errorf("the next request fails: %s", text)
		return
	}
	var sealed struct {
		Spec struct{ EncryptedData map[string]string }
	}
	if err := json.Unmarshal([]byte(manifests[0]), &sealed); err != nil {
		t.Fatal(err)
	}
	decoded, err := base64.StdEncoding.DecodeString(sealed.Spec.EncryptedData["k"])
	if err != nil {
		t.Fatal(err)
	}
	got, err := crypto.HybridDecrypt(rand.Reader, map[string]*rsa.PrivateKey{"": testKey(t)}, decoded, []byte("prod/db"))
	if err != nil || string(got) != held {
		t.Errorf("the next request does not give the value: %v", err)
	}
}

func fillSocket(t *testing.T, server *vaulttest.Server) {
	t.Helper()
	server.Put(t, "demo/socket", `{"k":"`+held+`","none":null,"object":{"a":"`+held+`"}}`)
	server.Put(t, "other/socket", `{"k":"`+held+`"}`)
	server.Delete(t, "demo/socket-deleted", `{"k":"`+held+`"}`)
	server.Destroy(t, "demo/socket-destroyed", `{"k":"`+held+`"}`)
}

// TestRealBadReferencesThroughTheSocket is what Argo CD shows for what people
// get wrong.
func TestRealBadReferencesThroughTheSocket(t *testing.T) {
	server := vaulttest.Start(t)
	fillSocket(t, server)
	s, gateway := resolved(t, server, testCertificate(t))
	entry := func(reference string) string { return secret("stringData:\n  k: '" + reference + "'") }
	const place = "app/db.yaml:1 Secret db stringData.k: "
	for _, test := range []struct{ name, manifest, want string }{
		{"missing key", entry("<vault:kv/demo/socket#nope>"), "E_SECRET: " + place},
		{"missing path", entry("<vault:kv/demo/nope#k>"), "E_SECRET: " + place},
		{"missing version", entry("<vault:kv/demo/socket#k@9999>"), "E_SECRET: " + place},
		{"deleted version", entry("<vault:kv/demo/socket-deleted#k>"), "E_SECRET: " + place},
		{"destroyed version", entry("<vault:kv/demo/socket-destroyed#k>"), "E_SECRET: " + place},
		{"null", entry("<vault:kv/demo/socket#none>"), "E_SECRET: " + place},
		{"object", entry("<vault:kv/demo/socket#object>"), "E_MODIFIER: " + place},
		{"unknown modifier", entry("<vault:kv/demo/socket#k | rot13>"), "E_MODIFIER: " + place},
		{"climbing path", entry("<vault:kv/demo/../other/socket#k>"), "E_REF_SYNTAX: " + place},
		{"another tenant's path", entry("<vault:kv/other/socket#k>"), "E_FORBIDDEN: " + place},
		{"no data of a Secret", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: <vault:kv/demo/socket#k>}", "E_REF_POSITION: app/db.yaml:1 ConfigMap c data.k: "},
		{"data in clear", secret("stringData: {k: literal}"), "E_PLAIN_SECRET: app/db.yaml:1 Secret db: "},
		{"another namespace", strings.Replace(entry("<vault:kv/demo/socket#k>"), "name: db", "name: db, namespace: kube-system", 1),
			"E_NAMESPACE: app/db.yaml:1 Secret kube-system/db metadata.namespace: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, text := s.ask(t, map[string]string{"app/db.yaml": test.manifest, "app/a.yaml": configMap}, revisionEnv...)
			first, below, _ := strings.Cut(text, "\n")
			if !strings.HasPrefix(first, test.want) || !strings.Contains(first, "; fix: ") || strings.Contains(below, "\nE_") {
				t.Errorf("got %s\nwant %s", text, test.want)
			}
		})
	}
	t.Run("all in one report", func(t *testing.T) {
		files := map[string]string{}
		for i, reference := range []string{"socket#nope", "nope#k", "socket-deleted#k", "socket-destroyed#k", "socket#none"} {
			files[fmt.Sprintf("app/s%d.yaml", i)] = strings.Replace(entry("<vault:kv/demo/"+reference+">"), "name: db", fmt.Sprintf("name: s%d", i), 1)
		}
		_, text := s.ask(t, files, revisionEnv...)
		for i, line := range strings.Split(text, "\n") {
			if !strings.HasPrefix(line, "  docs: ") && !strings.HasPrefix(line, fmt.Sprintf("E_SECRET: app/s%d.yaml:1 Secret s%d stringData.k: ", i, i)) {
				t.Errorf("line %d is %s", i, line)
			}
		}
		if strings.Count(text, "\n") != 5 {
			t.Errorf("not five faults: %s", text)
		}
	})
	t.Run("no commit", func(t *testing.T) {
		gateway.Forget()
		for _, revision := range []string{"streamed", "", "HEAD", strings.Repeat("a", 39)} {
			_, text := s.ask(t, map[string]string{"app/db.yaml": entry("<vault:kv/demo/socket#k>")}, append(env[:len(env):len(env)], "ARGOCD_APP_REVISION="+revision)...)
			if !strings.HasPrefix(text, "E_IDENTITY_STREAMED: ") {
				t.Errorf("revision %q: %s", revision, text)
			}
		}
		if asked := gateway.Requests(); len(asked) != 0 {
			t.Errorf("Vault was asked: %v", asked)
		}
	})
	s.mustSeal(t)
	_, metrics := s.get(t, "/metrics")
	for _, code := range []string{"E_SECRET", "E_FORBIDDEN", "E_IDENTITY_STREAMED"} {
		if !strings.Contains(metrics, `code="`+code+`"`) {
			t.Errorf("the metrics do not count %s", code)
		}
	}
}

// TestRealB4EnvOfTheApplicationChangesNothing: whoever can push can set it.
func TestRealB4EnvOfTheApplicationChangesNothing(t *testing.T) {
	server := vaulttest.Start(t)
	fillSocket(t, server)
	s, _ := resolved(t, server, testCertificate(t))
	files := map[string]string{"app/db.yaml": secret("stringData: {k: <vault:kv/demo/socket#k>}")}
	plain, text := s.ask(t, files, revisionEnv...)
	if text != "" {
		t.Fatal(text)
	}
	var hits atomic.Int32
	evil := http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }), ReadHeaderTimeout: time.Second}
	address := streamtest.FreeAddress(t)
	evil.Addr = address
	go func() { _ = evil.ListenAndServe() }()
	defer func() { _ = evil.Close() }()
	changed, text := s.ask(t, files, append(revisionEnv[:len(revisionEnv):len(revisionEnv)],
		"ARGOCD_ENV_VAULT_ADDR=http://"+address, "ARGOCD_ENV_VAULT_TOKEN=x", "ARGOCD_ENV_SEAL_CERT=x", "ARGOCD_ENV_POLICY=off",
		"ARGOCD_ENV_AVP_PATH_VALIDATION=.*", "PARAM_SCOPE=cluster-wide", "VAULT_ADDR=http://"+address, "VAULT_NAMESPACE=evil")...)
	if diff := cmp.Diff(plain, changed); text != "" || diff != "" || hits.Load() != 0 {
		t.Errorf("%s, %d requests elsewhere (-without +with):\n%s", text, hits.Load(), diff)
	}
}

// TestRealVaultFailsBehindTheSocket: whatever Vault does, the answer comes in
// time and the next request works.
func TestRealVaultFailsBehindTheSocket(t *testing.T) {
	server := vaulttest.StartOwn(t)
	fillSocket(t, server)
	s, gateway := resolved(t, server, testCertificate(t))
	spoil := func(status int, before, behind string) func() {
		return func() {
			gateway.Set(func(w http.ResponseWriter, r *http.Request, real []byte) bool {
				if !strings.HasPrefix(r.URL.Path, "/v1/kv/data/") {
					return false
				}
				w.WriteHeader(status)
				_, _ = w.Write([]byte(before + string(real) + behind))
				return true
			})
		}
	}
	restore := func() { gateway.Set(nil) }
	for _, test := range []struct {
		name       string
		away, back func()
	}{
		{"429", spoil(429, "", ""), restore},
		{"500 with the value", spoil(500, "", ""), restore},
		{"a page of a proxy", spoil(200, "<html>", "</html>"), restore},
		{"redirect", func() {
			gateway.Set(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
				http.Redirect(w, r, "http://127.0.0.1:1/"+held, http.StatusFound)
				return true
			})
		}, restore},
		{"sealed", func() { server.Seal(t) }, func() { server.Unseal(t) }},
		{"slow", func() { server.Pause(t) }, func() { server.Resume(t) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.mustSeal(t)
			test.away()
			begin := time.Now()
			_, text := s.ask(t, map[string]string{"app/db.yaml": secret("stringData: {k: <vault:kv/demo/socket#k>}")}, revisionEnv...)
			if !strings.HasPrefix(text, "E_VAULT: app/db.yaml:1 Secret db stringData.k: ") || time.Since(begin) > 25*time.Second {
				t.Errorf("after %v: %s", time.Since(begin), text)
			}
			test.back()
			// The breaker lets a request try after five seconds, and a core needs a
			// moment after unsealing.
			for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
				if _, text := s.ask(t, map[string]string{"app/db.yaml": secret("stringData: {k: <vault:kv/demo/socket#k>}")}, revisionEnv...); text == "" {
					break
				}
			}
			s.mustSeal(t)
		})
	}
	server.Stop()
	if _, text := s.ask(t, map[string]string{"app/db.yaml": secret("stringData: {k: <vault:kv/demo/socket#k>}")}, revisionEnv...); !strings.HasPrefix(text, "E_VAULT: ") {
		t.Errorf("down: %s", text)
	}
}

// TestRealCertificateExpiresWhileServing: what it was sealed for cannot unseal
// it any more, so nothing is.
func TestRealCertificateExpiresWhileServing(t *testing.T) {
	server := vaulttest.Start(t)
	fillSocket(t, server)
	key := testKey(t)
	expiry := time.Now().Add(4 * time.Second).Truncate(time.Second)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: expiry}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := resolved(t, server, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	time.Sleep(time.Until(expiry) + time.Second)
	_, text := s.ask(t, map[string]string{"app/db.yaml": secret("stringData: {k: <vault:kv/demo/socket#k>}")}, revisionEnv...)
	if !strings.HasPrefix(text, "E_SEAL: app/db.yaml:1 Secret db: the sealing certificate expired on ") {
		t.Error(text)
	}
	s.checkStillServes(t)
}
