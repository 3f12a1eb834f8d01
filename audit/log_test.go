package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

func TestLogWritesOneLineForEachEvent(t *testing.T) {
	event := audit.Event{Type: audit.Render, ID: "r1", App: "a\n{\"level\":\"info\"}<b>", Outcome: "OK"}
	var out bytes.Buffer
	if seq, err := audit.NewLog(&out, "repo-server-0").Append(t.Context(), event); seq != 0 || err != nil {
		t.Errorf("%d, %v", seq, err)
	}
	var line struct{ Audit audit.Event }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%v: %s", err, out.String())
	}
	if got := line.Audit; got.App != event.App || got.Version != audit.Version || got.Time.IsZero() || got.Instance != "repo-server-0" {
		t.Error(out.String())
	}
}
