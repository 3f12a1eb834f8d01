package telemetry

import (
	"sync"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

const (
	// prefix begins the name of every metric of the plugin.
	prefix = "argocd_seal_"
	// other and none are the values of labels for what is not listed and what
	// is not known.
	other = "other"
	none  = "none"
	// maxRules is how many rules have a series of their own. A platform's own
	// bundles can have any number, and each is kept for ever.
	maxRules = 500
)

// metrics are those that are counted while things happen. Those that are read
// when somebody asks are in readings.go.
type metrics struct {
	info       *prometheus.GaugeVec
	requests   *prometheus.HistogramVec
	stages     *prometheus.HistogramVec
	errors     *prometheus.CounterVec
	renders    *prometheus.CounterVec
	injections *prometheus.CounterVec
	vault      *prometheus.HistogramVec
	outcomes   *prometheus.CounterVec
	verdicts   *prometheus.CounterVec
	exports    *prometheus.CounterVec

	auditEvents *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		info: gauge("info", "The program's version; always 1.", "version"),
		// From 5 ms to 40 s; a request has 55 s unless told otherwise.
		requests: histogram("request_duration_seconds",
			"How long calls of the repo-server took, by call and by the code of the error, OK for none.",
			prometheus.ExponentialBuckets(0.005, 2, 14), "call", "code"),
		stages: histogram("stage_duration_seconds", "How long each stage of a request took.",
			prometheus.ExponentialBuckets(0.0005, 2, 17), "stage"),
		errors: counter("errors_total", "Calls of the repo-server that failed, by code; every code is there from the start.", "code"),
		renders: counter("renders_total", "Applications rendered or refused, by environment, renderer and code, OK for none.",
			"environment", "renderer", "code"),
		injections: counter("injections_total", "Secrets that left as an injection, by environment and kind.", "environment", "kind"),
		vault: histogram("vault_request_duration_seconds", "How long Vault took to answer, by operation and outcome.",
			prometheus.ExponentialBuckets(0.001, 2, 14), "operation", "outcome"),
		outcomes: counter("policy_outcomes_total", "Messages of policies, by rule and decision. Rules after the first 500 are other.",
			"rule", "decision"),
		verdicts: counter("policy_verdicts_total", "Verdicts of the gate, by environment and most severe decision.",
			"environment", "decision"),
		exports: counter("trace_spans_total", "Spans that the collector took, and those that it did not.", "result"),

		auditEvents: counter("audit_events_total", "Events of the audit trail, by whether they were written.", "result"),
	}
	m.begin()
	return m
}

// begin makes series exist before the first event, so that the first one is a
// rise that rate() sees.
func (m *metrics) begin() {
	m.errors.WithLabelValues(other)
	for code := range knownCodes {
		m.errors.WithLabelValues(code)
	}
	for _, stage := range follow.Stages() {
		m.stages.WithLabelValues(string(stage))
	}
	for _, operation := range vault.Operations() {
		m.vault.WithLabelValues(operation, "ok")
	}
	for _, result := range []string{"written", "failed"} {
		m.auditEvents.WithLabelValues(result)
	}
	for _, result := range []string{"exported", "failed"} {
		m.exports.WithLabelValues(result)
	}
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{
		m.info, m.requests, m.stages, m.errors, m.renders, m.injections, m.vault, m.outcomes, m.verdicts, m.exports,
		m.auditEvents,
	}
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}, labels)
}

// listed are the only names that a label may have, so that nobody, a worker that
// a tenant took over least of all, can add a series.
type listed map[string]bool

func newListed[T ~string](names ...T) listed {
	known := listed{}
	for _, name := range names {
		known[string(name)] = true
	}
	return known
}

func (l listed) name(text string) string {
	if l[text] {
		return text
	}
	return other
}

var (
	knownStages     = newListed(follow.Stages()...)
	knownRenderers  = newListed(append(render.Kinds(), none)...)
	knownOperations = newListed(vault.Operations()...)
	knownOutcomes   = newListed(vault.Outcomes()...)
)

// bounded keeps the first names that come and calls all later ones other.
type bounded struct {
	mu    sync.Mutex
	limit int
	known map[string]bool
}

func newBounded(limit int) *bounded { return &bounded{limit: limit, known: map[string]bool{}} }

func (b *bounded) name(text string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known[text] {
		return text
	}
	// Prometheus panics at a label that is not UTF-8.
	if len(b.known) >= b.limit || !utf8.ValidString(text) {
		return other
	}
	b.known[text] = true
	return text
}
