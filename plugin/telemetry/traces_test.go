package telemetry_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/otlptest"
	track "github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

func silent() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

// traced is a telemetry whose spans go to a collector, and what sends the last.
func traced(t *testing.T, to telemetry.Collector, log logrus.FieldLogger) (shown *telemetry.Telemetry, stop func()) {
	t.Helper()
	traces, err := telemetry.Trace(t.Context(), to, "1.2.3", log)
	if err != nil {
		t.Fatal(err)
	}
	return telemetry.New("1.2.3", telemetry.WithTraces(traces)), traces.Stop
}

func toCollector(collector *otlptest.Collector) telemetry.Collector {
	return telemetry.Collector{Address: collector.Address, Insecure: true}
}

// The caller's trace and span, and its decision that the request is traced.
const (
	trace       = "0af7651916cd43dd8448eb211c80319c"
	parent      = "b7ad6b7169203331"
	traceparent = "00-" + trace + "-" + parent + "-01"
)

const callName = "plugin.ConfigManagementPluginService/GenerateManifest"

// outcomes are what a call ends with, by the code in its span.
var outcomes = map[string]error{
	"OK":     nil,
	"E_PATH": status.Error(codes.InvalidArgument, "E_PATH: apps/shop: it is not there"),
}

func TestSpans(t *testing.T) {
	for code, outcome := range outcomes {
		t.Run(code, func(t *testing.T) {
			collector := otlptest.Start(t, nil)
			to := toCollector(collector)
			to.Attributes = map[string]string{"k8s.cluster.name": "test"}
			shown, stop := traced(t, to, silent())
			call := follow(t, shown.Intercept, func(ctx context.Context) error {
				request := track.Of(ctx)
				request.App, request.Project = "shop\n\x1b[31m"+strings.Repeat("x", 1000), "team"
				if err := track.Do(ctx, track.Intake, func(context.Context) error { return nil }); err != nil {
					return err
				}
				return track.Do(ctx, track.Render, func(context.Context) error {
					request.Environment, request.Renderer, request.Objects = "dev", "helm", 3
					return outcome
				})
			})
			if err := call(t, "traceparent", traceparent); status.Code(err) != status.Code(outcome) {
				t.Fatal(err)
			}
			stop()
			wantResource := map[string]string{"service.name": "argocd-seal", "service.version": "1.2.3", "k8s.cluster.name": "test"}
			if diff := cmp.Diff(wantResource, collector.Resource()); diff != "" {
				t.Errorf("resource (-want +got):\n%s", diff)
			}
			checkSpans(t, collector.Spans(), code, outcome)
		})
	}
}

func checkSpans(t *testing.T, got []otlptest.Span, code string, outcome error) {
	t.Helper()
	spans := map[string]otlptest.Span{}
	for _, span := range got {
		spans[span.Name] = span
		if span.Trace != trace || span.Events != 0 {
			t.Errorf("%s has the trace %s and %d events", span.Name, span.Trace, span.Events)
		}
	}
	if len(got) != 3 || len(spans) != 3 {
		t.Fatalf("want a call and two stages, got %+v", got)
	}
	call, intake, render := spans[callName], spans["intake"], spans["render"]
	if call.Parent != parent || intake.Parent != call.ID || render.Parent != call.ID {
		t.Errorf("parents: %s of the call, %s and %s of the stages of %s", call.Parent, intake.Parent, render.Parent, call.ID)
	}
	known := map[string]any{"argocd_seal.code": code, "argocd_seal.environment": "dev", "argocd_seal.renderer": "helm", "argocd_seal.objects": int64(3)}
	if diff := cmp.Diff(known, render.Attributes); diff != "" {
		t.Errorf("attributes of a stage (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"argocd_seal.code": "OK"}, intake.Attributes); diff != "" {
		t.Errorf("attributes of a stage that knows nothing yet (-want +got):\n%s", diff)
	}
	app, _ := call.Attributes["argocd.application"].(string)
	if !strings.HasPrefix(app, `shop\n\u001b[31mxxx`) || len(app) > 256 {
		t.Errorf("the application's name is %d bytes: %q", len(app), app)
	}
	known["argocd.application"], known["argocd.project"] = app, "team"
	known["rpc.system"], known["rpc.service"], known["rpc.method"] = "grpc", "plugin.ConfigManagementPluginService", "GenerateManifest"
	known["rpc.grpc.status_code"] = int64(status.Code(outcome))
	if diff := cmp.Diff(known, call.Attributes); diff != "" {
		t.Errorf("attributes of the call (-want +got):\n%s", diff)
	}
	for _, span := range []otlptest.Span{call, render} {
		if failed := outcome != nil; span.Failed != failed || failed && span.Status != code {
			t.Errorf("%s failed: %v, with the status %q", span.Name, span.Failed, span.Status)
		}
	}
}

// TestCallsLookLikeArgoCDs makes the same call to what Argo CD's own plugin server
// measures calls with.
func TestCallsLookLikeArgoCDs(t *testing.T) {
	for code, outcome := range outcomes {
		t.Run(code, func(t *testing.T) {
			work := func(context.Context) error { return outcome }
			recorder := tracetest.NewSpanRecorder()
			theirs := follow(t, otelgrpc.StreamServerInterceptor( //nolint:staticcheck // Argo CD uses it
				otelgrpc.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))),
				otelgrpc.WithPropagators(propagation.TraceContext{}),
			), work)
			collector := otlptest.Start(t, nil)
			shown, stop := traced(t, toCollector(collector), silent())
			ours := follow(t, shown.Intercept, work)
			for _, call := range []func(*testing.T, ...string) error{theirs, ours} {
				if err := call(t, "traceparent", traceparent); status.Code(err) != status.Code(outcome) {
					t.Fatal(err)
				}
			}
			stop()
			ended, spans := recorder.Ended(), collector.Spans()
			if len(ended) != 1 || len(spans) != 1 {
				t.Fatalf("Argo CD has %d spans, and we %d", len(ended), len(spans))
			}
			want, got := ended[0], spans[0]
			kind := "SPAN_KIND_" + strings.ToUpper(want.SpanKind().String())
			if got.Name != want.Name() || got.Kind != kind || got.Parent != want.Parent().SpanID().String() {
				t.Errorf("got %+v, want the name %s, the kind %s and the parent %s", got, want.Name(), kind, want.Parent().SpanID())
			}
			compared := 0
			for _, attribute := range want.Attributes() {
				if key := string(attribute.Key); strings.HasPrefix(key, "rpc.") {
					compared++
					if got.Attributes[key] != attribute.Value.AsInterface() {
						t.Errorf("%s is %v, and %v of Argo CD", key, got.Attributes[key], attribute.Value.AsInterface())
					}
				}
			}
			if compared != 4 {
				t.Errorf("compared %d attributes of %v", compared, want.Attributes())
			}
		})
	}
}

func TestTheCallerDecidesWhetherItIsTraced(t *testing.T) {
	for name, test := range map[string]struct {
		metadata []string
		spans    int
		parent   string
	}{
		"it traces":            {[]string{"traceparent", traceparent}, 1, parent},
		"it does not":          {[]string{"traceparent", strings.TrimSuffix(traceparent, "01") + "00"}, 0, ""},
		"it says nothing":      {nil, 1, ""},
		"it says what is none": {[]string{"traceparent", "00-" + strings.Repeat("z", 600)}, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			collector := otlptest.Start(t, nil)
			shown, stop := traced(t, toCollector(collector), silent())
			if err := follow(t, shown.Intercept, func(context.Context) error { return nil })(t, test.metadata...); err != nil {
				t.Fatal(err)
			}
			stop()
			spans := collector.Spans()
			if len(spans) != test.spans || len(spans) > 0 && spans[0].Parent != test.parent {
				t.Errorf("got %+v, want %d below %q", spans, test.spans, test.parent)
			}
		})
	}
}

// TestSpansHoldNoTextOfErrors fails in all ways in which an error could quote
// something.
func TestSpansHoldNoTextOfErrors(t *testing.T) {
	watch := canary.Over(t)
	secret := watch.Secret(canary.Draw())
	collector := otlptest.Start(t, nil)
	shown, stop := traced(t, toCollector(collector), silent())
	var failure error
	call := follow(t, shown.Intercept, func(ctx context.Context) error {
		return track.Do(ctx, track.Resolve, func(context.Context) error { return failure })
	})
	for _, failure = range []error{
		errors.New(secret), fault.New(fault.Secret, "it is %s", secret).At(secret, secret),
		status.Error(codes.Internal, secret), status.Error(codes.Unknown, "E_SECRET: "+secret), fault.New(fault.Code(secret), "x"),
	} {
		if call(t) == nil {
			t.Fatal("the call went well")
		}
	}
	stop()
	if spans := len(collector.Spans()); spans != 10 {
		t.Errorf("got %d spans, want 10", spans)
	}
	watch.See("traces", collector.Text())
	_, scraped := serve(t, shown).get(t, "/metrics")
	watch.See("metrics", scraped)
}
