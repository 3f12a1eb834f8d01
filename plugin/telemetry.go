package plugin

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Telemetry counts requests and serves the counts, and whether the process is
// alive, over HTTP. Its labels are calls and codes, which are few: nothing that
// a tenant can choose becomes a label. It is safe for concurrent use.
type Telemetry struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
}

// NewTelemetry returns metrics of its own, with those of the Go runtime and of
// the process.
func NewTelemetry() *Telemetry {
	t := &Telemetry{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "argocd_seal_request_duration_seconds",
			Help:    "How long calls of the repo-server took, by call and by the code of the error, OK for none.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 14),
		}, []string{"call", "code"}),
	}
	t.registry.MustRegister(t.duration, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return t
}

// observe is an interceptor that times every streaming call.
func (t *Telemetry) observe(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	began := time.Now()
	err := handler(srv, stream)
	call := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
	t.duration.WithLabelValues(call, codeOf(err)).Observe(time.Since(began).Seconds())
	return err
}

// codeOf reads the code back from an answer, and knows only declared ones.
func codeOf(err error) string {
	if err == nil {
		return "OK"
	}
	code, _, _ := strings.Cut(status.Convert(err).Message(), ":")
	for _, known := range fault.Codes() {
		if string(known.Code) == code {
			return code
		}
	}
	return "other"
}

// Serve answers GET /metrics and GET /healthz on listener until ctx ends.
func (t *Telemetry) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	const patience = 10 * time.Second
	server := &http.Server{Handler: mux, ReadTimeout: patience, WriteTimeout: patience, MaxHeaderBytes: 8 << 10}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { stopped <- server.Close() })
	err := server.Serve(listener)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
