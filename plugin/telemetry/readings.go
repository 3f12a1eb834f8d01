package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// readings are metrics that another part knows, read at each scrape. What has
// gone since the last scrape is not shown any more.
type readings struct {
	described map[string]reading
	read      func(show show)
}

// show gives one metric a value; the name is without the prefix.
type show func(name string, value float64, labels ...string)

type reading struct {
	description *prometheus.Desc
	kind        prometheus.ValueType
}

func (r readings) gauge(name, help string, labels ...string) {
	r.described[name] = reading{prometheus.NewDesc(prefix+name, help, labels, nil), prometheus.GaugeValue}
}

func (r readings) counter(name, help string, labels ...string) {
	r.described[name] = reading{prometheus.NewDesc(prefix+name, help, labels, nil), prometheus.CounterValue}
}

// Describe implements [prometheus.Collector].
func (r readings) Describe(to chan<- *prometheus.Desc) {
	for _, one := range r.described {
		to <- one.description
	}
}

// Collect implements [prometheus.Collector].
func (r readings) Collect(to chan<- prometheus.Metric) {
	r.read(func(name string, value float64, labels ...string) {
		one := r.described[name]
		to <- prometheus.MustNewConstMetric(one.description, one.kind, value, labels...)
	})
}

func newReadings(read func(show show)) readings {
	return readings{described: map[string]reading{}, read: read}
}

// WatchWorkers shows the pool's workers.
func (t *Telemetry) WatchWorkers(stats func() worker.Stats) {
	r := newReadings(func(show show) {
		now := stats()
		show("workers", float64(now.Busy), "busy")
		show("workers", float64(now.Idle), "waiting")
		show("workers", float64(now.Starting), "starting")
		show("worker_queue_length", float64(now.Queued))
		show("workers_started_total", float64(now.Started))
		for _, reason := range worker.Reasons() {
			show("workers_killed_total", float64(now.Killed[reason]), reason)
		}
	})
	r.gauge("workers", "Render workers, by what they do.", "state")
	r.gauge("worker_queue_length", "Requests that wait for a worker.")
	r.counter("workers_started_total", "Workers that became ready.")
	r.counter("workers_killed_total", "Workers that ended without an answer, by reason.", "reason")
	t.registry.MustRegister(r)
}

// WatchIntakes shows how many sources are in memory and how many requests wait.
func (t *Telemetry) WatchIntakes(load func() (busy, waiting int)) {
	r := newReadings(func(show show) {
		busy, waiting := load()
		show("intakes", float64(busy), "busy")
		show("intakes", float64(waiting), "waiting")
	})
	r.gauge("intakes", "Requests whose source is in memory, and requests that wait for room.", "state")
	t.registry.MustRegister(r)
}

// WatchVault shows the logins of the roles.
func (t *Telemetry) WatchVault(states func() []vault.State) {
	r := newReadings(func(show show) {
		for _, state := range states() {
			show("vault_login_up", truth(state.Tried && state.Code == ""), state.Role)
			if !state.Issued.IsZero() {
				show("vault_token_issued_timestamp_seconds", unix(state.Issued), state.Role)
			}
			if !state.Expires.IsZero() {
				show("vault_token_expiry_timestamp_seconds", unix(state.Expires), state.Role)
			}
		}
	})
	r.gauge("vault_login_up", "Whether the last login or look at the token of a role worked: 1 or 0.", "role")
	r.gauge("vault_token_issued_timestamp_seconds", "When the token of a role was got or last renewed, in seconds since 1970.", "role")
	r.gauge("vault_token_expiry_timestamp_seconds", "When the token of a role ends, in seconds since 1970.", "role")
	t.registry.MustRegister(r)
}

// WatchCaches shows the use of caches, by their names.
func (t *Telemetry) WatchCaches(caches map[string]func() (hits, misses uint64)) {
	r := newReadings(func(show show) {
		for name, use := range caches {
			hits, misses := use()
			show("cache_requests_total", float64(hits), name, "hit")
			show("cache_requests_total", float64(misses), name, "miss")
		}
	})
	r.counter("cache_requests_total",
		"Use of caches: values are reads shared with one under way, since none is kept; sealing is ciphertext from memory.", "cache", "result")
	t.registry.MustRegister(r)
}

// WatchPolicies shows how the last look at the policies went.
func (t *Telemetry) WatchPolicies(state func() reload.State) {
	r := newReadings(func(show show) {
		now := state()
		show("policy_last_success_timestamp_seconds", unix(now.LastSuccess))
		show("policy_last_error", truth(now.LastError != ""))
		for environment, digest := range now.Environments {
			show("policy_bundle_info", 1, environment, digest)
		}
	})
	r.gauge("policy_last_success_timestamp_seconds", "When everything was last found to be up to date, in seconds since 1970.")
	r.gauge("policy_last_error", "Whether the last look at the policies failed, so that those from before stay: 1 or 0.")
	r.gauge("policy_bundle_info", "The digest of all that judges an environment; always 1.", "environment", "digest")
	t.registry.MustRegister(r)
}

// WatchCertificates shows when the certificate of each environment expires.
func (t *Telemetry) WatchCertificates(expiry map[string]time.Time) {
	r := newReadings(func(show show) {
		for environment, at := range expiry {
			show("certificate_expiry_timestamp_seconds", unix(at), environment)
		}
	})
	r.gauge("certificate_expiry_timestamp_seconds",
		"When the certificate that an environment seals with expires, in seconds since 1970.", "environment")
	t.registry.MustRegister(r)
}

// Sink is how far one sink of the audit trail is behind.
type Sink struct {
	// Name is the sink's in plugin.yaml.
	Name string
	// Lines is how many events it has not taken yet, and Oldest how long ago the
	// first of them was written; 0 where there is none.
	Lines  int
	Oldest time.Duration
}

// WatchAudit shows how far the sinks of the audit trail are behind.
func (t *Telemetry) WatchAudit(sinks func() []Sink) {
	r := newReadings(func(show show) {
		for _, sink := range sinks() {
			show("audit_sink_lines_behind", float64(sink.Lines), sink.Name)
			show("audit_sink_oldest_seconds", seconds(sink.Oldest), sink.Name)
		}
	})
	r.gauge("audit_sink_lines_behind", "Events of the audit trail that a sink has not taken yet.", "sink")
	r.gauge("audit_sink_oldest_seconds", "Age of the oldest event that a sink has not taken yet; 0 for none.", "sink")
	t.registry.MustRegister(r)
}

func healthReading(health *Health) readings {
	r := newReadings(func(show show) {
		report := health.Report()
		show("ready", truth(report.Ready))
		for _, check := range report.Checks {
			show("check_up", truth(check.OK), check.Name)
		}
	})
	r.gauge("ready", "Whether the process is ready, as /readyz says: 1 or 0.")
	r.gauge("check_up", "Whether a check of readiness passes: 1 or 0. A check may fail while the process is ready.", "check")
	return r
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func unix(at time.Time) float64 { return float64(at.Unix()) }
