package vault_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

func queryOf(path string) store.Query {
	return store.Query{Role: "reader", Mount: kv2, Path: path}
}

func deadlineOf(t testing.TB, patience time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), patience)
}

// each reads paths a few at a time, as a request does, and counts the codes.
func each(ctx context.Context, client store.Source, count int, path func(i int) string) map[fault.Code]int {
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		codes = map[fault.Code]int{}
		turns = make(chan struct{}, 8)
	)
	for i := range count {
		group.Go(func() {
			turns <- struct{}{}
			defer func() { <-turns }()
			_, err := client.Read(ctx, queryOf(path(i)))
			mu.Lock()
			defer mu.Unlock()
			codes[fault.CodeOf(err)]++
		})
	}
	group.Wait()
	return codes
}

// TestRealForbiddenPathsCostOneProof: that a role may not read many paths must
// not have the token proved for each of them.
func TestRealForbiddenPathsCostOneProof(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	role := prepare(t, server, "1h")
	client := newClient(t, gateway.URL, role)
	codes := each(deadline(t), client, 200, func(i int) string { return fmt.Sprintf("forbidden/%d", i) })
	if codes[fault.Secret] != 200 {
		t.Errorf("codes %v, want E_SECRET for all 200", codes)
	}
	if got := gateway.Count("GET /v1/auth/token/lookup-self"); got > 8 {
		t.Errorf("%d proofs of the token for 200 forbidden paths, want no more than run at once", got)
	}
	if got := gateway.Count("PUT /v1/auth/userpass/login/"); got != 1 {
		t.Errorf("%d logins, want 1", got)
	}
	// A token that is revoked in between is noticed all the same.
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	revokeAll(t, server, role.Username)
	codes = each(deadline(t), client, 20, func(int) string { return "demo/db" })
	for patience := 0; codes[fault.Secret] > 0 && patience < 20; patience++ {
		time.Sleep(500 * time.Millisecond)
		codes = each(deadline(t), client, 20, func(int) string { return "demo/db" })
	}
	if codes[""] != 20 {
		t.Errorf("after a revocation: %v", codes)
	}
}

// TestRealRefusedLoginIsNotRepeated: Vault locks users after a few wrong
// passwords, and every login costs it a hash.
func TestRealRefusedLoginIsNotRepeated(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	role := prepare(t, server, "1h")
	password, err := os.ReadFile(role.PasswordFile)
	if err != nil {
		t.Fatal(err)
	}
	write := func(content string) {
		t.Helper()
		if err := os.WriteFile(role.PasswordFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	write(canary.Over(t).Secret(canary.Draw()))
	client := newClient(t, gateway.URL, role)
	codes := each(deadline(t), client, 100, func(i int) string { return fmt.Sprintf("demo/%d", i) })
	if codes[fault.Vault] != 100 {
		t.Errorf("codes %v, want E_VAULT for all 100", codes)
	}
	if got := gateway.Count("PUT /v1/auth/userpass/login/"); got > 2 {
		t.Errorf("%d logins with a wrong password for one request", got)
	}
	write(string(password))
	time.Sleep(3 * time.Second)
	if _, err := client.Read(deadline(t), queryOf("demo/db")); err != nil {
		t.Errorf("with the right password: %v", err)
	}
}

// TestRealTokenFileWithABadToken: what rotates a token may fail. The token that
// is in use stays in use while it lives.
func TestRealTokenFileWithABadToken(t *testing.T) {
	server := vaulttest.Start(t)
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	policy := prepare(t, server, "1h").Username
	renewable := false
	made, err := server.Root.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{policy}, TTL: "6s", Renewable: &renewable})
	if err != nil {
		t.Fatal(err)
	}
	good := canary.Over(t).Secret(made.Auth.ClientToken)
	file := vaulttest.File(t, good)
	gateway := vaulttest.Before(t, server)
	client := newClient(t, gateway.URL, vault.Role{Name: "reader", Method: vault.Token, TokenFile: file})
	read := func(after string) {
		t.Helper()
		if _, err := client.Read(deadline(t), queryOf("demo/db")); err != nil {
			t.Errorf("%s: %v", after, err)
		}
	}
	read("at first")
	if err := os.WriteFile(file, []byte(canary.Over(t).Secret("hvs."+canary.Draw())), 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(4200 * time.Millisecond) // two thirds of its life and a little
	gateway.Forget()
	for range 5 {
		read("with a bad token in the file")
	}
	if got := gateway.Count("GET /v1/auth/token/lookup-self"); got > 1 {
		t.Errorf("%d looks at the bad token within a moment, want 1", got)
	}
}

// TestRealTokenEndsWithTheProcess looks the token up by its accessor, as an
// auditor would.
func TestRealTokenEndsWithTheProcess(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	client := newClient(t, gateway.URL, prepare(t, server, "1h"))
	if _, err := client.Read(deadline(t), queryOf("demo/db")); err != nil {
		t.Fatal(err)
	}
	requests := gateway.Requests()
	used := requests[len(requests)-1].Token
	looked, err := server.Root.Auth().Token().Lookup(used)
	if err != nil {
		t.Fatal(err)
	}
	accessor := looked.Data["accessor"].(string)
	if _, err := server.Root.Auth().Token().LookupAccessor(accessor); err != nil {
		t.Fatalf("while it lives: %v", err)
	}
	if err := client.Close(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Root.Auth().Token().LookupAccessor(accessor); err == nil {
		t.Error("the token lives on")
	}
}

// TestRealRenewsAheadAndLogsInAtTheEnd: a token with a longest life is renewed
// until there is nothing to gain, and then replaced, without a request failing.
func TestRealRenewsAheadAndLogsInAtTheEnd(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	role := prepare(t, server, "3s")
	server.Write(t, "auth/userpass/users/"+role.Username, map[string]any{"token_max_ttl": "7s"})
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	client := newClient(t, gateway.URL, role)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if _, err := client.Read(deadline(t), queryOf("demo/db")); err != nil {
			t.Fatal(err)
		}
	}
	logins, renewals := gateway.Count("PUT /v1/auth/userpass/login/"), gateway.Count("PUT /v1/auth/token/renew-self")
	if logins < 2 || logins > 4 || renewals < 2 {
		t.Errorf("%d logins and %d renewals in ten seconds", logins, renewals)
	}
}
