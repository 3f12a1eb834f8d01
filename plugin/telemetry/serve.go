package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// patience bounds one request for metrics or health.
const patience = 10 * time.Second

// Serve answers GET /metrics, /healthz and /readyz on listener until ctx ends.
func (t *Telemetry) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes}))
	// Alive means that the process answers. Nothing else is asked: a restart
	// mends neither Vault nor a policy, and ends the requests in flight.
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", t.ready)
	server := &http.Server{Handler: mux, ReadTimeout: patience, WriteTimeout: patience, MaxHeaderBytes: 8 << 10}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- server.Close() })
	err := server.Serve(listener)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// maxScrapes is how many scrapes are answered at a time.
const maxScrapes = 8

// ready answers 200 or 503, and in both cases with all checks, one on a line.
func (t *Telemetry) ready(w http.ResponseWriter, _ *http.Request) {
	report := t.Health.Report()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !report.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = w.Write(report.lines())
}

// lines writes the report as JSON for a program, laid out for a person.
func (r Report) lines() []byte {
	var out bytes.Buffer
	head, _ := json.Marshal(struct { // of types that cannot fail
		Ready bool `json:"ready"`
		Mode  Mode `json:"mode"`
	}{r.Ready, r.Mode})
	out.Write(head[:len(head)-1])
	out.WriteString(`,"checks":[`)
	for i, check := range r.Checks {
		if i > 0 {
			out.WriteByte(',')
		}
		line, _ := json.Marshal(check)
		out.WriteByte('\n')
		out.Write(line)
	}
	out.WriteString("\n]}\n")
	return out.Bytes()
}
