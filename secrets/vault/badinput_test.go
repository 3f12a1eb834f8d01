package vault_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// boundStage is the stage over a real Vault for one team, which may refer to
// kv/demo, kv1/demo and kv/locked. The last one Vault does not let it read.
func boundStage(t testing.TB, server *vaulttest.Server, gateway *vaulttest.Gateway) *secrets.Stage {
	t.Helper()
	client := newClient(t, gateway.URL, prepare(t, server, "1h"))
	set, err := binding.NewSet([]binding.Rule{{
		Name: "team", Projects: []string{"team"}, Role: "reader", Paths: []string{"kv/demo/**", "kv/locked/*", "kv1/demo/*"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	sealer := testSealer(t)
	return &secrets.Stage{Bindings: set, Source: store.NewShared(client), Environments: map[string]secrets.Environment{"": {
		Default: inject.KindSealedSecret, Sealer: sealer,
		Injections: map[inject.Kind]inject.Injection{inject.KindSealedSecret: inject.SealedSecret{Sealer: sealer}},
	}}}
}

// fill writes what the tables of this file refer to.
func fill(t testing.TB, server *vaulttest.Server) {
	t.Helper()
	server.Put(t, "demo/db", `{"k":"`+held+`","none":null,"object":{"a":"`+held+`"},"list":["`+held+`"],"yaml":"`+held+`\n---\nkind: Pod\n"}`)
	for _, path := range []string{"locked/db", "other/db"} {
		server.Put(t, path, `{"k":"`+held+`"}`)
	}
	server.Delete(t, "demo/deleted", `{"k":"`+held+`"}`)
	server.Destroy(t, "demo/destroyed", `{"k":"`+held+`"}`)
	server.PutOld(t, "demo/old", `{"k":"`+held+`"}`)
}

// manifest is a Secret of one entry.
func manifest(name, reference string) object.Object {
	return object.Object{File: name + ".yaml", Line: 3, Fields: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name}, "stringData": map[string]any{"k": reference},
	}}
}

// applied runs the stage and has all that comes out of it searched for values.
func applied(ctx context.Context, t testing.TB, stage *secrets.Stage, objects ...object.Object) (secrets.Result, error) {
	t.Helper()
	watch := canary.Over(t)
	result, err := stage.Apply(ctx, secrets.Request{Identity: request, Objects: objects})
	watch.SeeError(err)
	watch.See("result", result)
	if err != nil && len(result.Objects) != 0 {
		t.Error("a failed request emits objects")
	}
	return result, err
}

// mustWork is the next request after a bad one.
func mustWork(t testing.TB, stage *secrets.Stage) {
	t.Helper()
	result, err := applied(deadline(t), t, stage, manifest("good", "<vault:kv/demo/db#k>"))
	if err != nil {
		t.Errorf("the next request fails: %v", err)
		return
	}
	if diff := cmp.Diff(map[string]string{"k": held}, unsealed(t, result.Objects[0])); diff != "" {
		t.Errorf("the next request gives something else (-want +got):\n%s", diff)
	}
}

// TestRealBadReferences is what people get wrong in a reference, and what can
// have happened to what it points to.
func TestRealBadReferences(t *testing.T) {
	server := vaulttest.Start(t)
	fill(t, server)
	gateway := vaulttest.Before(t, server)
	stage := boundStage(t, server, gateway)
	tests := []struct {
		name, reference string
		code            fault.Code
	}{
		{"missing key", "<vault:kv/demo/db#nope>", fault.Secret},
		{"missing path", "<vault:kv/demo/nope#k>", fault.Secret},
		{"missing version", "<vault:kv/demo/db#k@99>", fault.Secret},
		{"deleted version", "<vault:kv/demo/deleted#k>", fault.Secret},
		{"deleted version by its number", "<vault:kv/demo/deleted#k@1>", fault.Secret},
		{"destroyed version", "<vault:kv/demo/destroyed#k>", fault.Secret},
		{"null", "<vault:kv/demo/db#none>", fault.Secret},
		{"not readable with the role", "<vault:kv/locked/db#k>", fault.Secret},
		{"not readable and not there", "<vault:kv/locked/nope#k>", fault.Secret},
		{"a version of KV 1", "<vault:kv1/demo/old#k@1>", fault.Secret},
		{"object", "<vault:kv/demo/db#object>", fault.Modifier},
		{"list", "<vault:kv/demo/db#list>", fault.Modifier},
		{"unknown modifier", "<vault:kv/demo/db#k | rot13>", fault.Modifier},
		{"wrong form for a modifier", "<vault:kv/demo/db#yaml | base64decode>", fault.Modifier},
		{"JSONPath that finds nothing", "<vault:kv/demo/db#object | jsonPath {.b}>", fault.Modifier},
		{"no closing bracket", "<vault:kv/demo/db#k", fault.RefSyntax},
		{"another tenant's path", "<vault:kv/other/db#k>", fault.Forbidden},
		{"another tenant's path that is not there", "<vault:kv/other/nope#k>", fault.Forbidden},
		{"the mount's API in a native path", "<vault:kv/data/demo/db#k>", fault.Forbidden},
	}
	var all []object.Object
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := applied(deadline(t), t, stage, manifest("db", test.reference))
			list := fault.Of(err)
			if len(list) != 1 || list[0].Code != test.code || list[0].File != "db.yaml" || list[0].Line != 3 ||
				list[0].Object != "Secret db" || list[0].Field != "stringData.k" || list[0].Fix == "" {
				t.Errorf("got %v, want one %s at db.yaml:3 Secret db stringData.k", err, test.code)
			}
		})
		if test.code == fault.Secret {
			all = append(all, manifest(fmt.Sprintf("bad-%02d", i), test.reference))
		}
	}
	// All in one report, each in its place.
	_, err := applied(deadline(t), t, stage, all...)
	places := map[string]bool{}
	for _, one := range fault.Of(err) {
		places[one.File] = one.Code == fault.Secret
	}
	if len(fault.Of(err)) != len(all) || len(places) != len(all) {
		t.Errorf("%d faults at %d places for %d bad references: %v", len(fault.Of(err)), len(places), len(all), err)
	}
	mustWork(t, stage)
}

// TestRealV1PathSpellings: whatever a path could mean to Vault, its client or a
// proxy, it is refused before anything is asked.
func TestRealV1PathSpellings(t *testing.T) {
	server := vaulttest.Start(t)
	fill(t, server)
	gateway := vaulttest.Before(t, server)
	stage := boundStage(t, server, gateway)
	mustWork(t, stage)
	gateway.Forget()
	var objects []object.Object
	for i, path := range []string{
		"kv/demo/../other/db", "kv/demo/./db", "kv/demo//db", "/kv/demo/db", "kv/demo/db/", "kv/../sys/mounts", "kv/demo/..",
		"kv/demo/%2e%2e/db", "kv/demo/%252e%252e/db", "kv/demo%2Fdb", "kv\\demo\\db", "kv/demo;x/db", "kv/demo/db?version=1", "kv/demo /db",
		"kv/demo/d\tb", "kv/demo/d\x00b", "kv/demo/\u2025/db", "kv/demo/\uff0e\uff0e/db", "kv/demo/" + strings.Repeat("a", 600), "kv",
		"sys/mounts", "auth/token/lookup-self", "cubbyhole/x", "identity/oidc/token/x", "SYS/mounts", "kv/demo-b/db", "kv-b/demo/db",
		"kv/demo/+/db", "kv/demo/*", "kv" + strings.Repeat("/a", 16),
	} {
		for dialect, reference := range map[string]string{"native": "<vault:" + path + "#k>", "path": "<path:" + path + "#k>"} {
			objects = append(objects, manifest(fmt.Sprintf("%s-%02d", dialect, i), reference))
		}
	}
	_, err := applied(deadline(t), t, stage, objects...)
	refused := map[string]bool{}
	for _, one := range fault.Of(err) {
		refused[one.File] = one.Code == fault.RefSyntax || one.Code == fault.Forbidden
	}
	for _, o := range objects {
		if !refused[o.File] {
			t.Errorf("%s is not refused: %v", o.File, o.Fields["stringData"])
		}
	}
	if asked := gateway.Requests(); len(asked) != 0 {
		t.Errorf("Vault was asked: %v", asked)
	}
	mustWork(t, stage)
}

// TestRealVaultMisbehaves has the gateway spoil Vault's real answers, which hold
// the value.
func TestRealVaultMisbehaves(t *testing.T) {
	server := vaulttest.Start(t)
	fill(t, server)
	status := func(code int) vaulttest.Mangle {
		return func(w http.ResponseWriter, _ *http.Request, real []byte) bool {
			w.WriteHeader(code)
			_, _ = w.Write(real)
			return true
		}
	}
	body := func(text func(real string) string) vaulttest.Mangle {
		return func(w http.ResponseWriter, _ *http.Request, real []byte) bool {
			_, _ = w.Write([]byte(text(string(real))))
			return true
		}
	}
	for _, test := range []struct {
		name   string
		mangle vaulttest.Mangle
		code   fault.Code
	}{
		{"429", status(429), fault.Vault},
		{"500", status(500), fault.Vault},
		{"502", status(502), fault.Vault},
		{"503", status(503), fault.Vault},
		{"redirect", func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			http.Redirect(w, r, "https://evil.example.com/"+held, http.StatusTemporaryRedirect)
			return true
		}, fault.Vault},
		{"a page of a proxy", body(func(real string) string { return "<html><body>" + real + "</body></html>" }), fault.Vault},
		{"half of the JSON", body(func(real string) string { return real[:len(real)-20] }), fault.Vault},
		{"half of the body", func(w http.ResponseWriter, _ *http.Request, real []byte) bool {
			w.Header().Set("Content-Length", fmt.Sprint(len(real)))
			_, _ = w.Write(real[:len(real)-20])
			panic(http.ErrAbortHandler)
		}, fault.Vault},
		{"another form", body(func(real string) string { return `{"data":{"data":` + fmt.Sprintf("%q", real) + `}}` }), fault.Vault},
		{"a lease", body(func(real string) string { return strings.Replace(real, `"lease_id":""`, `"lease_id":"x/1"`, 1) }), fault.VaultDynamic},
		{"text that is not UTF-8", body(func(real string) string { return strings.Replace(real, held, held+"\xff", 1) }), fault.Vault},
		{"more than there is room for", body(func(real string) string {
			return strings.Replace(real, held, strings.Repeat(held, 1<<19), 1)
		}), fault.Limit},
	} {
		t.Run(test.name, func(t *testing.T) {
			gateway := vaulttest.Before(t, server)
			stage := boundStage(t, server, gateway)
			mustWork(t, stage)
			gateway.Set(func(w http.ResponseWriter, r *http.Request, real []byte) bool {
				return strings.HasPrefix(r.URL.Path, "/v1/kv/data/") && test.mangle(w, r, real)
			})
			patience := 20 * time.Second
			if test.code == fault.Vault {
				patience = time.Second // some of these are tried again
			}
			ctx, cancel := deadlineOf(t, patience)
			defer cancel()
			_, err := applied(ctx, t, stage, manifest("a", "<vault:kv/demo/db#k>"), manifest("b", "<vault:kv/demo/db#k>"))
			list := fault.Of(err)
			if len(list) != 2 || list[0].Code != test.code || list[0].File != "a.yaml" || list[1].File != "b.yaml" || list[1].Field != "stringData.k" {
				t.Errorf("got %v, want %s at both places", err, test.code)
			}
			gateway.Set(nil)
			mustWork(t, stage)
		})
	}
}

// TestRealVaultIsAway seals, pauses and ends a Vault between two requests.
func TestRealVaultIsAway(t *testing.T) {
	server := vaulttest.StartOwn(t)
	fill(t, server)
	gateway := vaulttest.Before(t, server)
	for _, test := range []struct {
		name       string
		away, back func(testing.TB)
	}{
		{"sealed", server.Seal, server.Unseal},
		{"slow", server.Pause, server.Resume},
	} {
		t.Run(test.name, func(t *testing.T) {
			stage := boundStage(t, server, gateway)
			mustWork(t, stage)
			test.away(t)
			ctx, cancel := deadlineOf(t, time.Second)
			defer cancel()
			begin := time.Now()
			_, err := applied(ctx, t, stage, manifest("db", "<vault:kv/demo/db#k>"))
			if list := fault.Of(err); len(list) != 1 || list[0].Code != fault.Vault || list[0].Field != "stringData.k" || time.Since(begin) > 4*time.Second {
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
			test.back(t)
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
				if _, err := applied(deadline(t), t, stage, manifest("db", "<vault:kv/demo/db#k>")); err == nil {
					break
				}
			}
			mustWork(t, stage)
		})
	}
	stage := boundStage(t, server, gateway)
	server.Stop()
	ctx, cancel := deadlineOf(t, time.Second)
	defer cancel()
	if _, err := applied(ctx, t, stage, manifest("db", "<vault:kv/demo/db#k>")); fault.CodeOf(err) != fault.Vault {
		t.Errorf("down: %v", err)
	}
}

// TestRealB1NoCommitNoRequest: without a commit nothing is asked.
func TestRealB1NoCommitNoRequest(t *testing.T) {
	server := vaulttest.Start(t)
	fill(t, server)
	gateway := vaulttest.Before(t, server)
	stage := boundStage(t, server, gateway)
	for _, revision := range []string{"streamed", "", "HEAD", "main", strings.Repeat("a", 39), strings.Repeat("a", 41), strings.Repeat("A", 40)} {
		asked := request
		asked.Revision = revision
		_, err := stage.Apply(deadline(t), secrets.Request{Identity: asked, Objects: []object.Object{manifest("db", "<vault:kv/demo/db#k>")}})
		canary.Over(t).SeeError(err)
		if fault.CodeOf(err) != fault.IdentityStreamed {
			t.Errorf("revision %q: %v", revision, err)
		}
	}
	if asked := gateway.Requests(); len(asked) != 0 {
		t.Errorf("Vault was asked: %v", asked)
	}
	mustWork(t, stage)
}
