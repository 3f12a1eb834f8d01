// Package otlptest is for tests: an OpenTelemetry collector's receiver over gRPC
// that keeps what it gets.
package otlptest

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"net"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protojson"
)

// Collector is a receiver of traces. It is safe for concurrent use.
type Collector struct {
	collector.UnimplementedTraceServiceServer
	// Address is host:port.
	Address string

	mu       sync.Mutex
	answer   func(ctx context.Context) error
	spans    []Span
	headers  []metadata.MD
	text     []byte
	resource map[string]string
}

// Span is what tests look at of a span.
type Span struct {
	Name, Kind, Trace, ID, Parent string
	Attributes                    map[string]any
	// Status is the message of the status; Failed tells whether it is an error.
	Status string
	Failed bool
	Events int
}

// Start starts a receiver for one test; with settings it takes TLS only.
func Start(t testing.TB, settings *tls.Config) *Collector {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var options []grpc.ServerOption
	if settings != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(settings)))
	}
	// Headers as large as a file of them may be.
	server := grpc.NewServer(append(options, grpc.MaxHeaderListSize(1<<20))...)
	c := &Collector{Address: listener.Addr().String(), resource: map[string]string{}}
	collector.RegisterTraceServiceServer(server, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Stop()
		<-done
	})
	return c
}

// Answer has each export wait for the function, and refused with its error. It
// may hang until the context ends, which it does with the test. nil takes
// everything.
func (c *Collector) Answer(with func(ctx context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = with
}

// Export keeps spans.
func (c *Collector) Export(ctx context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	answer := c.answer
	c.mu.Unlock()
	if answer != nil {
		if err := answer(ctx); err != nil {
			return nil, err
		}
	}
	text, err := protojson.Marshal(request)
	if err != nil {
		return nil, err
	}
	header, _ := metadata.FromIncomingContext(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers, c.text = append(c.headers, header), append(c.text, text...)
	for _, resource := range request.GetResourceSpans() {
		for _, attribute := range resource.GetResource().GetAttributes() {
			c.resource[attribute.GetKey()] = attribute.GetValue().GetStringValue()
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				c.spans = append(c.spans, read(span))
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func read(span *tracepb.Span) Span {
	kept := Span{
		Name: span.GetName(), Kind: span.GetKind().String(), Trace: hex.EncodeToString(span.GetTraceId()), ID: hex.EncodeToString(span.GetSpanId()),
		Parent: hex.EncodeToString(span.GetParentSpanId()), Attributes: map[string]any{},
		Status: span.GetStatus().GetMessage(), Failed: span.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR,
		Events: len(span.GetEvents()),
	}
	for _, attribute := range span.GetAttributes() {
		if text := attribute.GetValue().GetStringValue(); text != "" {
			kept.Attributes[attribute.GetKey()] = text
		} else {
			kept.Attributes[attribute.GetKey()] = attribute.GetValue().GetIntValue()
		}
	}
	return kept
}

// Spans returns what has come, in the order in which it came.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Headers returns the metadata of each export.
func (c *Collector) Headers() []metadata.MD {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]metadata.MD(nil), c.headers...)
}

// Resource returns what describes the process.
func (c *Collector) Resource() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.resource
}

// Text returns all that has come, as JSON. Ids are base64.
func (c *Collector) Text() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.text...)
}
