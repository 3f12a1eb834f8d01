package vault_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

func TestRealRateLimit(t *testing.T) {
	server := vaulttest.Start(t)
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	client := newClientOf(t, vault.Config{Address: server.Address, RequestsPerSecond: 50, Roles: []vault.Role{prepare(t, server, "1h")}})
	begin := time.Now()
	// 200 may go at once and the rest at 50 a second.
	if codes := each(deadline(t), client, 250, func(int) string { return "demo/db" }); codes[""] != 250 {
		t.Errorf("codes %v", codes)
	}
	if took := time.Since(begin); took < 900*time.Millisecond {
		t.Errorf("250 reads took %v", took)
	}
}

// TestRealBreaker: while a Vault is sealed it is left alone, and once it is
// there again so are its secrets.
func TestRealBreaker(t *testing.T) {
	server := vaulttest.StartOwn(t)
	gateway := vaulttest.Before(t, server)
	client := newClient(t, gateway.URL, prepare(t, server, "1h"))
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	if _, err := client.Read(deadline(t), queryOf("demo/db")); err != nil {
		t.Fatal(err)
	}
	server.Seal(t)
	gateway.Forget()
	if codes := each(deadline(t), client, 50, func(int) string { return "demo/db" }); codes[fault.Vault] != 50 {
		t.Errorf("codes %v", codes)
	}
	if got := len(gateway.Requests()); got > 20 {
		t.Errorf("%d requests to a sealed Vault for 50 reads", got)
	}
	server.Unseal(t)
	gateway.Forget()
	// The core needs a moment after unsealing before it answers, and the
	// breaker lets one request in five seconds try.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(250 * time.Millisecond) {
		ctx, cancel := deadlineOf(t, time.Second)
		_, err := client.Read(ctx, queryOf("demo/db"))
		cancel()
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after unsealing: %v", err)
		}
	}
	if codes := each(deadline(t), client, 50, func(int) string { return "demo/db" }); codes[""] != 50 {
		t.Errorf("codes %v after the breaker closed", codes)
	}
}

// TestRealSlowAndDownVault: a Vault that accepts connections and does not
// answer, and one that is gone.
func TestRealSlowAndDownVault(t *testing.T) {
	server := vaulttest.StartOwn(t)
	client := newClient(t, server.Address, prepare(t, server, "1h"))
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	read := func() error {
		ctx, cancel := deadlineOf(t, 700*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := client.Read(ctx, queryOf("demo/db"))
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("a request with 0.7 s took %v", took)
		}
		return err
	}
	if err := client.Check(deadline(t), "reader"); err != nil {
		t.Fatal(err)
	}
	server.Pause(t)
	if err := read(); fault.CodeOf(err) != fault.Vault {
		t.Errorf("slow: %v", err)
	}
	server.Resume(t)
	if _, err := client.Read(deadline(t), queryOf("demo/db")); err != nil {
		t.Errorf("after the pause: %v", err)
	}
	server.Stop()
	if err := read(); fault.CodeOf(err) != fault.Vault {
		t.Errorf("down: %v", err)
	}
}

// TestRealConcurrentRequestsShareARead: what is stored is asked for once.
func TestRealConcurrentRequestsShareARead(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	client := newClient(t, gateway.URL, prepare(t, server, "1h"))
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	if err := client.Check(deadline(t), "reader"); err != nil {
		t.Fatal(err)
	}
	gateway.Delay(300 * time.Millisecond)
	shared := store.NewShared(client)
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			secret, err := shared.Read(deadline(t), queryOf("demo/db"))
			if err != nil || string(secret.Values["k"].Reveal()) != held {
				t.Errorf("a wrong answer, or %v", err)
			}
		})
	}
	group.Wait()
	if got := gateway.Count("GET /v1/kv/data/demo/db"); got != 1 {
		t.Errorf("%d reads for ten requests at once, want 1", got)
	}
}

// TestRealOtherEnginesAreRefused asks the engines that every Vault has beside
// KV: none of their answers is a secret that may be sealed.
func TestRealOtherEnginesAreRefused(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	canary.Over(t).Secret(server.Root.Token())
	client := newClient(t, gateway.URL, vault.Role{Name: "reader", Method: vault.Token, TokenFile: vaulttest.File(t, server.Root.Token())})
	for _, path := range []string{"cubbyhole/x", "identity/oidc/token/x", "sys/mounts"} {
		if mount, err := client.Locate(deadline(t), "reader", path); fault.CodeOf(err) != fault.VaultDynamic {
			t.Errorf("%s lies on %v, %v", path, mount, err)
		}
	}
	for _, request := range gateway.Requests() {
		if request.Line == "GET /v1/cubbyhole/x" || request.Line == "GET /v1/sys/mounts" {
			t.Errorf("it was asked: %s", request.Line)
		}
	}
}

// TestRealHalfAnAnswer cuts Vault's own answers off in the middle.
func TestRealHalfAnAnswer(t *testing.T) {
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	server.Put(t, "demo/db", `{"k":"`+held+`"}`)
	client := newClient(t, gateway.URL, prepare(t, server, "1h"))
	var tries atomic.Int32
	gateway.Set(func(w http.ResponseWriter, r *http.Request, real []byte) bool {
		if r.URL.Path != "/v1/kv/data/demo/db" {
			return false
		}
		if tries.Add(1) == 3 {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(real)))
		_, _ = w.Write(real[:len(real)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	secret, err := client.Read(deadline(t), queryOf("demo/db"))
	if err != nil || string(secret.Values["k"].Reveal()) != held {
		t.Errorf("at the third try: %v", err)
	}
}
