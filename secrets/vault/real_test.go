package vault_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/vault/api"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

var kv2 = store.Mount{Path: "kv", Version: 2}

// prepare gives a Vault a policy and a user, and returns a role that logs in as
// that user with tokens of the given life.
func prepare(t testing.TB, server *vaulttest.Server, ttl string) vault.Role {
	t.Helper()
	name := "user-" + canary.Draw()[:12]
	password := server.User(t, name, `
path "kv/data/demo/*" { capabilities = ["read"] }
path "kv/subkeys/demo/*" { capabilities = ["read"] }
path "kv1/demo/*" { capabilities = ["read"] }`, ttl)
	return vault.Role{Name: "reader", Method: vault.Userpass, Username: name, PasswordFile: password}
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestRealKV(t *testing.T) {
	server := vaulttest.Start(t)
	client := newClient(t, server.Address, prepare(t, server, "1h"))
	ctx := deadline(t)
	server.Write(t, "kv/data/demo/versions", map[string]any{"data": map[string]any{"k": "one"}})
	server.Write(t, "kv/data/demo/versions", map[string]any{"data": map[string]any{"k": "two", "n": 12345678901, "b": true, "none": nil, "o": map[string]any{"a": 1.5}}})
	server.Write(t, "kv1/demo/old", map[string]any{"k": "v1"})
	read := func(mount store.Mount, path string, version int) map[string]string {
		t.Helper()
		secret, err := client.Read(ctx, store.Query{Role: "reader", Mount: mount, Path: path, Version: version})
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{"version": fmt.Sprint(secret.Version)}
		for key, v := range secret.Values {
			texts[key] = v.Kind().String() + " " + string(v.Reveal())
		}
		return texts
	}
	latest := map[string]string{"version": "2", "k": "text two", "n": "a number 12345678901", "b": "a boolean true", "none": "null null", "o": `an object {"a":1.5}`}
	if diff := cmp.Diff(latest, read(kv2, "demo/versions", 0)); diff != "" {
		t.Errorf("latest (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"version": "1", "k": "text one"}, read(kv2, "demo/versions", 1)); diff != "" {
		t.Errorf("version 1 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"version": "0", "k": "text v1"}, read(store.Mount{Path: "kv1", Version: 1}, "demo/old", 0)); diff != "" {
		t.Errorf("KV 1 (-want +got):\n%s", diff)
	}
	keys, err := client.Keys(ctx, store.Query{Role: "reader", Mount: kv2, Path: "demo/versions"})
	if diff := cmp.Diff([]string{"b", "k", "n", "none", "o"}, keys); err != nil || diff != "" {
		t.Errorf("keys: %v (-want +got):\n%s", err, diff)
	}
}

func TestRealLocate(t *testing.T) {
	server := vaulttest.Start(t)
	proxy := vaulttest.Before(t, server)
	client := newClient(t, proxy.URL, prepare(t, server, "1h"))
	ctx := deadline(t)
	for path, want := range map[string]store.Mount{
		"kv/demo/db": kv2, "kv/data/demo/db": kv2, "kv1/demo/old": {Path: "kv1", Version: 1},
	} {
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if got, err := client.Locate(ctx, "reader", path); err != nil || got != want {
					t.Errorf("Locate(%s) = %v, %v, want %v", path, got, err, want)
				}
			})
		}
		group.Wait()
	}
	if got := proxy.Count("GET /v1/sys/internal/ui/mounts/kv1/demo/old"); got != 1 {
		t.Errorf("%d look-ups of one mount, want 1", got)
	}
	if _, err := client.Locate(ctx, "reader", "nomount/x"); fault.CodeOf(err) != fault.Secret {
		t.Errorf("a mount that is not there gives %v", err)
	}
}

// TestV8AbsenceLooksTheSame: deleted, destroyed, missing, forbidden.
func TestV8AbsenceLooksTheSame(t *testing.T) {
	server := vaulttest.Start(t)
	client := newClient(t, server.Address, prepare(t, server, "1h"))
	ctx := deadline(t)
	server.Delete(t, "demo/deleted", `{"k":"`+held+`"}`)
	server.Destroy(t, "demo/destroyed", `{"k":"`+held+`"}`)
	for _, query := range []store.Query{
		{Path: "demo/deleted"}, {Path: "demo/destroyed"}, {Path: "demo/destroyed", Version: 1}, {Path: "demo/missing"}, {Path: "demo/deleted", Version: 99}, {Path: "other/forbidden"},
	} {
		query.Role, query.Mount = "reader", kv2
		_, err := client.Read(ctx, query)
		if err == nil || err.Error() != store.Unavailable().Error() {
			t.Errorf("Read(%+v) = %v", query, err)
		}
		if _, err = client.Keys(ctx, query); err == nil || err.Error() != store.Unavailable().Error() {
			// subkeys of a deleted version answer with null
			t.Errorf("Keys(%+v) = %v", query, err)
		}
	}
}

func TestRealOneLoginAndRevocation(t *testing.T) {
	server := vaulttest.Start(t)
	proxy := vaulttest.Before(t, server)
	role := prepare(t, server, "1h")
	client := newClient(t, proxy.URL, role)
	ctx := deadline(t)
	server.Write(t, "kv/data/demo/db", map[string]any{"data": map[string]any{"k": held}})
	query := store.Query{Role: "reader", Mount: kv2, Path: "demo/db"}
	login := "PUT /v1/auth/userpass/login/" + role.Username
	readAll := func() {
		t.Helper()
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if _, err := client.Read(ctx, query); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	readAll()
	if got := proxy.Count(login); got != 1 {
		t.Errorf("%d logins for 20 reads, want 1", got)
	}
	revokeAll(t, server, role.Username)
	readAll()
	if got := proxy.Count(login); got != 2 {
		t.Errorf("%d logins after a revocation, want 2", got)
	}
	if err := client.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if got := proxy.Count("PUT /v1/auth/token/revoke-self"); got != 1 {
		t.Errorf("%d tokens revoked at the end, want 1", got)
	}
	if left := liveTokens(t, server, role.Username); left != 0 {
		t.Errorf("%d tokens live on", left)
	}
}

// TestRealRenewal runs longer than a token lives.
func TestRealRenewal(t *testing.T) {
	server := vaulttest.Start(t)
	proxy := vaulttest.Before(t, server)
	role := prepare(t, server, "4s")
	client := newClient(t, proxy.URL, role)
	running, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- client.Run(running) }()
	server.Write(t, "kv/data/demo/db", map[string]any{"data": map[string]any{"k": held}})
	for range 7 {
		if _, err := client.Read(deadline(t), store.Query{Role: "reader", Mount: kv2, Path: "demo/db"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if got := proxy.Count("PUT /v1/auth/userpass/login/" + role.Username); got != 1 {
		t.Errorf("%d logins, want 1 and renewals", got)
	}
	if got := proxy.Count("PUT /v1/auth/token/renew-self"); got < 1 {
		t.Error("the token was never renewed")
	}
	if got := proxy.Count("PUT /v1/auth/token/revoke-self"); got != 1 {
		t.Errorf("%d revocations at the end of Run, want 1", got)
	}
}

func TestRealAuthMethods(t *testing.T) {
	server := vaulttest.Start(t)
	user := prepare(t, server, "1h")
	policy := user.Username
	server.Write(t, "kv/data/demo/db", map[string]any{"data": map[string]any{"k": held}})
	server.Write(t, "auth/approle/role/reader", map[string]any{"token_policies": policy})
	roleID, err := server.Root.Logical().Read("auth/approle/role/reader/role-id")
	if err != nil {
		t.Fatal(err)
	}
	secretID := server.Write(t, "auth/approle/role/reader/secret-id", nil)
	token, err := server.Root.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{policy}, TTL: "1h"})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []vault.Role{
		user,
		{Method: vault.AppRole, RoleID: roleID.Data["role_id"].(string), SecretIDFile: vaulttest.File(t, secretID.Data["secret_id"].(string))},
		{Method: vault.Token, TokenFile: vaulttest.File(t, token.Auth.ClientToken)},
		jwtRole(t, server, policy),
	} {
		t.Run(role.Method, func(t *testing.T) {
			role.Name = "reader"
			client := newClient(t, server.Address, role)
			if _, err := client.Read(deadline(t), store.Query{Role: "reader", Mount: kv2, Path: "demo/db"}); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		wrong := user
		wrong.PasswordFile = vaulttest.File(t, canary.Over(t).Secret(canary.Draw()))
		err := newClient(t, server.Address, wrong).Check(deadline(t), "reader")
		if fault.CodeOf(err) != fault.Vault {
			t.Errorf("got %v", err)
		}
	})
}

func TestRealSealedVault(t *testing.T) {
	server := vaulttest.StartOwn(t)
	role := prepare(t, server, "1h")
	client := newClient(t, server.Address, role)
	if err := client.Check(deadline(t), "reader"); err != nil {
		t.Fatal(err)
	}
	server.Seal(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := client.Read(ctx, store.Query{Role: "reader", Mount: kv2, Path: "demo/db"})
	if fault.CodeOf(err) != fault.Vault || !strings.Contains(err.Error(), "sealed") {
		t.Errorf("got %v", err)
	}
	server.Unseal(t)
	server.Write(t, "kv/data/demo/db", map[string]any{"data": map[string]any{"k": held}})
	if _, err := client.Read(deadline(t), store.Query{Role: "reader", Mount: kv2, Path: "demo/db"}); err != nil {
		t.Errorf("after unsealing: %v", err)
	}
}

// revokeAll ends every token of a user behind the client's back.
func revokeAll(t *testing.T, server *vaulttest.Server, user string) {
	t.Helper()
	if _, err := server.Root.Logical().Write("sys/leases/revoke-prefix/auth/userpass/login/"+user, nil); err != nil {
		t.Fatal(err)
	}
}

func liveTokens(t *testing.T, server *vaulttest.Server, user string) int {
	t.Helper()
	listed, err := server.Root.Logical().List("sys/leases/lookup/auth/userpass/login/" + user)
	if err != nil {
		t.Fatal(err)
	}
	if listed == nil {
		return 0
	}
	return len(listed.Data["keys"].([]any))
}
