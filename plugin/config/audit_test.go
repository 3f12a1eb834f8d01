package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

func TestEveryFieldOfAuditIsRead(t *testing.T) {
	got := parse(t, seal+`
audit:
  directory: /audit
  required: true
  key: /keys/audit.pem
  checkpoint: {events: 10, interval: 5s}
  segmentSize: 4Mi
  maxSize: 64Mi
  sync: true
  instance: repo-server-0
  stdout: true
`).Seal.Audit
	want := config.Audit{
		Directory: "/audit", Required: true, Key: "/keys/audit.pem",
		Checkpoint:  config.AuditCheckpoint{Events: 10, Interval: config.Duration(5 * time.Second)},
		SegmentSize: 4 << 20, MaxSize: 64 << 20, Sync: true, Instance: "repo-server-0", Stdout: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	options := trail.Options{
		Directory: "/audit", Instance: "repo-server-0", CheckpointEvents: 10, CheckpointInterval: 5 * time.Second,
		SegmentSize: 4 << 20, MaxSize: 64 << 20, Sync: true, Required: true,
	}
	if diff := cmp.Diff(options, got.Trail(nil)); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestAuditThatCannotWorkIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"{required: true}":                            "audit.directory: a trail that is required needs a directory",
		"{key: k}":                                    "audit.directory: the key has nothing to sign",
		"{directory: d}":                              "audit.key: a trail is signed, and its key is missing",
		"{directory: d, key: k, maxSize: 16Mi}":       "audit.maxSize: two segments do not fit into it",
		"{directory: d, key: k, segmentSize: 1Mi}":    "audit.segmentSize: 1Mi is out of range",
		"{checkpoint: {events: 0}}":                   "audit.checkpoint.events: 0 is out of range",
		"{checkpoint: {interval: 1ms}}":               "audit.checkpoint.interval: 1ms is out of range",
		"{directry: d}":                               `audit.directry: unknown field; fix: did you mean "directory"?`,
		"{directory: d, key: k, stdout: \"yes\"}":     "audit.stdout: expected true or false",
		"{directory: d, key: k, maxSize: 2Ti}":        "audit.maxSize: 2Ti is out of range",
		"{directory: d, key: k, checkpoint: [1, 2]}":  "audit.checkpoint: expected a mapping",
		"{directory: d, key: k, instance: 5}":         "audit.instance: expected text",
		"{directory: d, key: k, segmentSize: a lot }": "audit.segmentSize: \"a lot\" is not a size",
	} {
		if faults := faultsOf(t, seal+"audit: "+text+"\n"); len(faults) != 1 || !strings.Contains(faults[0], want) {
			t.Errorf("%s: %q, want %s", text, faults, want)
		}
	}
}
