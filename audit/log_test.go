package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// numbered gives every event the seq 7, or fails.
type numbered struct{ err error }

func (n numbered) Append(context.Context, audit.Event) (uint64, error) {
	if n.err != nil {
		return 0, n.err
	}
	return 7, nil
}

func TestLogWritesOneLineForEachEvent(t *testing.T) {
	event := audit.Event{Type: audit.Render, ID: "r1", App: "a\n{\"level\":\"info\"}<b>", Outcome: "OK"}
	for name, tc := range map[string]struct {
		next audit.Recorder
		seq  float64
		fail bool
	}{
		"alone": {nil, 0, false}, "with a trail": {numbered{}, 7, false}, "with a full disk": {numbered{errors.New("full")}, 0, true},
	} {
		var out bytes.Buffer
		seq, err := audit.NewLog(&out, "repo-server-0", tc.next).Append(t.Context(), event)
		if seq != uint64(tc.seq) || (err != nil) != tc.fail {
			t.Errorf("%s: %d, %v", name, seq, err)
		}
		var line struct {
			Seq   float64
			Audit audit.Event
		}
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || strings.Count(out.String(), "\n") != 1 {
			t.Fatalf("%s: %v: %s", name, err, out.String())
		}
		got := line.Audit
		if line.Seq != tc.seq || got.App != event.App || got.Version != audit.Version || got.Time.IsZero() || got.Instance != "repo-server-0" {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}
