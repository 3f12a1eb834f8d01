package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
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

// Sink is how far one sink of the audit trail is behind.
type Sink struct {
	// Name is the sink's in plugin.yaml.
	Name string
	// Lines is how many events it has not taken yet, and Oldest how long ago the
	// first of them was written; 0 where there is none.
	Lines  int
	Oldest time.Duration
	// Failures is how many attempts it did not take, and Lost how many events it
	// will never get, both since the start of the process.
	Failures, Lost uint64
}

// Subjects are the parts whose state metrics and readiness show. Each function
// answers from memory and is safe for concurrent use; what is nil is not there.
type Subjects struct {
	Workers func() worker.Stats
	// Intakes tells how many sources are in memory, and how many requests wait
	// for room.
	Intakes func() (busy, waiting int)
	// Vault are the logins of the roles.
	Vault    func() []vault.State
	Policies func() reload.State
	// StaleAfter is how long policies may go without being found up to date; 0 is
	// any time.
	StaleAfter time.Duration
	// Certificates are when what an environment seals with expires, by name.
	Certificates map[string]time.Time
	// Caches are their use since the start, by name.
	Caches map[string]func() (hits, misses uint64)
	Audit  func() []Sink
	// Rotation is false where nothing rotates.
	Rotation func() (stats rotation.Stats, on bool)
}

// Watch shows these parts, in the place of those that it showed before. It may be
// called while the telemetry is served.
func (t *Telemetry) Watch(subjects Subjects) { t.subjects.Store(&subjects) }

// subjectReadings are the metrics of the parts that are watched.
func (t *Telemetry) subjectReadings() readings {
	r := newReadings(func(show show) {
		now := t.subjects.Load()
		now.showWork(show)
		now.showVault(show)
		now.showPolicies(show)
		for environment, at := range now.Certificates {
			show("certificate_expiry_timestamp_seconds", unix(at), environment)
		}
		for name, use := range now.Caches {
			hits, misses := use()
			show("cache_requests_total", float64(hits), name, "hit")
			show("cache_requests_total", float64(misses), name, "miss")
		}
		if now.Audit != nil {
			for _, sink := range now.Audit() {
				show("audit_sink_lines_behind", float64(sink.Lines), sink.Name)
				show("audit_sink_oldest_seconds", seconds(sink.Oldest), sink.Name)
				show("audit_sink_failures_total", float64(sink.Failures), sink.Name)
				show("audit_sink_lost_lines_total", float64(sink.Lost), sink.Name)
			}
		}
	})
	r.gauge("workers", "Render workers, by what they do.", "state")
	r.gauge("worker_queue_length", "Requests that wait for a worker.")
	r.counter("workers_started_total", "Workers that became ready.")
	r.counter("workers_killed_total", "Workers that ended without an answer, by reason.", "reason")
	r.gauge("intakes", "Requests whose source is in memory, and requests that wait for room.", "state")
	r.gauge("vault_login_up", "Whether the last login or look at the token of a role worked: 1 or 0.", "role")
	r.gauge("vault_token_issued_timestamp_seconds", "When the token of a role was got or last renewed, in seconds since 1970.", "role")
	r.gauge("vault_token_expiry_timestamp_seconds", "When the token of a role ends, in seconds since 1970.", "role")
	r.gauge("policy_last_success_timestamp_seconds", "When all policies were last found to be up to date, in seconds since 1970.")
	r.gauge("policy_last_error", "Whether the last look at the policies failed, so that those from before stay: 1 or 0.")
	r.gauge("policy_bundle_info", "The digest of all that judges an environment; always 1.", "environment", "digest")
	r.gauge("certificate_expiry_timestamp_seconds",
		"When the certificate that an environment seals with expires, in seconds since 1970.", "environment")
	r.counter("cache_requests_total",
		"Use of caches. Values are never kept: a hit is a read shared with one under way. Sealing keeps ciphertext.", "cache", "result")
	r.gauge("audit_sink_lines_behind", "Events of the audit trail that a sink has not taken yet.", "sink")
	r.gauge("audit_sink_oldest_seconds", "Age of the oldest event that a sink has not taken yet; 0 for none.", "sink")
	r.counter("audit_sink_failures_total", "Attempts to send events that a sink did not take; they are tried again.", "sink")
	r.counter("audit_sink_lost_lines_total", "Events that a sink never gets: the trail had no room to keep them for it.", "sink")
	return r
}

func (s *Subjects) showWork(show show) {
	if s.Workers != nil {
		now := s.Workers()
		show("workers", float64(now.Busy), "busy")
		show("workers", float64(now.Idle), "waiting")
		show("workers", float64(now.Starting), "starting")
		show("worker_queue_length", float64(now.Queued))
		show("workers_started_total", float64(now.Started))
		for _, reason := range worker.Reasons() {
			show("workers_killed_total", float64(now.Killed[reason]), reason)
		}
	}
	if s.Intakes != nil {
		busy, waiting := s.Intakes()
		show("intakes", float64(busy), "busy")
		show("intakes", float64(waiting), "waiting")
	}
}

func (s *Subjects) showVault(show show) {
	if s.Vault == nil {
		return
	}
	for _, state := range s.Vault() {
		show("vault_login_up", truth(state.Tried && state.Code == ""), state.Role)
		if !state.Issued.IsZero() {
			show("vault_token_issued_timestamp_seconds", unix(state.Issued), state.Role)
		}
		if !state.Expires.IsZero() {
			show("vault_token_expiry_timestamp_seconds", unix(state.Expires), state.Role)
		}
	}
}

func (s *Subjects) showPolicies(show show) {
	if s.Policies == nil {
		return
	}
	now := s.Policies()
	show("policy_last_success_timestamp_seconds", unix(now.LastSuccess))
	show("policy_last_error", truth(now.LastError != ""))
	for environment, digest := range now.Environments {
		show("policy_bundle_info", 1, environment, digest)
	}
}

func (t *Telemetry) healthReadings() readings {
	r := newReadings(func(show show) {
		report := t.Health.Report()
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
