package e2e

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

const rotatingConfig = `
telemetry: {address: %[1]q}
vault:
  address: %[2]q
  roles: [{name: reader, method: token, tokenFile: %[3]q}]
bindings:
- {name: shop, projects: [team-a], namespaces: [apps], role: reader, paths: [kv/shop/**]}
environments:
- name: production
  injection:
    default: sealed-secret
    sealedSecret: {certificateFile: %[4]q, fingerprint: %[5]s, saltFile: %[6]q}
audit: {directory: %[7]q, key: %[8]q, required: true}
rotation: {enabled: true, interval: 10s, kubeconfigFile: %[9]q, namespace: argocd}
`

// rotateThroughTheSidecar has `serve` itself render, be killed with SIGKILL, lose
// the Leases, and come back while nobody renders: its audit trail is all that it
// remembers.
func rotateThroughTheSidecar(t *testing.T, w *rotationWorld) {
	names := named("served", 3)
	w.create(t, names...)
	w.put(t, "serve")
	w.put(t, "quiet")
	dir := t.TempDir()
	address := freeAddress(t)
	plugin := harness.Plugin{Name: "argocd-seal", Seal: w.rotatingConfig(t, dir, address)}
	sidecar := harness.NewSidecar(t, dir, plugin)
	for i, name := range names {
		path := "serve"
		if i == 2 {
			path = "quiet"
		}
		repository := writeFiles(t, harness.Files{"app/secret.yaml": secretOf(path)})
		manifests, err := sidecar.Generate(t.Context(), repository, "app", identity(name, rotationRepo)...)
		must(t, err)
		if !strings.Contains(strings.Join(manifests, ""), "encryptedData") {
			t.Fatalf("%s is not sealed", name)
		}
	}
	must(t, sidecar.Kill())
	must(t, w.cluster.Client.CoordinationV1().Leases("argocd").DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	w.put(t, "serve") // while no sidecar runs

	a := w.argo(t, nil)
	harness.NewSidecar(t, dir, plugin)
	eventually(t, "both are refreshed", func() bool { return a.applications() >= 2 })
	// Two more rounds show that nothing else is.
	asked := rotationMetric(t, address, `argocd_seal_rotation_vault_requests_total{result="ok"}`)
	eventually(t, "two more rounds", func() bool {
		return rotationMetric(t, address, `argocd_seal_rotation_vault_requests_total{result="ok"}`) >= asked+4
	})
	counts := a.counts()
	if len(counts) != 2 || counts[names[0]] != 1 || counts[names[1]] != 1 {
		t.Errorf("refreshed were %v", counts)
	}
	for metric, want := range map[string]float64{
		`argocd_seal_rotation_refreshes_total{result="asked"}`: 2, "argocd_seal_rotation_leading": 1,
		"argocd_seal_rotation_applications": 3, "argocd_seal_rotation_secrets": 2, "argocd_seal_rotation_waiting": 0,
		"argocd_seal_rotation_lag_seconds_count": 2,
	} {
		if got := rotationMetric(t, address, metric); got != want {
			t.Errorf("%s is %v, want %v", metric, got, want)
		}
	}
}

// rotatingConfig is the second document of plugin.yaml. A login reads both
// values and versions below kv/shop.
func (w *rotationWorld) rotatingConfig(t *testing.T, dir, address string) string {
	t.Helper()
	policy := `path "kv/data/shop/*" { capabilities = ["read"] }` + "\n" + `path "kv/metadata/shop/*" { capabilities = ["read"] }`
	must(t, w.vault.Root.Sys().PutPolicyWithContext(t.Context(), "serve", policy))
	login, err := w.vault.Root.Auth().Token().CreateWithContext(t.Context(), &api.TokenCreateRequest{Policies: []string{"serve"}})
	must(t, err)
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o400))
		return path
	}
	salt := make([]byte, 32)
	_, _ = rand.Read(salt)
	certificate, fingerprint := sealingCertificate(t)
	return fmt.Sprintf(rotatingConfig, address, w.vault.Address, file("token", login.Auth.ClientToken), certificate, fingerprint,
		file("salt", string(salt)), filepath.Join(dir, "audit"), auditKey(t, dir), w.kubeconfig)
}

func secretOf(path string) string {
	return "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps}\nstringData: {password: <vault:kv/shop/" + path + "#password>}\n"
}

// rotationMetric reads one metric, which is 0 where it is not there.
func rotationMetric(t *testing.T, address, name string) (value float64) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)
	must(t, err)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	for line := range strings.Lines(string(body)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, err := fmt.Sscan(rest, &value)
			must(t, err)
		}
	}
	return value
}

// sealingCertificate is one whose private key nobody needs here.
func sealingCertificate(t *testing.T) (path, fingerprint string) {
	t.Helper()
	path, err := filepath.Abs("../secrets/seal/testdata/cert.pem")
	must(t, err)
	content, err := os.ReadFile(path)
	must(t, err)
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	return path, hex.EncodeToString(sum[:])
}

// auditKey makes a pair of keys in a directory, by the program's own command.
func auditKey(t *testing.T, dir string) (private string) {
	t.Helper()
	private = filepath.Join(dir, "audit.key")
	if code, _, stderr := command(t, "audit", "key", private, filepath.Join(dir, "audit.pub")); code != 0 {
		t.Fatal(stderr)
	}
	return private
}
