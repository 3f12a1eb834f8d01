package setup_test

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/setup"
)

// TestKeysAreNotPublished names files that hold a key beside the certificate.
func TestKeysAreNotPublished(t *testing.T) {
	public, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("not for others")})
	for name, content := range map[string][]byte{"after": bytes.Join([][]byte{public, key}, nil), "before": bytes.Join([][]byte{key, public}, nil)} {
		file := filepath.Join(t.TempDir(), "both.pem")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, flag := range []string{"certificate", "vault-ca"} {
			_, err := setup.Complete(setup.Given{flag: file})
			if err == nil || !strings.Contains(err.Error(), "holds a PRIVATE KEY") || !strings.Contains(err.Error(), "nothing but certificates") {
				t.Errorf("a key %s it in --%s gives %v", name, flag, err)
			}
		}
		// The file may have become another since it was checked.
		answers, err := setup.Complete(setup.Given{"certificate": certificate})
		if err != nil {
			t.Fatal(err)
		}
		answers.Certificates = file
		if files, err := setup.Files(answers); err == nil || files != nil {
			t.Errorf("a key %s it gives %d files, %v", name, len(files), err)
		}
	}
}

// TestOnlyCertificatesAreCopied leaves out what stands around them, such as a key
// that is no whole block.
func TestOnlyCertificatesAreCopied(t *testing.T) {
	public, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "chain.pem")
	content := bytes.Join([][]byte{[]byte("Bag: secret\n"), public, []byte("-----BEGIN PRIVATE KEY-----\nsecret\n"), public}, nil)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := written(t, setup.Given{"certificate": file, "vault-ca": file})
	names, err := filepath.Glob(filepath.Join(dir, "certificates", "*.crt"))
	if err != nil || len(names) != 4 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		copied, err := os.ReadFile(name)
		if err != nil || bytes.Contains(copied, []byte("secret")) || bytes.Contains(copied, []byte("KEY")) || !bytes.HasPrefix(copied, []byte("-----BEGIN CERTIFICATE-----\n")) {
			t.Errorf("%s is, %v:\n%s", name, err, copied)
		}
	}
}
