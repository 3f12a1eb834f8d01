package runbooks

import (
	"testing"
	"time"
)

// TestLeakedSecret finds a value in clear in a repository, changes it in Vault and
// looks whether everybody has the new one.
func TestLeakedSecret(t *testing.T) {
	d := newDesk(t)
	p := d.open(t, "leaked-secret.md")
	before := d.renders(t, "shop-production", "db")
	d.write(t, "checkout/leaky/secret.yaml", secret("kv/production/shop/db#password"))
	d.write(t, "checkout/leaky/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {url: 'postgres://app:"+oldValue+"@db'}\n")
	d.refused(t, "shop-production", "leaky", "E_LEAK")
	d.write(t, "checkout/pinned/secret.yaml", secret("kv/production/shop/db#password@1"))

	shows(t, p.run(t, "--outcome E_LEAK"), "shop-production-leaky")
	shows(t, p.run(t, `"kind":"plaintext"`), "none")

	shows(t, p.run(t, "--secret kv/production/shop/db"), "shop-production-db")
	nextSecond()
	p.run(t, "vault kv patch")
	found, err := d.vault.Root.KVv2("kv").Get(t.Context(), "production/shop/db")
	must(t, err)
	if found.VersionMetadata.Version != 2 || found.Data["password"] == oldValue || len(found.Data["password"].(string)) != 48 || found.Data["user"] != "app" {
		t.Errorf("Vault holds version %d with %d keys", found.VersionMetadata.Version, len(found.Data))
	}
	p.run(t, "annotate application shop-production-db")
	d.asked(t, "shop-production-db")
	if after := d.renders(t, "shop-production", "db"); after == before {
		t.Error("the new value gives the old ciphertext")
	}
	left := p.run(t, "--by secret")
	shows(t, left, "kv/production/shop/db@2", "0 of ")
	d.renders(t, "shop-production", "pinned")
	p.run(t, "vault kv destroy")
	d.refused(t, "shop-production", "pinned", "E_SECRET")
	d.renders(t, "shop-production", "db")

	p.run(t, "argocd-seal check checkout")
	p.run(t, "secrets.html")
	shows(t, d.read(t, "secrets.html"), "kv/production/shop/db")
}

// nextSecond waits for the clock's next second: the page notes the time to the
// second, and nobody reads this far within the second of the last render.
func nextSecond() {
	now := time.Now()
	time.Sleep(now.Truncate(time.Second).Add(time.Second).Sub(now))
}
