package telemetry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Collector is where traces go. It comes from plugin.yaml.
type Collector struct {
	// Address is host:port of a collector's OTLP receiver over gRPC.
	Address string
	// Insecure leaves TLS out.
	Insecure bool
	// HeadersFile holds headers to send, a line "name=value" each; they may be
	// credentials, so the file is read at each export.
	HeadersFile string
	// CAFile is a PEM file with the authorities that sign the collector's
	// certificate; empty means the system's.
	CAFile string
	// Attributes describe this process in every trace.
	Attributes map[string]string
}

const (
	service = "argocd-seal"
	// exportTimeout bounds one export with its retries, and farewell all that are
	// sent when the process stops: Kubernetes gives it 30 seconds for everything,
	// of which requests in flight may take 25.
	exportTimeout = 10 * time.Second
	farewell      = 3 * time.Second
	// firstRetry and lastRetry are the shortest and the longest pause before an
	// export is tried again.
	firstRetry = 500 * time.Millisecond
	lastRetry  = 2 * time.Second
	// maxSpans is how many spans may wait for the collector.
	maxSpans = 2048
	// maxHeaders bounds the file with headers in bytes.
	maxHeaders = 64 << 10
)

// Trace returns traces that go to a collector. It connects when there is
// something to send, and a collector that is not there costs requests nothing but
// the memory for 2048 spans.
func Trace(ctx context.Context, to Collector, version string, log logrus.FieldLogger) (*Traces, error) {
	transport, err := to.transport()
	if err != nil {
		return nil, err
	}
	options := []otlptracegrpc.Option{
		transport, otlptracegrpc.WithEndpoint(to.Address), otlptracegrpc.WithTimeout(exportTimeout),
		// What the environment says of headers must not be sent.
		otlptracegrpc.WithHeaders(map[string]string{}),
		otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: firstRetry, MaxInterval: lastRetry, MaxElapsedTime: exportTimeout,
		}),
	}
	if to.HeadersFile != "" {
		headers := headers{to.HeadersFile}
		if _, err := headers.GetRequestMetadata(ctx); err != nil {
			return nil, err
		}
		options = append(options, otlptracegrpc.WithDialOption(grpc.WithPerRPCCredentials(headers)))
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, fault.New(fault.Config, "the exporter of traces cannot be made").At("", "telemetry.otlp")
	}
	counted := &counting{SpanExporter: exporter, log: log}
	attributes := []attribute.KeyValue{attribute.String("service.name", service), attribute.String("service.version", version)}
	for name, value := range to.Attributes {
		attributes = append(attributes, attribute.String(name, value))
	}
	provider := sdk.NewTracerProvider(
		sdk.WithSpanProcessor(&bounding{sdk.NewBatchSpanProcessor(counted, sdk.WithMaxQueueSize(maxSpans)), counted}),
		sdk.WithResource(resource.NewSchemaless(attributes...)),
		// The caller decides where it traces; Argo CD traces everything.
		sdk.WithSampler(sdk.ParentBased(sdk.AlwaysSample())),
	)
	return &Traces{provider: provider, exporter: counted}, nil
}

// Traces are spans on their way to a collector.
type Traces struct {
	provider *sdk.TracerProvider
	exporter *counting
}

// Stop sends what there is and stops, within a bounded time.
func (t *Traces) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what failed has been counted
}

func (c Collector) transport() (otlptracegrpc.Option, error) {
	if c.Insecure {
		// Not WithInsecure, which a certificate that the environment names overrules.
		return otlptracegrpc.WithTLSCredentials(insecure.NewCredentials()), nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		content, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fault.New(fault.Config, "the CA certificate cannot be read").In(c.CAFile, 0)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(content) {
			return nil, fault.New(fault.Config, "there is no PEM certificate").In(c.CAFile, 0)
		}
	}
	return otlptracegrpc.WithTLSCredentials(credentials.NewTLS(settings)), nil
}

// headers are sent with each export.
type headers struct{ file string }

var _ credentials.PerRPCCredentials = headers{}

// GetRequestMetadata reads the file.
func (h headers) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	info, err := os.Stat(h.file)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxHeaders {
		return nil, fault.New(fault.Config, "the file with headers is missing, or is no small file").In(h.file, 0)
	}
	content, err := os.ReadFile(h.file)
	if err != nil {
		return nil, fault.New(fault.Config, "the file with headers cannot be read").In(h.file, 0)
	}
	read := map[string]string{}
	for i, line := range strings.Split(string(content), "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.TrimSpace(name) == "" {
			return nil, fault.New(fault.Config, "the line is no header").In(h.file, i+1).WithFix("write name=value")
		}
		read[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
	return read, nil
}

// RequireTransportSecurity is false because the configuration lets headers go
// without TLS to loopback only.
func (headers) RequireTransportSecurity() bool { return false }

// counting counts spans, and keeps the text of an export's error, which is the
// collector's, to itself.
type counting struct {
	sdk.SpanExporter
	tell func(spans int, err error)
	log  logrus.FieldLogger
	down bool // logged already; exports are one at a time
	// waiting are the spans that have ended and were not exported yet.
	waiting atomic.Int64
}

// bounding drops the spans for which there is no room, and counts them: those that
// OpenTelemetry's own queue drops, nobody hears of.
type bounding struct {
	sdk.SpanProcessor
	exporter *counting
}

// OnEnd never blocks.
func (b *bounding) OnEnd(span sdk.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	if b.exporter.waiting.Add(1) > maxSpans {
		b.exporter.waiting.Add(-1)
		b.exporter.told(1, errNoRoom)
		return
	}
	b.SpanProcessor.OnEnd(span)
}

var errNoRoom = errors.New("too many spans wait for the collector")

// told may be called before there is somebody to tell.
func (c *counting) told(spans int, err error) {
	if c.tell != nil {
		c.tell(spans, err)
	}
}

// ExportSpans never fails: OpenTelemetry would print the error.
func (c *counting) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := c.SpanExporter.ExportSpans(ctx, spans)
	c.waiting.Add(-int64(len(spans)))
	c.told(len(spans), err)
	if failed := err != nil; failed != c.down {
		c.down = failed
		if failed {
			c.log.Warn("traces cannot be exported; look at telemetry.otlp and at the collector")
		} else {
			c.log.Info("traces are exported again")
		}
	}
	return nil
}

// exported counts spans.
func (t *Telemetry) exported(spans int, err error) {
	result := "exported"
	if err != nil {
		result = "failed"
	}
	t.metrics.exports.WithLabelValues(result).Add(float64(spans))
}
