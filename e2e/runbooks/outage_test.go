package runbooks

import (
	"errors"
	"strings"
	"testing"
)

// TestVaultOutage seals Vault, and unseals it again.
func TestVaultOutage(t *testing.T) {
	d := newDesk(t)
	p := d.open(t, "vault-outage.md")
	d.renders(t, "shop-production", "db")
	must(t, d.vault.Seal(t.Context()))
	d.refused(t, "shop-production", "db", "E_VAULT")
	d.renders(t, "shop-production", "web")
	login := func(state string) func() error {
		return func() error {
			if metrics := d.shell(t, `curl -fsS "$SIDECAR/metrics"`); !strings.Contains(metrics, `argocd_seal_vault_login_up{role="production"} `+state) {
				return errors.New("the sidecar sees it otherwise")
			}
			return nil
		}
	}
	until(t, "the sidecar sees the outage", login("0"))

	shows(t, p.run(t, "/readyz"), `"ready":true`, `"name":"vault:production","ok":false`, `argocd_seal_check_up{check="vault:production"} 0`)
	shows(t, p.run(t, "--outcome E_VAULT"), "shop-production-db")
	shows(t, p.run(t, "/v1/sys/health"), `"sealed":true`, "Sealed true")
	must(t, d.vault.Unseal(t.Context()))
	shows(t, p.run(t, "vault read auth/kubernetes/role"), "argocd-seal", "vault", "kv/data/production/shop/*")
	until(t, "the sidecar has logged in again", login("1"))
	shows(t, p.run(t, "argocd_seal_vault_login_up"), `{role="production"} 1`)
	p.run(t, "xargs")
	d.asked(t, "shop-production-db")
	d.renders(t, "shop-production", "db")
	shows(t, p.run(t, "--outcome ok"), "shop-production-db")
}

// TestCopyOfATrail follows the index of the runbooks.
func TestCopyOfATrail(t *testing.T) {
	d := newDesk(t)
	p := d.open(t, "README.md")
	d.renders(t, "shop-production", "db")
	shows(t, p.run(t, "audit query --output json"), "good")
}
