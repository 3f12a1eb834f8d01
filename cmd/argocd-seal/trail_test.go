package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

// What the sidecar records stands in a trail that the command proves, and on
// standard output where the platform wants that.
func TestRecorderKeepsAProvableTrail(t *testing.T) {
	dir := t.TempDir()
	settings := config.Default().Audit
	settings.Directory, settings.Key, settings.Stdout, settings.Instance = filepath.Join(dir, "trail"), filepath.Join(dir, "key.pem"), true, "pod-1"
	public := filepath.Join(dir, "key.pub")
	if _, err := chain.GenerateKey(settings.Key, public); err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	var logged, stdout bytes.Buffer
	log.SetOutput(&logged)
	kept, err := newRecorder(t.Context(), settings, telemetry.New("test"), log, &stdout)
	if err != nil {
		t.Fatal(err)
	}
	kept.happened(t.Context(), audit.Start, "", "it serves")
	if err := kept.Record(t.Context(), audit.Event{Type: audit.Render, Outcome: "E_POLICY", App: "shop"}); err != nil {
		t.Fatal(err)
	}
	kept.close(t.Context())
	files, err := filepath.Glob(filepath.Join(settings.Directory, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	written, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(stdout.String(), `"app":"shop"`) {
		t.Fatalf("%v: %s", err, &stdout)
	}
	if diff := cmp.Diff(string(written), stdout.String()); diff != "" {
		t.Errorf("standard output is not the trail (-trail +stdout):\n%s", diff)
	}
	command := newRootCommand()
	var said bytes.Buffer
	command.SetOut(&said)
	command.SetArgs([]string{"audit", "verify", settings.Directory, "--key", public})
	if err := command.ExecuteContext(t.Context()); err != nil || logged.Len() > 0 {
		t.Errorf("%v\n%s\n%s", err, &said, &logged)
	}
}

// Where the trail is required, a request fails without its event; otherwise that
// is told and the request goes on.
func TestRecorderWithoutRoom(t *testing.T) {
	for _, required := range []bool{true, false} {
		dir := t.TempDir()
		settings := config.Default().Audit
		settings.Directory, settings.Key, settings.Required = filepath.Join(dir, "trail"), filepath.Join(dir, "key.pem"), required
		if _, err := chain.GenerateKey(settings.Key, filepath.Join(dir, "key.pub")); err != nil {
			t.Fatal(err)
		}
		log := logrus.New()
		var logged bytes.Buffer
		log.SetOutput(&logged)
		kept, err := newRecorder(t.Context(), settings, telemetry.New("test"), log, &bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		// Whoever removes the trail's file under it has it refuse all that comes.
		if err := os.RemoveAll(settings.Directory); err != nil {
			t.Fatal(err)
		}
		err = kept.Record(t.Context(), audit.Event{Type: audit.Render, Outcome: "OK"})
		if required != (fault.CodeOf(err) == fault.Audit) || required == strings.Contains(logged.String(), "an event is missing") {
			t.Errorf("required %t: %v, log %s", required, err, &logged)
		}
		kept.close(t.Context())
	}
}
