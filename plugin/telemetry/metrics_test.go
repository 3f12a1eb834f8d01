package telemetry_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	track "github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// everything is a part of each kind, with something to say.
func everything() telemetry.Subjects {
	soon := time.Now().Add(time.Hour)
	return telemetry.Subjects{
		Workers: func() worker.Stats {
			return worker.Stats{Busy: 1, Idle: 2, Starting: 3, Queued: 4, Started: 5, Killed: map[string]uint64{"memory": 6}}
		},
		Intakes: func() (busy, waiting int) { return 7, 8 },
		Vault:   func() []vault.State { return []vault.State{{Role: "reader", Tried: true, Issued: soon, Expires: soon}} },
		Policies: func() reload.State {
			return reload.State{LastSuccess: soon, Environments: map[string]string{"dev": "sha256:0"}}
		},
		Certificates: map[string]time.Time{"dev": soon},
		Caches:       map[string]func() (hits, misses uint64){"sealing": func() (uint64, uint64) { return 9, 10 }},
		Audit:        func() []telemetry.Sink { return []telemetry.Sink{{Name: "siem", Lines: 11, Oldest: 12 * time.Second}} },
		Rotation: func() (rotation.Stats, bool) {
			return rotation.Stats{Leading: true, Problems: map[rotation.Problem]int{rotation.Deleted: 13}, Lag: make([]int64, len(rotation.LagBounds)+1)}, true
		},
	}
}

// rendered is what a request does that goes through all stages.
func rendered(ctx context.Context) error {
	request := track.Of(ctx)
	request.App, request.Project = "shop", "team"
	request.Environment, request.Renderer, request.Objects = "dev", "helm", 3
	for _, stage := range track.Stages() {
		if err := track.Do(ctx, stage, func(context.Context) error { return nil }); err != nil {
			return err
		}
	}
	request.Injections = map[string]int{"sealed-secret": 2}
	request.Judged(verdict.Verdict{Outcomes: []verdict.Outcome{
		{Rule: "main/warn", Decision: verdict.Warn}, {Rule: "main/deny", Decision: verdict.Deny}, {Rule: "main/deny", Decision: verdict.Deny},
	}})
	return nil
}

// documented are the rows of the guide's table: the kind and the labels of each
// metric by its name.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	guide, err := os.ReadFile("../../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(argocd_seal_[a-z0-9_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(string(guide), -1) {
		rows[row[1]] = []string{row[2]}
		for _, label := range regexp.MustCompile("`([a-z]+)`").FindAllStringSubmatch(row[3], -1) {
			rows[row[1]] = append(rows[row[1]], label[1])
		}
	}
	if len(rows) < 30 {
		t.Fatalf("the guide has %d metrics", len(rows))
	}
	return rows
}

// TestMetricsAreThoseOfTheGuide looks at each series of each metric.
func TestMetricsAreThoseOfTheGuide(t *testing.T) {
	shown := telemetry.New("1.2.3")
	shown.Watch(everything())
	call := follow(t, shown.Intercept, rendered)
	if err := call(t); err != nil {
		t.Fatal(err)
	}
	shown.Vault("read", "absent", time.Second)
	shown.Audited(nil)

	rows := documented(t)
	families := serve(t, shown).scrape(t)
	for name, family := range families {
		if !strings.HasPrefix(name, "argocd_seal_") {
			continue
		}
		for _, metric := range family.GetMetric() {
			got := []string{strings.ToLower(family.GetType().String())}
			for _, label := range metric.GetLabel() {
				got = append(got, label.GetName())
				if label.GetValue() == "" {
					t.Errorf("%s has an empty label %s", name, label.GetName())
				}
			}
			if diff := cmp.Diff(rows[name], got); diff != "" {
				t.Errorf("%s is not as the guide says (-guide +scrape):\n%s", name, diff)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		if len(families[name].GetMetric()) == 0 {
			t.Errorf("the guide speaks of %s, and there is no such series", name)
		}
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestMetricsHaveTheirValues is one value of each thing that is counted or read.
func TestMetricsHaveTheirValues(t *testing.T) {
	shown := telemetry.New("1.2.3")
	shown.Watch(everything())
	var outcome error
	call := follow(t, shown.Intercept, func(ctx context.Context) error {
		if err := rendered(ctx); err != nil {
			return err
		}
		return outcome
	})
	_ = call(t)
	outcome = status.Error(codes.InvalidArgument, "E_PATH: apps/shop: it is not there")
	_ = call(t)
	outcome = fault.New(fault.Seal, "expired")
	_ = call(t)
	shown.Audited(nil)
	shown.Audited(outcome)
	families := serve(t, shown).scrape(t)
	for _, want := range []struct {
		value  float64
		name   string
		labels []string
	}{
		{1, "info", []string{"version", "1.2.3"}},
		{1, "request_duration_seconds", []string{"call", "GenerateManifest", "code", "OK"}},
		{1, "request_duration_seconds", []string{"call", "GenerateManifest", "code", "E_PATH"}},
		{1, "errors_total", []string{"code", "E_PATH"}},
		{1, "errors_total", []string{"code", "E_SEAL"}},
		{2, "errors_total", nil},
		{1, "renders_total", []string{"environment", "dev", "renderer", "helm", "code", "OK"}},
		{3, "stage_duration_seconds", []string{"stage", "gate-sealed"}},
		// What a refused request would have sealed has not left.
		{2, "injections_total", []string{"environment", "dev", "kind", "sealed-secret"}},
		{6, "policy_outcomes_total", []string{"rule", "main/deny", "decision", "deny"}},
		{3, "policy_verdicts_total", []string{"environment", "dev", "decision", "deny"}},
		{0, "policy_verdicts_total", []string{"decision", "warn"}},
		{1, "audit_events_total", []string{"result", "written"}},
		{1, "audit_events_total", []string{"result", "failed"}},
		{1, "workers", []string{"state", "busy"}},
		{2, "workers", []string{"state", "waiting"}},
		{3, "workers", []string{"state", "starting"}},
		{4, "worker_queue_length", nil},
		{5, "workers_started_total", nil},
		{6, "workers_killed_total", []string{"reason", "memory"}},
		{0, "workers_killed_total", []string{"reason", "timeout"}},
		{7, "intakes", []string{"state", "busy"}},
		{8, "intakes", []string{"state", "waiting"}},
		{9, "cache_requests_total", []string{"cache", "sealing", "result", "hit"}},
		{10, "cache_requests_total", []string{"cache", "sealing", "result", "miss"}},
		{11, "audit_sink_lines_behind", []string{"sink", "siem"}},
		{12, "audit_sink_oldest_seconds", []string{"sink", "siem"}},
		{1, "vault_login_up", []string{"role", "reader"}},
		{1, "policy_bundle_info", []string{"environment", "dev", "digest", "sha256:0"}},
		{0, "policy_last_error", nil},
		{1, "check_up", []string{"check", "certificate:dev"}},
		{1, "ready", nil},
	} {
		if got := value(families, "argocd_seal_"+want.name, want.labels...); got != want.value {
			t.Errorf("%s%v is %v, want %v", want.name, want.labels, got, want.value)
		}
	}
}

// attack is in every text that the tenant of the next test can choose, or could
// if it took over a worker.
const attack = "tenant-"

// TestNobodyCanAddSeries has 10,000 requests of which each says something else,
// in metadata, errors, renders and Vault's paths.
func TestNobodyCanAddSeries(t *testing.T) {
	shown := telemetry.New("test")
	page := serve(t, shown)
	count := func() (series int, names []string) {
		for name, family := range page.scrape(t) {
			if strings.HasPrefix(name, "argocd_seal_") {
				series += len(family.GetMetric())
				names = append(names, labelled(family)...)
			}
		}
		return series, names
	}
	const requests = 10_000
	hostile := func(begin, end int) {
		for i := begin; i < end; i++ {
			text := fmt.Sprintf("%s%d\xff", attack, i)
			ctx, request, end := track.Start(t.Context(), "GenerateManifest", shown)
			request.App, request.Project, request.Renderer = text, text, text
			failure := []error{
				fault.New(fault.Code("E_"+text), "broken"),
				status.Error(codes.Unknown, text),
				status.Error(codes.Unknown, "E_"+text+": broken"),
				context.Canceled,
			}[i%4]
			_ = track.Do(ctx, track.Stage(text), func(context.Context) error { return failure })
			shown.Vault(text, "v1/kv/data/"+text, time.Second)
			end(failure)
		}
	}
	hostile(0, 4)
	before, _ := count()
	hostile(4, requests)
	after, names := count()
	if after != before {
		t.Errorf("%d requests made %d series of %d", requests, after, before)
	}
	for _, name := range names {
		if strings.Contains(name, attack) {
			t.Errorf("a tenant's text is a label: %q", name)
		}
	}
}

// labelled are the values of all labels of a metric.
func labelled(family *dto.MetricFamily) []string {
	var values []string
	for _, metric := range family.GetMetric() {
		for _, label := range metric.GetLabel() {
			values = append(values, label.GetValue())
		}
	}
	return values
}

func TestRulesAfterTheFirst500AreOther(t *testing.T) {
	shown := telemetry.New("test")
	_, request, _ := track.Start(t.Context(), "GenerateManifest", shown)
	judge := func(rule string) {
		request.Judged(verdict.Verdict{Outcomes: []verdict.Outcome{{Rule: rule, Decision: verdict.Deny}}})
	}
	judge("not\xffUTF-8")
	for range 2 {
		for i := range 10_000 {
			judge(fmt.Sprintf("rule-%d", i))
		}
	}
	families := serve(t, shown).scrape(t)
	const name = "argocd_seal_policy_outcomes_total"
	if series := len(families[name].GetMetric()); series != 501 {
		t.Errorf("there are %d series, want 500 rules and other", series)
	}
	for rule, want := range map[string]float64{"rule-0": 2, "rule-499": 2, "rule-500": 0, "other": 2*9_500 + 1} {
		if got := value(families, name, "rule", rule); got != want {
			t.Errorf("%s has %v messages, want %v", rule, got, want)
		}
	}
}

// Calls of other services on the socket, such as health, are no requests.
func TestOtherServicesAreNotMeasured(t *testing.T) {
	shown := telemetry.New("test")
	called := false
	other := &grpc.StreamServerInfo{FullMethod: "/grpc.health.v1.Health/Watch"}
	err := shown.Intercept(nil, nil, other, func(any, grpc.ServerStream) error {
		called = true
		return nil
	})
	if err != nil || !called {
		t.Errorf("called: %v, %v", called, err)
	}
	if got := value(serve(t, shown).scrape(t), "argocd_seal_request_duration_seconds"); got != 0 {
		t.Errorf("%v requests", got)
	}
}

// What has gone is not shown any more, and what was there from the start is 0.
func TestSeriesComeAndGo(t *testing.T) {
	shown := telemetry.New("test")
	page := serve(t, shown)
	first := page.scrape(t)
	for _, code := range fault.Codes() {
		found := false
		for _, label := range labelled(first["argocd_seal_errors_total"]) {
			found = found || label == string(code.Code)
		}
		if !found {
			t.Errorf("%s has no series before it happens, so that rate() misses the first", code.Code)
		}
	}
	if first["argocd_seal_workers"] != nil || first["argocd_seal_vault_login_up"] != nil {
		t.Error("parts that are not there have series")
	}
	shown.Watch(everything())
	if page.scrape(t)["argocd_seal_vault_login_up"] == nil {
		t.Error("a part that came has no series")
	}
	shown.Watch(telemetry.Subjects{})
	if page.scrape(t)["argocd_seal_vault_login_up"] != nil {
		t.Error("a part that went still has series")
	}
}
