// Package telemetry shows what the plugin does: metrics for Prometheus, traces
// for an OpenTelemetry collector, and whether the process is alive and ready.
//
// Nothing that a tenant can choose becomes a label: labels are calls, codes,
// stages, kinds, and names that stand in plugin.yaml. Traces name the
// application and its project, cleaned and bounded. No value, no token and no
// text of an error is in either.
package telemetry

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
)

// Telemetry collects metrics and serves them. It is safe for concurrent use.
type Telemetry struct {
	registry *prometheus.Registry
	metrics  *metrics
	rules    *bounded
	tracer   trace.Tracer
	subjects atomic.Pointer[Subjects]
	// Health says whether the process is ready.
	Health *Health
}

// Option changes what [New] returns.
type Option func(*Telemetry)

// WithTraces has a span made of each request and of each of its stages.
func WithTraces(traces *Traces) Option {
	return func(t *Telemetry) {
		traces.exporter.tell = t.exported
		t.tracer = traces.provider.Tracer(service)
	}
}

// WithReadiness says when a failing check makes the process not ready, and how
// long [Startup] waits for all to pass. The default is Startup with no wait.
func WithReadiness(mode Mode, wait time.Duration) Option {
	return func(t *Telemetry) { t.Health.mode, t.Health.wait = mode, wait }
}

// New returns metrics of its own, with those of the Go runtime and of the
// process. version is the program's.
func New(version string, options ...Option) *Telemetry {
	t := &Telemetry{
		registry: prometheus.NewRegistry(), metrics: newMetrics(), rules: newBounded(maxRules),
		tracer: noop.Tracer{},
	}
	t.Health = newHealth(Startup, 0, func(now time.Time) []Check { return t.subjects.Load().Checks(now) })
	t.Watch(Subjects{})
	for _, option := range options {
		option(t)
	}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t.registry.MustRegister(t.metrics.all()...)
	t.registry.MustRegister(t.subjectReadings(), t.healthReadings(), t.rotationReadings(), t.rotationLag())
	t.metrics.info.WithLabelValues(version).Set(1)
	return t
}

// pluginService is the service whose calls are measured.
const pluginService = "plugin.ConfigManagementPluginService"

// Intercept follows every streaming call of the plugin's service: as a metric, as
// a span below that of the caller, and for whoever asks [follow.Of].
func (t *Telemetry) Intercept(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	call, ours := strings.CutPrefix(info.FullMethod, "/"+pluginService+"/")
	if !ours {
		return handler(srv, stream)
	}
	incoming, _ := metadata.FromIncomingContext(stream.Context())
	ctx, _, end := follow.Start(fromCaller(stream.Context(), incoming), call, t)
	err := handler(srv, followed{stream, ctx})
	end(err)
	return err
}

// followed is a stream whose context belongs to a request.
type followed struct {
	grpc.ServerStream
	ctx context.Context //nolint:containedctx // it is the stream's
}

func (f followed) Context() context.Context { return f.ctx }

// codeOf reads the code from a fault, or back from an answer to the repo-server,
// and knows only declared ones.
func codeOf(err error) string {
	if err == nil {
		return "OK"
	}
	code := string(fault.CodeOf(err))
	if answer, ok := status.FromError(err); ok {
		code, _, _ = strings.Cut(answer.Message(), ":")
	}
	return knownCodes.name(code)
}

var knownCodes = func() listed {
	known := listed{}
	for _, one := range fault.Codes() {
		known[string(one.Code)] = true
	}
	return known
}()

// seconds is the unit of all durations in metrics.
func seconds(took time.Duration) float64 { return took.Seconds() }
