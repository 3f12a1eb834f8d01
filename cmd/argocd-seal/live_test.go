package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// liveLab is a configuration that seals, in a directory.
type liveLab struct {
	t   *testing.T
	dir string
	log bytes.Buffer
	*live
}

func newLiveLab(t *testing.T) *liveLab {
	t.Helper()
	l := &liveLab{t: t, dir: t.TempDir()}
	logger := logrus.New()
	logger.SetOutput(&l.log)
	l.live = &live{options: serveOptions{config: l.file("plugin.yaml")}, service: &plugin.Service{Log: logger}, log: logger}
	l.write("salt", "0123456789abcdefghijklmnopqrstuv")
	l.certificate()
	l.configure("basic-security", "")
	parsed, err := config.Load(l.options.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.start(t.Context(), parsed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.close() })
	return l
}

func (l *liveLab) file(name string) string { return filepath.Join(l.dir, name) }

func (l *liveLab) write(name, content string) {
	l.t.Helper()
	if err := os.WriteFile(l.file(name)+".new", []byte(content), 0o400); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(l.file(name)+".new", l.file(name)); err != nil {
		l.t.Fatal(err)
	}
}

// certificate puts a new certificate in the place of the old one.
func (l *liveLab) certificate() {
	l.t.Helper()
	content, err := throwAwayCertificate()
	if err != nil {
		l.t.Fatal(err)
	}
	l.write("cert.pem", string(content))
}

func (l *liveLab) configure(level, more string) {
	l.t.Helper()
	content, err := os.ReadFile(l.file("cert.pem"))
	if err != nil {
		l.t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	l.write("plugin.yaml", fmt.Sprintf(`apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: argocd-seal}
spec:
  generate: {command: [argocd-seal, generate]}
---
apiVersion: argocd-seal.io/v1alpha1
kind: SealConfig
vault: {address: "http://127.0.0.1:1"}
environments:
  - name: production
    policy: {level: %s}
    injection:
      default: sealed-secret
      sealedSecret: {certificateFile: %s, fingerprint: %s, saltFile: %s}
%s`, level, l.file("cert.pem"), hex.EncodeToString(sum[:]), l.file("salt"), more))
}

// A change is put to use whole; a mistake changes nothing and is told once.
func TestConfigurationChanges(t *testing.T) {
	l := newLiveLab(t)
	first := l.pipeline
	if refused := l.refresh(t.Context(), ""); refused != "" || l.pipeline != first {
		t.Fatalf("nothing changed, but the configuration did: %s", refused)
	}
	l.configure("production-security", "")
	if l.refresh(t.Context(), ""); l.pipeline == first {
		t.Fatalf("a change is not noticed: %s", &l.log)
	}
	second, settings := l.pipeline, func() *plugin.Pipeline { return l.pipeline }
	l.configure("production-security", "wrong: true\n")
	refused := l.refresh(t.Context(), "")
	if refused = l.refresh(t.Context(), refused); settings() != second {
		t.Error("a wrong configuration is used")
	}
	if count := strings.Count(l.log.String(), "the configuration stays as it was"); count != 1 || !strings.Contains(l.log.String(), "plugin.yaml:") {
		t.Errorf("the mistake is told %d times: %s", count, &l.log)
	}
	l.configure("production-security", "aliases: [other]\n")
	if l.refresh(t.Context(), refused); l.pipeline == second || !strings.Contains(l.log.String(), "takes effect at the next start") {
		t.Errorf("a change that needs a restart is not told: %s", &l.log)
	}
}

// A new certificate counts once its fingerprint is pinned, and a new salt is
// used as well.
func TestCertificateChanges(t *testing.T) {
	l := newLiveLab(t)
	before := certificates(l.pipeline)[0].Fingerprint
	l.certificate()
	if l.refresh(t.Context(), ""); certificates(l.pipeline)[0].Fingerprint != before {
		t.Fatal("a certificate that is not pinned is used")
	}
	if !strings.Contains(l.log.String(), "E_SEAL") {
		t.Errorf("nobody is told of the certificate: %s", &l.log)
	}
	l.configure("basic-security", "")
	if l.refresh(t.Context(), ""); certificates(l.pipeline)[0].Fingerprint == before {
		t.Errorf("the new certificate is not used: %s", &l.log)
	}
	pipeline := l.pipeline
	l.write("salt", "vutsrqponmlkjihgfedcba9876543210")
	if l.refresh(t.Context(), ""); l.pipeline == pipeline {
		t.Error("the new salt is not used")
	}
}
