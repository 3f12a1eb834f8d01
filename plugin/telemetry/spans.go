package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
)

// maxAttribute bounds one attribute of a span that a tenant can choose.
const maxAttribute = 256

// fromCaller takes the caller's span from the metadata of a call. otelgrpc, which
// Argo CD uses, would do this as well, but copies the text of an error into the
// span (serverStatus in otelgrpc v0.56.0).
func fromCaller(ctx context.Context, incoming metadata.MD) context.Context {
	return propagation.TraceContext{}.Extract(ctx, carrier(incoming))
}

// carrier reads the metadata of a call.
type carrier metadata.MD

var _ propagation.TextMapCarrier = carrier{}

func (c carrier) Get(key string) string {
	if values := metadata.MD(c).Get(key); len(values) > 0 {
		return values[0]
	}
	return ""
}

func (c carrier) Set(key, value string) { metadata.MD(c).Set(key, value) }

func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}

// requestSpan starts a span with the name and the attributes that Argo CD's own
// spans of calls have, so that one search finds this plugin's beside them.
func (t *Telemetry) requestSpan(ctx context.Context, request *follow.Request) (context.Context, func(code string, err error)) {
	ctx, span := t.tracer.Start(ctx, pluginService+"/"+request.Call, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("rpc.system", "grpc"), attribute.String("rpc.service", pluginService), attribute.String("rpc.method", request.Call),
	))
	return ctx, func(code string, err error) {
		span.SetAttributes(
			attribute.Int("rpc.grpc.status_code", int(status.Code(err))),
			attribute.String("argocd.application", fault.Clean(request.App, maxAttribute)),
			attribute.String("argocd.project", fault.Clean(request.Project, maxAttribute)),
		)
		finish(span, request, code)
	}
}

func (t *Telemetry) stageSpan(ctx context.Context, request *follow.Request, stage follow.Stage) (context.Context, func(code string)) {
	ctx, span := t.tracer.Start(ctx, string(stage))
	return ctx, func(code string) { finish(span, request, code) }
}

// finish ends a span with what is known of the request by now. The code is all
// that a span says of an error.
func finish(span trace.Span, request *follow.Request, code string) {
	span.SetAttributes(attribute.String("argocd_seal.code", code))
	if request.Environment != "" {
		span.SetAttributes(attribute.String("argocd_seal.environment", request.Environment))
	}
	if request.Renderer != "" {
		span.SetAttributes(attribute.String("argocd_seal.renderer", request.Renderer), attribute.Int("argocd_seal.objects", request.Objects))
	}
	if code != "OK" {
		span.SetStatus(codes.Error, code)
	}
	span.End()
}
