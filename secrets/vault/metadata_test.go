package vault_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// metadataReader may read metadata of kv/demo and nothing else.
func metadataReader(t *testing.T, server *vaulttest.Server) vault.Role {
	t.Helper()
	name := "meta-" + canary.Draw()[:12]
	password := server.User(t, name, `path "kv/metadata/demo/*" { capabilities = ["read"] }`, "1h")
	return vault.Role{Name: "reader", Method: vault.Userpass, Username: name, PasswordFile: password}
}

func TestMetadata(t *testing.T) {
	server := vaulttest.Start(t)
	client := newClient(t, server.Address, metadataReader(t, server))
	query := func(path string) store.Query { return store.Query{Role: "reader", Mount: kv2, Path: path} }
	began := time.Now().Add(-time.Minute)
	server.Put(t, "demo/meta", `{"k":"`+held+`"}`)
	server.Destroy(t, "demo/meta", `{"k":"`+held+`"}`)
	server.Put(t, "demo/meta", `{"k":"`+held+`"}`)
	server.Delete(t, "demo/meta", `{"k":"`+held+`"}`)

	got, err := client.Metadata(deadline(t), query("demo/meta"))
	if err != nil {
		t.Fatal(err)
	}
	readable := map[int]bool{}
	for number, version := range got.Versions {
		readable[number] = version.Readable(time.Now())
		if version.Created.Before(began) {
			t.Errorf("version %d was created %s", number, version.Created)
		}
	}
	if diff := cmp.Diff(map[int]bool{1: true, 2: false, 3: true, 4: false}, readable); diff != "" {
		t.Errorf("readable versions (-want +got):\n%s", diff)
	}
	want := vault.Metadata{Current: 4}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(vault.Metadata{}, "Created", "Versions")); diff != "" || got.Created.Before(began) {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got.Versions[2].Destroyed || got.Versions[4].Deleted.IsZero() {
		t.Errorf("destroyed and deleted versions are %+v", got.Versions)
	}

	for path, code := range map[string]fault.Code{"demo/absent": fault.Secret, "other/meta": fault.Config, "demo/../other/meta": fault.RefSyntax} {
		if _, err := client.Metadata(deadline(t), query(path)); fault.CodeOf(err) != code {
			t.Errorf("Metadata(%s) = %v, want %s", path, err, code)
		}
	}
	// The capability that it needs opens no value.
	if _, err := client.Read(deadline(t), query("demo/meta")); fault.CodeOf(err) != fault.Secret {
		t.Errorf("the role reads values: %v", err)
	}
}

func TestAVersionThatWillBeDeletedIsReadable(t *testing.T) {
	now := time.Now()
	for _, test := range []struct {
		version vault.Version
		want    bool
	}{
		{vault.Version{}, true},
		{vault.Version{Deleted: now.Add(time.Hour)}, true},
		{vault.Version{Deleted: now.Add(-time.Hour)}, false},
		{vault.Version{Destroyed: true}, false},
	} {
		if got := test.version.Readable(now); got != test.want {
			t.Errorf("Readable(%+v) = %t", test.version, got)
		}
	}
}
