package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
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
	l.live = &live{options: serveOptions{config: l.file("plugin.yaml")}, service: &plugin.Service{Log: logger}, log: logger, shown: telemetry.New("test")}
	l.write("salt", "0123456789abcdefghijklmnopqrstuv")
	l.newCertificate()
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

// newCertificate puts a new certificate in the place of the old one.
func (l *liveLab) newCertificate() {
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
	first := l.pipeline.Load()
	if refused := l.refresh(t.Context(), ""); refused != "" || l.pipeline.Load() != first {
		t.Fatalf("nothing changed, but the configuration did: %s", refused)
	}
	l.configure("production-security", "")
	if l.refresh(t.Context(), ""); l.pipeline.Load() == first {
		t.Fatalf("a change is not noticed: %s", &l.log)
	}
	second := l.pipeline.Load()
	l.configure("production-security", "wrong: true\n")
	refused := l.refresh(t.Context(), "")
	if refused = l.refresh(t.Context(), refused); l.pipeline.Load() != second {
		t.Error("a wrong configuration is used")
	}
	if count := strings.Count(l.log.String(), "the configuration stays as it was"); count != 1 || !strings.Contains(l.log.String(), "plugin.yaml:") {
		t.Errorf("the mistake is told %d times: %s", count, &l.log)
	}
	l.configure("production-security", "aliases: [other]\n")
	if l.refresh(t.Context(), refused); l.pipeline.Load() == second || !strings.Contains(l.log.String(), "takes effect at the next start") {
		t.Errorf("a change that needs a restart is not told: %s", &l.log)
	}
}

// Which policies judge from when on stands in the audit trail.
func TestPoliciesAreRecorded(t *testing.T) {
	var trail bytes.Buffer
	kept, err := newRecorder(t.Context(), config.Audit{Stdout: true, Instance: "pod-1"}, telemetry.New("test"), logrus.New(), &trail)
	if err != nil {
		t.Fatal(err)
	}
	l := newLiveLab(t)
	l.recorder = kept
	first := policiesOf(l.pipeline.Load()).Environments["production"]
	kept.judged(t.Context(), policiesOf(nil), policiesOf(l.pipeline.Load()))
	l.configure("production-security", "")
	l.refresh(t.Context(), "")
	second := policiesOf(l.pipeline.Load()).Environments["production"]
	l.configure("production-security", "aliases: [other]\n")
	l.refresh(t.Context(), "")
	failed := policiesOf(l.pipeline.Load())
	failed.LastError = fault.PolicyFetch
	kept.judged(t.Context(), policiesOf(l.pipeline.Load()), failed)
	kept.judged(t.Context(), failed, policiesOf(l.pipeline.Load()))

	var got []string
	for line := range strings.Lines(trail.String()) {
		var logged struct{ Audit audit.Event }
		if err := json.Unmarshal([]byte(line), &logged); err != nil {
			t.Fatal(err)
		}
		event := logged.Audit
		if event.Type == audit.Policies {
			got = append(got, fmt.Sprintf("%s %s: %s, now %s", event.Outcome, event.Message, event.Inputs["policies before"], event.Inputs["policies"]))
		}
	}
	want := []string{
		"OK the policies of production are loaded: , now " + first,
		"OK the policies of production have changed: " + first + ", now " + second,
		string(fault.PolicyFetch) + " the policies cannot be refreshed and stay as they were: , now ",
		"OK the policies can be refreshed again: , now ",
	}
	if diff := cmp.Diff(want, got); diff != "" || first == second || first == "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A new certificate counts once its fingerprint is pinned, and a new salt is
// used as well.
func TestCertificateChanges(t *testing.T) {
	l := newLiveLab(t)
	before := l.certificates()[0].Fingerprint
	l.newCertificate()
	if l.refresh(t.Context(), ""); l.certificates()[0].Fingerprint != before {
		t.Fatal("a certificate that is not pinned is used")
	}
	if !strings.Contains(l.log.String(), "E_SEAL") {
		t.Errorf("nobody is told of the certificate: %s", &l.log)
	}
	l.configure("basic-security", "")
	if l.refresh(t.Context(), ""); l.certificates()[0].Fingerprint == before {
		t.Errorf("the new certificate is not used: %s", &l.log)
	}
	pipeline := l.pipeline.Load()
	l.write("salt", "vutsrqponmlkjihgfedcba9876543210")
	if l.refresh(t.Context(), ""); l.pipeline.Load() == pipeline {
		t.Error("the new salt is not used")
	}
}
