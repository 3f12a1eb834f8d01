package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor"
)

// TestDoctorBesideARunningSidecar looks at a sidecar with every part, as somebody
// does in its container: all is well, and no secret is shown.
func TestDoctorBesideARunningSidecar(t *testing.T) {
	watch := canary.Over(t)
	s := startSidecar(t)
	s.use(t)
	watch.Secret(s.secret)
	s.await(t, "/readyz", 200)
	var stdout, stderr bytes.Buffer
	code := run([]string{"doctor", "--config", filepath.Join(s.dir, "plugin.yaml"), "--socket-dir", s.dir, "--format", "json"}, strings.NewReader(""), &stdout, &stderr)
	watch.See("report", stdout.String())
	var report doctor.Report
	if err := json.Unmarshal(stdout.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	checked := map[string]bool{}
	for _, finding := range report.Findings {
		checked[finding.Check] = checked[finding.Check] || finding.Status == doctor.OK
		if finding.Status == doctor.Failed {
			t.Errorf("%+v", finding)
		}
	}
	for _, name := range []string{"file", "policies", "sandbox", "certificate", "salt", "reach", "clock", "login", "token", "access", "mount", "socket", "ready"} {
		if !checked[name] {
			t.Errorf("%s is not ok", name)
		}
	}
	if code != exitOK || stderr.Len() > 0 {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
}
