package runbooks

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestStolenSaltOrCertificate replaces everything that the sidecar has, with the
// real controller unsealing what comes out.
func TestStolenSaltOrCertificate(t *testing.T) {
	harness.Need(t, harness.Unsealer, harness.SealedSecretCRD, harness.Unshare)
	d := newDesk(t)
	p := d.open(t, "stolen-salt-or-certificate.md")
	d.shell(t, `kubectl create namespace sealed-secrets
kubectl -n sealed-secrets create secret tls sealing-key-old --cert sidecar/production.crt --key old.key
kubectl -n sealed-secrets label secret sealing-key-old sealedsecrets.bitnami.com/sealed-secrets-key=active`)
	old, err := d.cluster.Unseal(t.Context())
	must(t, err)
	if old.Name != "sealing-key-old" {
		t.Fatalf("the controller seals with %s", old.Name)
	}
	before := d.renders(t, "shop-production", "db")
	d.opens(t, before)
	shows(t, p.run(t, `"certificate"`), "1 \"certificate\":\"")

	d.vault.Asked()
	p.run(t, "vault token revoke")
	d.restarted(t)
	d.renders(t, "shop-production", "db")
	if !slices.ContainsFunc(d.vault.Asked(), func(line string) bool { return strings.HasSuffix(line, "/v1/auth/kubernetes/login") }) {
		t.Error("the sidecar has not logged in anew")
	}

	p.run(t, "argocd-seal-salt")
	d.restarted(t)
	salted := d.takes(t, before, "argocd-seal-salt", "salt")
	d.opens(t, salted)
	d.testNewKey(t, p, salted)
	d.testNewAuditKey(t, p)
}

// testNewKey follows the page for the controller's key.
func (d *desk) testNewKey(t *testing.T, p *page, before string) {
	t.Helper()
	p.run(t, "openssl req -x509")
	key, err := d.cluster.RestartUnsealer(t.Context())
	must(t, err)
	if key.Name != "sealing-key-new" {
		t.Fatalf("the controller seals with %s", key.Name)
	}
	p.run(t, "fingerprint=")
	if others := d.shell(t, `kubectl -n argocd get configmap argocd-seal-certificates --output jsonpath='{.data.staging\.crt}'`); others != "another" {
		t.Errorf("another certificate is %q now", others)
	}
	d.shell(t, `kubectl -n argocd get configmap argocd-seal-certificates --output jsonpath='{.data.production\.crt}' > sidecar/production.crt`)
	after := d.changes(t, before)
	p.run(t, "annotate applications")
	d.asked(t, "shop-production-db", "shop-production-web")
	shows(t, p.run(t, "delete secret sealing-key-old"), "sealing-key-new")
	_, err = d.cluster.RestartUnsealer(t.Context())
	must(t, err)
	d.opens(t, after)
	shows(t, p.run(t, "--by secret"), "kv/production/shop/db")
}

// testNewAuditKey follows the page for the key of the trail.
func (d *desk) testNewAuditKey(t *testing.T, p *page) {
	t.Helper()
	p.run(t, "argocd-seal audit key")
	d.restarted(t)
	must(t, d.sidecar.Stop())
	_, settings, _ := strings.Cut(d.read(t, "sidecar/plugin.yaml"), "kind: SealConfig\n")
	d.install(t, "argocd-seal-audit", "audit.key")
	d.serve(t, settings)
	d.renders(t, "shop-production", "db")
	shows(t, p.run(t, "--key new-audit.pub"), "good")
}

// restarted expects the repo-server's Deployment to be told to replace its pods,
// which nobody here does.
func (d *desk) restarted(t *testing.T) {
	t.Helper()
	const mark = `{.spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt}`
	if at := d.shell(t, "kubectl -n argocd get deployment argocd-repo-server --output jsonpath='"+mark+"'"); at == "" {
		t.Error("no pod is replaced")
	}
	d.shell(t, `kubectl -n argocd patch deployment argocd-repo-server --type merge --patch '{"spec":{"template":{"metadata":{"annotations":null}}}}'`)
}

// install puts what a Secret holds where the sidecar reads it, as the kubelet does.
func (d *desk) install(t *testing.T, name, key string) {
	t.Helper()
	path := d.file("sidecar/" + key)
	content := d.shell(t, fmt.Sprintf(`kubectl -n argocd get secret %s --output go-template='{{index .data %q | base64decode}}'`, name, key))
	must(t, os.Remove(path))
	must(t, os.WriteFile(path, []byte(content), 0o400))
}

// takes gives the sidecar a Secret, and waits until it seals otherwise than before.
func (d *desk) takes(t *testing.T, before, name, key string) string {
	t.Helper()
	d.install(t, name, key)
	return d.changes(t, before)
}

// changes waits until the sidecar seals otherwise than before.
func (d *desk) changes(t *testing.T, before string) (after string) {
	t.Helper()
	until(t, "everything is sealed anew", func() (err error) {
		if after, err = d.render(t, "shop-production", "db", "a"); err == nil && after == before {
			err = errors.New("it is as it was")
		}
		return err
	})
	return after
}

// opens expects the controller to unseal what was rendered.
func (d *desk) opens(t *testing.T, rendered string) {
	t.Helper()
	object := &unstructured.Unstructured{}
	must(t, object.UnmarshalJSON([]byte(rendered)))
	object.SetNamespace("shop-production")
	// What an earlier one has left would hide that this one cannot be opened.
	d.shell(t, "kubectl -n shop-production delete sealedsecrets,secrets --all --wait")
	must(t, d.cluster.Apply(t.Context(), harness.SealedSecrets, object))
	_, err := d.cluster.Secret(t.Context(), "shop-production", "db", func(secret *corev1.Secret) error {
		if string(secret.Data["password"]) != oldValue {
			return errors.New("the controller gives back something else")
		}
		return nil
	})
	must(t, err)
}
