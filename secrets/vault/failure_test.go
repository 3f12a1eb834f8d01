package vault_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// held is a value in Vault and token one that Vault gives out.
var held, token = canary.Draw(), "hvs." + canary.Draw()

var query = store.Query{Role: "reader", Mount: store.Mount{Path: "kv", Version: 2}, Path: "demo/db"}

// misbehaving is a server that answers logins, and reads as a test says: what a
// real Vault cannot be made to do.
func misbehaving(t *testing.T, read http.HandlerFunc) watched {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/v1/auth/userpass/login/"):
			fmt.Fprintf(w, `{"auth":{"client_token":"%s","lease_duration":3600,"renewable":true}}`, token)
		case strings.HasPrefix(r.URL.Path, "/v1/auth/token/"):
			fmt.Fprint(w, `{"data":{"ttl":3600}}`)
		default:
			read(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return newClient(t, server.URL, vault.Role{Name: "reader", Method: vault.Userpass, Username: "u", PasswordFile: vaulttest.File(t, "pw")})
}

func TestV7FailuresQuoteNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		code   fault.Code
	}{
		{"500 with the value", 500, held, fault.Vault},
		{"500 as a page", 500, "<html>" + held + "</html>", fault.Vault},
		{"502", 502, held, fault.Vault},
		{"503", 503, `{"errors":["` + held + `"]}`, fault.Vault},
		{"429", 429, held, fault.Vault},
		{"403", 403, `{"errors":["` + held + `"]}`, fault.Secret},
		{"404", 404, `{"errors":["` + held + `"]}`, fault.Secret},
		{"400", 400, held, fault.Secret},
		{"200 with garbage", 200, held, fault.Vault},
		{"200 with half of JSON", 200, `{"data":{"data":{"k":"` + held, fault.Vault},
		{"200 with another form", 200, `{"data":{"data":["` + held + `"]}}`, fault.Vault},
		{"deleted", 200, `{"data":{"data":null,"metadata":{"version":1}}}`, fault.Secret},
		{"empty", 200, `{}`, fault.Secret},
		{"too large", 200, `{"data":{"data":{"k":"` + strings.Repeat(held, 1<<19) + `"}}}`, fault.Limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := misbehaving(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			})
			patience := 20 * time.Second
			if test.code == fault.Vault {
				patience = 700 * time.Millisecond // some of these are tried again
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, err := client.Read(ctx, query); fault.CodeOf(err) != test.code {
				t.Errorf("got %v, want %s", err, test.code)
			}
		})
	}
}

func TestV2RedirectsKeepTheToken(t *testing.T) {
	var hits atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer evil.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		client := misbehaving(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, evil.URL+r.URL.Path, status) })
		if _, err := client.Read(deadline(t), query); fault.CodeOf(err) != fault.Vault {
			t.Errorf("%d: %v", status, err)
		}
	}
	if hits.Load() != 0 {
		t.Errorf("the other host got %d requests", hits.Load())
	}
}

func TestV3LeasesAreRefusedAndGivenBack(t *testing.T) {
	for name, extra := range map[string]string{
		"lease": `"lease_id":"kv/x/1"`, "renewable": `"renewable":true`, "login": `"auth":{"client_token":"` + held + `"}`, "wrapped": `"wrap_info":{"token":"` + held + `"}`,
		"lease, taken back": `"lease_id":"kv/x/1","lease_id":""`, "renewable, taken back": `"renewable":true,"Renewable":false`, "login, taken back": `"auth":{},"auth":null`,
	} {
		var revoked atomic.Int32
		client := misbehaving(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/sys/leases/revoke" {
				revoked.Add(1)
				return
			}
			fmt.Fprintf(w, `{%s,"data":{"data":{"k":"%s"}}}`, extra, held)
		})
		_, err := client.Read(deadline(t), query)
		want := map[bool]int32{true: 1}[strings.HasPrefix(name, "lease")]
		if fault.CodeOf(err) != fault.VaultDynamic || revoked.Load() != want {
			t.Errorf("%s: %v, %d revocations, want %d", name, err, revoked.Load(), want)
		}
	}
	client := misbehaving(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":{"path":"database/","type":"database","options":null}}`)
	})
	if _, err := client.Locate(deadline(t), "reader", "database/creds/app"); fault.CodeOf(err) != fault.VaultDynamic {
		t.Errorf("a database mount: %v", err)
	}
}

func TestV10RetriesStayInsideTheDeadline(t *testing.T) {
	var tries atomic.Int32
	client := misbehaving(t, func(w http.ResponseWriter, _ *http.Request) {
		if tries.Add(1) < 3 {
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		fmt.Fprint(w, `{"data":{"data":{"k":"v"},"metadata":{"version":4}}}`)
	})
	if secret, err := client.Read(deadline(t), query); err != nil || secret.Version != 4 {
		t.Errorf("after two failures: %v", err)
	}
	hanging := misbehaving(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := hanging.Read(ctx, query)
	if fault.CodeOf(err) != fault.Vault || time.Since(begin) > 2*time.Second {
		t.Errorf("a Vault that hangs: %v after %v", err, time.Since(begin))
	}
}

func TestV10BreakerLeavesADeadVaultAlone(t *testing.T) {
	var tries atomic.Int32
	client := misbehaving(t, func(w http.ResponseWriter, _ *http.Request) {
		tries.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	for range 20 {
		if _, err := client.Read(deadline(t), query); fault.CodeOf(err) != fault.Vault {
			t.Fatal(err)
		}
	}
	if got := tries.Load(); got > 10 {
		t.Errorf("%d attempts, want no more than it takes to open the breaker", got)
	}
}

func TestV4EnvironmentIsIgnored(t *testing.T) {
	var hits atomic.Int32
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	defer evil.Close()
	for name, text := range map[string]string{
		"VAULT_ADDR": evil.URL, "VAULT_AGENT_ADDR": evil.URL, "VAULT_TOKEN": "hvs." + held, "VAULT_NAMESPACE": "evil", "VAULT_PROXY_ADDR": evil.URL,
		"VAULT_HTTP_PROXY": evil.URL, "HTTP_PROXY": evil.URL, "VAULT_HEADERS": `{"X-Evil":"1"}`, "VAULT_WRAP_TTL": "60",
	} {
		t.Setenv(name, text)
	}
	client := misbehaving(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Vault-Token") != token || r.Header.Get("X-Vault-Namespace") != "" || r.Header.Get("X-Evil") != "" || r.Header.Get("X-Vault-Wrap-Ttl") != "" {
			t.Errorf("headers from the environment: %v", r.Header)
		}
		fmt.Fprint(w, `{"data":{"data":{"k":"v"}}}`)
	})
	if _, err := client.Read(deadline(t), query); err != nil || hits.Load() != 0 {
		t.Errorf("%v, %d requests elsewhere", err, hits.Load())
	}
}

func TestNewRefuses(t *testing.T) {
	role := vault.Role{Name: "r", Method: vault.Userpass, Username: "u", PasswordFile: "f"}
	for name, config := range map[string]vault.Config{
		"no address":         {},
		"plain http":         {Address: "http://vault.example.com:8200"},
		"with a user":        {Address: "https://u:p@vault:8200"},
		"no scheme":          {Address: "vault:8200"},
		"unknown method":     {Address: "https://vault:8200", Roles: []vault.Role{{Name: "r", Method: "github"}}},
		"missing field":      {Address: "https://vault:8200", Roles: []vault.Role{{Name: "r", Method: vault.AppRole}}},
		"a name twice":       {Address: "https://vault:8200", Roles: []vault.Role{role, role}},
		"a climbing mount":   {Address: "https://vault:8200", Roles: []vault.Role{{Name: "r", Method: vault.Token, TokenFile: "f", Mount: "../sys"}}},
		"missing CA":         {Address: "https://vault:8200", CACert: "/nonexistent"},
		"half of mutual TLS": {Address: "https://vault:8200", ClientCert: "c"},
		"KV 3":               {Address: "https://vault:8200", Mounts: []store.Mount{{Path: "kv", Version: 3}}},
	} {
		if _, err := vault.New(config); fault.CodeOf(err) != fault.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestV6ServiceAccountTokens(t *testing.T) {
	claimed := func(claims map[string]any) string {
		text, _ := json.Marshal(claims)
		return "e30." + base64.RawURLEncoding.EncodeToString(text) + ".c2ln"
	}
	for name, test := range map[string]struct {
		token string
		ok    bool
	}{
		"projected for vault": {claimed(map[string]any{"exp": 4102444800, "aud": []string{"vault"}}), true},
		"legacy":              {claimed(map[string]any{"aud": []string{"vault"}}), false},
		"for the API server":  {claimed(map[string]any{"exp": 4102444800, "aud": []string{"vault", "https://kubernetes.default.svc.cluster.local"}}), false},
		"no audience":         {claimed(map[string]any{"exp": 4102444800}), false},
		"one audience":        {claimed(map[string]any{"exp": 4102444800, "aud": "https://kubernetes.default.svc"}), false},
		"no token":            {held, false},
		"empty":               {"\n", false},
	} {
		var logins atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			logins.Add(1)
			fmt.Fprint(w, `{"auth":{"client_token":"t","lease_duration":60}}`)
		}))
		client := newClient(t, server.URL, vault.Role{Name: "r", Method: vault.Kubernetes, VaultRole: "r", TokenFile: vaulttest.File(t, test.token)})
		err := client.Check(deadline(t), "r")
		if test.ok != (err == nil) || !test.ok && logins.Load() != 0 {
			t.Errorf("%s: %v after %d logins", name, err, logins.Load())
		}
		server.Close()
	}
}
