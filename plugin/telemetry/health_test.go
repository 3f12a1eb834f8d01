package telemetry_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// ready asks /readyz, and checks that the status says the same as the answer.
func (p page) ready(t *testing.T) telemetry.Report {
	t.Helper()
	code, body := p.get(t, "/readyz")
	var report telemetry.Report
	if err := json.Unmarshal([]byte(body), &report); err != nil {
		t.Fatalf("%v\n%s", err, body)
	}
	if want := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[report.Ready]; code != want {
		t.Errorf("/readyz answers %d, want %d, and says\n%s", code, want, body)
	}
	if lines := strings.Count(body, "\n"); lines != len(report.Checks)+2 {
		t.Errorf("%d checks are on %d lines:\n%s", len(report.Checks), lines, body)
	}
	return report
}

// failing are the checks of a report that do not pass.
func failing(report telemetry.Report) []telemetry.Finding {
	var found []telemetry.Finding
	for _, check := range report.Checks {
		if !check.OK {
			found = append(found, check)
		}
	}
	return found
}

// TestWhatIsNotReadyIsNamed breaks one part after the other.
func TestWhatIsNotReadyIsNamed(t *testing.T) {
	past, far := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	role := func(state vault.State) func() []vault.State {
		state.Role = "reader"
		return func() []vault.State { return []vault.State{{Role: "other", Tried: true}, state} }
	}
	policies := func(state reload.State) func() reload.State { return func() reload.State { return state } }
	for name, test := range map[string]struct {
		broken telemetry.Subjects
		check  string
		code   fault.Code
		words  string
	}{
		"no login yet":             {telemetry.Subjects{Vault: role(vault.State{})}, "vault:reader", fault.Vault, "not logged in yet"},
		"login refused":            {telemetry.Subjects{Vault: role(vault.State{Tried: true, Code: fault.Vault})}, "vault:reader", fault.Vault, "login or token does not work; fix: "},
		"token expired":            {telemetry.Subjects{Vault: role(vault.State{Tried: true, Expires: past})}, "vault:reader", fault.Vault, "token has expired; fix: "},
		"certificate expired":      {telemetry.Subjects{Certificates: map[string]time.Time{"dev": far, "production": past}}, "certificate:production", fault.Seal, "certificate has expired.*kubeseal"},
		"policies never loaded":    {telemetry.Subjects{Policies: policies(reload.State{LastError: fault.PolicyLoad})}, "policies", fault.PolicyLoad, "never been loaded"},
		"policies stale":           {telemetry.Subjects{Policies: policies(reload.State{LastSuccess: past, LastError: fault.PolicyFetch}), StaleAfter: time.Minute}, "policies", fault.PolicyFetch, "more than 1m0s ago.*fix: "},
		"no worker":                {telemetry.Subjects{Workers: func() worker.Stats { return worker.Stats{Started: 3, Failures: 2} }}, "workers", fault.Sandbox, "no render worker is ready; fix: "},
		"no worker from the start": {telemetry.Subjects{Workers: func() worker.Stats { return worker.Stats{} }}, "workers", fault.Sandbox, "no render worker is ready"},
	} {
		t.Run(name, func(t *testing.T) {
			shown := telemetry.New("test", telemetry.WithReadiness(telemetry.Startup, time.Hour))
			shown.Watch(test.broken)
			page := serve(t, shown)
			report := page.ready(t)
			found := failing(report)
			if report.Ready || len(found) != 1 || found[0].Name != test.check || found[0].Code != test.code {
				t.Fatalf("want only %s with %s to fail, got %+v", test.check, test.code, report)
			}
			if !matches(test.words, found[0].Message) {
				t.Errorf("it says %q, want %q", found[0].Message, test.words)
			}
			if found[0].Since.IsZero() || time.Since(found[0].Since) > patience {
				t.Errorf("it fails since %v", found[0].Since)
			}
			if code, _ := page.get(t, "/healthz"); code != http.StatusOK {
				t.Errorf("/healthz answers %d meanwhile", code)
			}
			families := page.scrape(t)
			if ready, check := value(families, "argocd_seal_ready"), value(families, "argocd_seal_check_up", "check", test.check); ready != 0 || check != 0 {
				t.Errorf("the metrics say ready %v and %s %v", ready, test.check, check)
			}
			shown.Watch(telemetry.Subjects{})
			if report := page.ready(t); !report.Ready {
				t.Errorf("it is mended, and not ready: %+v", report)
			}
		})
	}
}

// TestPartsThatAreWellAreReady has the states that are no fault.
func TestPartsThatAreWellAreReady(t *testing.T) {
	shown := telemetry.New("test", telemetry.WithReadiness(telemetry.Strict, 0))
	subjects := everything()
	// A token without an end, policies that nobody wants fresh, and the moment
	// between one worker's end and the start of the next.
	subjects.Vault = func() []vault.State { return []vault.State{{Role: "reader", Tried: true}} }
	subjects.Policies = func() reload.State { return reload.State{LastSuccess: time.Now().Add(-1000 * time.Hour)} }
	subjects.Workers = func() worker.Stats { return worker.Stats{Started: 9} }
	shown.Watch(subjects)
	report := serve(t, shown).ready(t)
	var names []string
	for _, check := range report.Checks {
		names = append(names, check.Name)
	}
	want := []string{"workers", "policies", "certificate:dev", "vault:reader", "draining"}
	if diff := cmp.Diff(want, names); diff != "" || !report.Ready {
		t.Errorf("ready: %v, checks (-want +got):\n%s", report.Ready, diff)
	}
}

// broken has a role whose login does not work.
func broken() telemetry.Subjects {
	return telemetry.Subjects{Vault: func() []vault.State { return []vault.State{{Role: "reader", Tried: true, Code: fault.Vault}} }}
}

// TestModes is what docs/observability.md says of telemetry.readiness.
func TestModes(t *testing.T) {
	for _, test := range []struct {
		name    string
		options []telemetry.Option
		// first and later are whether it is ready with a broken part from the
		// start, and with one that broke after everything was well.
		first, later bool
	}{
		{"startup that waits", []telemetry.Option{telemetry.WithReadiness(telemetry.Startup, time.Hour)}, false, true},
		{"startup that does not wait", []telemetry.Option{telemetry.WithReadiness(telemetry.Startup, 0)}, true, true},
		{"strict", []telemetry.Option{telemetry.WithReadiness(telemetry.Strict, 0)}, false, false},
		{"default", nil, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			shown := telemetry.New("test", test.options...)
			page := serve(t, shown)
			shown.Watch(broken())
			if report := page.ready(t); report.Ready != test.first || len(failing(report)) != 1 {
				t.Errorf("broken from the start: %+v", report)
			}
			shown.Watch(everything())
			if report := page.ready(t); !report.Ready || len(failing(report)) != 0 {
				t.Errorf("mended: %+v", report)
			}
			shown.Watch(broken())
			if report := page.ready(t); report.Ready != test.later || len(failing(report)) != 1 {
				t.Errorf("broken later: %+v", report)
			}
			shown.Health.Drain()
			shown.Watch(everything())
			report := page.ready(t)
			if found := failing(report); report.Ready || len(found) != 1 || found[0].Name != "draining" || !strings.Contains(found[0].Message, "stopping") {
				t.Errorf("draining: %+v", report)
			}
			if code, _ := page.get(t, "/healthz"); code != http.StatusOK {
				t.Errorf("a process that drains answers %d to /healthz, and would be killed with its requests", code)
			}
		})
	}
}

// A role whose login is broken for ever must not keep the Pod out for ever.
func TestStartupWaitsNoLongerThanToldTo(t *testing.T) {
	shown := telemetry.New("test", telemetry.WithReadiness(telemetry.Startup, 500*time.Millisecond))
	shown.Watch(broken())
	page := serve(t, shown)
	if report := page.ready(t); report.Ready {
		t.Errorf("ready at once: %+v", report)
	}
	await(t, "the wait is over", func() bool { return page.ready(t).Ready })
	if report := page.ready(t); len(failing(report)) != 1 {
		t.Errorf("ready, and what is broken is not shown any more: %+v", report)
	}
}

// TestSinceIsWhenItBegan looks twice, and again after the reason has changed.
func TestSinceIsWhenItBegan(t *testing.T) {
	shown := telemetry.New("test")
	shown.Watch(broken())
	page := serve(t, shown)
	first := failing(page.ready(t))[0].Since
	await(t, "a second has passed", func() bool { return time.Since(first) > 1100*time.Millisecond })
	if again := failing(page.ready(t))[0].Since; !again.Equal(first) {
		t.Errorf("it failed since %v, and now since %v", first, again)
	}
	shown.Watch(telemetry.Subjects{Vault: func() []vault.State { return []vault.State{{Role: "reader", Tried: true, Code: fault.Timeout}} }})
	if other := failing(page.ready(t))[0].Since; !other.After(first) {
		t.Errorf("another failure began at %v, when the one before did", other)
	}
}

// TestVaultThatHangs has a Vault that takes connections and never answers.
func TestVaultThatHangs(t *testing.T) {
	listener := listen(t)
	t.Cleanup(func() { _ = listener.Close() })
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("irrelevant"), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := vault.New(vault.Config{
		Address: "http://" + listener.Addr().String(), Timeout: 300 * time.Millisecond,
		Roles: []vault.Role{{Name: "reader", Method: vault.Userpass, Username: "u", PasswordFile: password}},
	})
	if err != nil {
		t.Fatal(err)
	}
	shown := telemetry.New("test", telemetry.WithReadiness(telemetry.Strict, 0))
	client.Observe(shown.Vault)
	shown.Watch(telemetry.Subjects{Vault: client.States})
	page := serve(t, shown)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		client.Probe(ctx, time.Hour)
	}()
	defer func() { cancel(); <-done }()
	// While the first login hangs everything answers.
	if found := failing(page.ready(t)); len(found) != 1 || found[0].Name != "vault:reader" {
		t.Errorf("got %+v", found)
	}
	page.scrape(t)
	await(t, "the login has failed", func() bool { return strings.Contains(failing(page.ready(t))[0].Message, "does not work") })
	families := page.scrape(t)
	if got := value(families, "argocd_seal_vault_request_duration_seconds", "operation", "login"); got < 1 {
		t.Errorf("%v logins are counted", got)
	}
	if got := value(families, "argocd_seal_vault_request_duration_seconds", "operation", "login", "outcome", "ok"); got != 0 {
		t.Errorf("%v logins went well", got)
	}
}

// TestWatchTellsOfChanges is what the gRPC health service hears.
func TestWatchTellsOfChanges(t *testing.T) {
	shown := telemetry.New("test", telemetry.WithReadiness(telemetry.Strict, 0))
	shown.Watch(broken())
	ctx, cancel := context.WithCancel(t.Context())
	told, done := make(chan bool), make(chan struct{})
	go func() {
		defer close(done)
		shown.Health.Watch(ctx, time.Millisecond, func(ready bool) { told <- ready })
	}()
	next := func() bool {
		select {
		case ready := <-told:
			return ready
		case <-time.After(patience):
			t.Fatal("nobody is told")
			return false
		}
	}
	if next() {
		t.Error("told to be ready with a broken part")
	}
	shown.Watch(everything())
	if !next() {
		t.Error("told to be not ready after it was mended")
	}
	shown.Health.Drain()
	if next() {
		t.Error("told to be ready while it drains")
	}
	cancel()
	<-done
}
