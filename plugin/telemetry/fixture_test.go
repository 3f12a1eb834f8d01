package telemetry_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

// patience bounds what must happen at some time.
const patience = time.Minute

func listen(t *testing.T) net.Listener {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// page is where a telemetry is served.
type page struct{ address string }

// serve serves a telemetry until the test ends.
func serve(t *testing.T, shown *telemetry.Telemetry) page {
	t.Helper()
	listener := listen(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- shown.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return page{listener.Addr().String()}
}

func (p page) get(t *testing.T, path string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// scrape reads the metrics as Prometheus does.
func (p page) scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	code, body := p.get(t, "/metrics")
	if code != http.StatusOK {
		t.Fatalf("/metrics answers %d\n%s", code, body)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// value adds up the series of a counter or gauge that have these labels, given as
// name and value by turns.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	sum := 0.0
	for _, metric := range families[name].GetMetric() {
		has := 0
		for _, label := range metric.GetLabel() {
			for i := 0; i < len(labels); i += 2 {
				if label.GetName() == labels[i] && label.GetValue() == labels[i+1] {
					has++
				}
			}
		}
		if has == len(labels)/2 {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// await asks again until the answer is yes.
func await(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ask(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// service is the plugin's gRPC service; each call does what the test says.
type service struct {
	apiclient.UnimplementedConfigManagementPluginServiceServer
	work func(ctx context.Context) error
}

// GenerateManifest does the work.
func (s *service) GenerateManifest(stream apiclient.ConfigManagementPluginService_GenerateManifestServer) error {
	if err := s.work(stream.Context()); err != nil {
		return err
	}
	return stream.SendAndClose(&apiclient.ManifestResponse{})
}

// follow serves the work over gRPC with a telemetry in front of it, and returns
// what calls it, with metadata as name and value by turns.
func follow(t *testing.T, interceptor grpc.StreamServerInterceptor, work func(ctx context.Context) error) func(t *testing.T, metadata ...string) error {
	t.Helper()
	server := grpc.NewServer(grpc.ChainStreamInterceptor(interceptor))
	apiclient.RegisterConfigManagementPluginServiceServer(server, &service{work: work})
	listener := listen(t)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	client := apiclient.NewConfigManagementPluginServiceClient(conn)
	return func(t *testing.T, pairs ...string) error {
		t.Helper()
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), pairs...), patience)
		defer cancel()
		stream, err := client.GenerateManifest(ctx)
		if err != nil {
			return err
		}
		_, err = stream.CloseAndRecv()
		return err
	}
}
