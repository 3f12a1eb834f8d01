package release_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// newKey makes what signs the release.
func (w *workshop) newKey(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	plain := filepath.Join(w.keys, "plain.pem")
	writePEM(t, plain, "PRIVATE KEY", raw)
	w.run(t, "cosign", "import-key-pair", "--key", plain, "--output-key-prefix", filepath.Join(w.keys, "cosign"))
	w.key = key
}

func writePEM(t *testing.T, name, kind string, raw []byte) {
	t.Helper()
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue makes what sigstore's authority would give a workflow: a certificate for the
// test's key that names the workflow, and the authority's own, in a file.
func (w workshop) issue(t *testing.T, workflow, issuer string) (leaf []byte, authority string) {
	t.Helper()
	name, err := url.Parse(workflow)
	if err != nil {
		t.Fatal(err)
	}
	provider, err := asn1.MarshalWithParams(issuer, "utf8")
	if err != nil {
		t.Fatal(err)
	}
	ca, key := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, w.key
	raw, err := x509.CreateCertificate(rand.Reader, ca, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	authority = filepath.Join(t.TempDir(), "authority.pem")
	writePEM(t, authority, "CERTIFICATE", raw)
	leaf, err = x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, URIs: []*url.URL{name},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		// Who vouched for the identity, as sigstore's authority writes it.
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, 8}, Value: provider}},
	}, ca, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return leaf, authority
}

// certify puts a certificate into the bundles instead of the name of a key. What is
// signed, and how, is the same.
func (w workshop) certify(t *testing.T, leaf []byte) {
	t.Helper()
	bundles, err := filepath.Glob(filepath.Join(w.dir, "dist", "*.sigstore.json"))
	if err != nil || len(bundles) != 2 {
		t.Fatalf("found %v (%v), want two bundles", bundles, err)
	}
	for _, name := range bundles {
		var bundle map[string]any
		w.read(t, filepath.Base(name), &bundle)
		bundle["verificationMaterial"] = map[string]any{"certificate": map[string]any{"rawBytes": leaf}}
		content, err := json.Marshal(bundle)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// testIdentity follows the guide word for word, but for sigstore's servers: the
// workflow of the releases is trusted at its tag, and no other.
func (w workshop) testIdentity(t *testing.T, version string, blocks []string) {
	t.Helper()
	const ours, github = "https://github.com/argocd-seal/argocd-seal-plugin/.github/workflows/release.yaml@refs/tags/v", "https://token.actions.githubusercontent.com"
	setting := strings.Replace(blocks[0], "VERSION=1.0.0\n", "VERSION="+version+"\n", 1)
	for identity, want := range maps.All(map[[2]string]bool{
		{ours + version, github}: true,
		{strings.Replace(ours, "argocd-seal/", "somebody/", 1) + version, github}:  false,
		{strings.Replace(ours, "release.yaml", "other.yaml", 1) + version, github}: false,
		{strings.Replace(ours, "tags/v", "heads/v", 1) + version, github}:          false,
		{ours + "0.0.0", github}:                         false,
		{ours + version, "https://accounts.example.com"}: false,
	}) {
		leaf, authority := w.issue(t, identity[0], identity[1])
		w.certify(t, leaf)
		root := filepath.Join(t.TempDir(), "root.json")
		w.run(t, "cosign", "trusted-root", "create", "--fulcio", "url=https://fulcio.example.com,certificate-chain="+authority, "--out", root)
		// cosign would take the key that signed from the environment.
		offline := "unset COSIGN_KEY\n" + `IDENTITY="$IDENTITY --insecure-ignore-tlog --insecure-ignore-sct --trusted-root=` + root + `"`
		for _, block := range blocks[2:] {
			out, err := w.follow(t, setting+offline, block)
			if refused := strings.Contains(out, "no matching CertificateIdentity found"); (err == nil) != want || refused == want {
				t.Errorf("signed as %v, want verified %v:\n%s%s", identity, want, block, out)
			}
		}
	}
}
