package telemetry_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/otlptest"
	track "github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

// request is a request of one span.
func request(t *testing.T, shown *telemetry.Telemetry) {
	t.Helper()
	_, _, end := track.Start(t.Context(), "GenerateManifest", shown)
	end(nil)
}

// atOnce has spans exported as soon as they have ended.
func atOnce(t *testing.T) {
	t.Helper()
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
}

const spansTotal = "argocd_seal_trace_spans_total"

func TestHeadersAreReadAtEachExport(t *testing.T) {
	atOnce(t)
	watch := canary.Over(t)
	first, second := watch.Secret(canary.Draw()), watch.Secret(canary.Draw())
	file := filepath.Join(t.TempDir(), "headers")
	write := func(content string) {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Authorization = Bearer " + first + "\n\n x-scope-orgid=a=b \n")
	collector := otlptest.Start(t, nil)
	to := toCollector(collector)
	to.HeadersFile = file
	log := logrus.New()
	log.SetOutput(watch.Writer("log"))
	shown, stop := traced(t, to, log)
	page := serve(t, shown)
	request(t, shown)
	await(t, "the first export", func() bool { return value(page.scrape(t), spansTotal, "result", "exported") == 1 })
	write("authorization=Bearer " + second)
	request(t, shown)
	await(t, "the second export", func() bool { return value(page.scrape(t), spansTotal, "result", "exported") == 2 })
	// Somebody breaks it: nothing is sent without what the collector wants.
	write("authorization " + second)
	request(t, shown)
	await(t, "the third export fails", func() bool { return value(page.scrape(t), spansTotal, "result", "failed") == 1 })
	stop()
	var got [][]string
	for _, header := range collector.Headers() {
		got = append(got, append(header.Get("authorization"), header.Get("x-scope-orgid")...))
	}
	if want := [][]string{{"Bearer " + first, "a=b"}, {"Bearer " + second}}; !cmp.Equal(got, want) {
		t.Error("the headers are not those of the file") // and are credentials
	}
	_, scraped := page.get(t, "/metrics")
	watch.See("metrics", scraped)
}

func TestHeadersThatAreNone(t *testing.T) {
	watch := canary.Over(t)
	secret := watch.Secret(canary.Draw())
	dir := t.TempDir()
	for name, content := range map[string]string{"no name": "a=b\n=" + secret, "no sign": secret, "too large": "a=" + strings.Repeat(secret, 3000), "missing": ""} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, name)
			if content != "" {
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := telemetry.Trace(t.Context(), telemetry.Collector{Address: "127.0.0.1:4317", Insecure: true, HeadersFile: file}, "1", silent())
			if fault.CodeOf(err) != fault.Config || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v, want E_CONFIG with the file's name", err)
			}
			watch.SeeError(err)
		})
	}
}

// encrypted starts a collector with TLS and returns the file of its authority.
func encrypted(t *testing.T) (collector *otlptest.Collector, caFile string) {
	t.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	collector = otlptest.Start(t, &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12})
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return collector, caFile
}

func TestTLS(t *testing.T) {
	for name, test := range map[string]struct {
		to   func(address, caFile string) telemetry.Collector
		want string
	}{
		"the collector's authority": {func(address, caFile string) telemetry.Collector {
			return telemetry.Collector{Address: address, CAFile: caFile}
		}, "exported"},
		"the system's authorities": {func(address, _ string) telemetry.Collector {
			return telemetry.Collector{Address: address}
		}, "failed"},
		"no TLS": {func(address, _ string) telemetry.Collector {
			return telemetry.Collector{Address: address, Insecure: true}
		}, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // what fails is tried for some time
			collector, caFile := encrypted(t)
			shown, stop := traced(t, test.to(collector.Address, caFile), silent())
			request(t, shown)
			stop()
			if taken, want := len(collector.Spans()), map[string]int{"exported": 1, "failed": 0}[test.want]; taken != want {
				t.Errorf("the collector has %d spans, want %d", taken, want)
			}
			page := serve(t, shown)
			await(t, "the span is "+test.want, func() bool { return value(page.scrape(t), spansTotal, "result", test.want) == 1 })
		})
	}
}

func TestAuthoritiesThatAreNone(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{notPEM, notPEM + ".missing"} {
		to := telemetry.Collector{Address: "127.0.0.1:4317", CAFile: file}
		if _, err := telemetry.Trace(t.Context(), to, "1", silent()); fault.CodeOf(err) != fault.Config || !strings.Contains(err.Error(), file) {
			t.Errorf("got %v, want E_CONFIG with %s", err, file)
		}
	}
}

// TestCollectorsThatTakeNothing have requests go on as if nothing was, and the
// process end.
func TestCollectorsThatTakeNothing(t *testing.T) {
	watch := canary.Over(t)
	said := watch.Secret(canary.Draw())
	for name, answer := range map[string]func(ctx context.Context) error{
		"hangs":   func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"refuses": func(context.Context) error { return status.Error(codes.PermissionDenied, said) },
		"is busy": func(context.Context) error { return status.Error(codes.Unavailable, said) },
		"is down": nil,
	} {
		t.Run(name, func(t *testing.T) {
			atOnce(t)
			collector := otlptest.Start(t, nil)
			collector.Answer(answer)
			to := toCollector(collector)
			if answer == nil {
				listener := listen(t)
				to.Address = listener.Addr().String()
				_ = listener.Close()
			}
			log := logrus.New()
			log.SetOutput(watch.Writer("log"))
			shown, stop := traced(t, to, log)
			page := serve(t, shown)
			const requests, room = 5_000, 2_048
			for range requests {
				request(t, shown)
			}
			families := page.scrape(t)
			if got := value(families, "argocd_seal_request_duration_seconds"); got != requests {
				t.Errorf("%v requests, want %d", got, requests)
			}
			if lost := value(families, spansTotal, "result", "failed"); name != "refuses" && (lost < requests-room || lost > requests) {
				t.Errorf("%v spans are said to be lost, want those for which there is no room", lost)
			}
			stopped := make(chan struct{})
			go func() {
				defer close(stopped)
				stop()
			}()
			select {
			case <-stopped:
			case <-time.After(patience):
				t.Fatal("the end waits for the collector")
			}
			if taken := value(page.scrape(t), spansTotal, "result", "exported"); taken != 0 || len(collector.Spans()) != 0 {
				t.Errorf("%v spans were exported", taken)
			}
		})
	}
}

// TestAnExportIsTriedAgain has a collector that is busy for a moment, and loses
// nothing.
func TestAnExportIsTriedAgain(t *testing.T) {
	atOnce(t)
	collector := otlptest.Start(t, nil)
	var asked atomic.Int32
	collector.Answer(func(context.Context) error {
		if asked.Add(1) < 3 {
			return status.Error(codes.Unavailable, "busy")
		}
		return nil
	})
	shown, stop := traced(t, toCollector(collector), silent())
	page := serve(t, shown)
	request(t, shown)
	await(t, "the span is there", func() bool { return len(collector.Spans()) == 1 })
	stop()
	families := page.scrape(t)
	if lost, taken := value(families, spansTotal, "result", "failed"), value(families, spansTotal, "result", "exported"); lost != 0 || taken != 1 {
		t.Errorf("%v spans lost, %v exported", lost, taken)
	}
}

// TestTheLogTellsOnceThatTracesAreLost and once that they are not any more.
func TestTheLogTellsOnceThatTracesAreLost(t *testing.T) {
	atOnce(t)
	collector := otlptest.Start(t, nil)
	refuse := func(context.Context) error { return status.Error(codes.PermissionDenied, "no") }
	var text lines
	log := logrus.New()
	log.SetOutput(&text)
	shown, stop := traced(t, toCollector(collector), log)
	defer stop()
	page := serve(t, shown)
	for i, answer := range []func(context.Context) error{refuse, refuse, nil, nil} {
		collector.Answer(answer)
		request(t, shown)
		await(t, "the span is counted", func() bool { return value(page.scrape(t), spansTotal) == float64(i+1) })
	}
	stop()
	lost, again := strings.Count(text.String(), "traces cannot be exported; look at"), strings.Count(text.String(), "traces are exported again")
	if lost != 1 || again != 1 || strings.Count(text.String(), "\n") != 2 {
		t.Errorf("the log says %d and %d times what it should say once:\n%s", lost, again, text.String())
	}
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestTheEnvironmentSendsSpansNowhere sets what OpenTelemetry's libraries read.
func TestTheEnvironmentSendsSpansNowhere(t *testing.T) {
	elsewhere, _ := encrypted(t)
	_, otherCA := encrypted(t)
	collector := otlptest.Start(t, nil)
	for name, content := range map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT":         "https://" + elsewhere.Address,
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT":  "https://" + elsewhere.Address,
		"OTEL_EXPORTER_OTLP_HEADERS":          "authorization=somebody",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS":   "authorization=somebody",
		"OTEL_EXPORTER_OTLP_CERTIFICATE":      otherCA,
		"OTEL_EXPORTER_OTLP_INSECURE":         "false",
		"OTEL_EXPORTER_OTLP_TIMEOUT":          "1",
		"OTEL_TRACES_SAMPLER":                 "always_off",
		"OTEL_SERVICE_NAME":                   "somebody",
		"OTEL_BSP_MAX_QUEUE_SIZE":             "1",
		"OTEL_RESOURCE_ATTRIBUTES":            "service.name=somebody,k8s.pod.name=repo-server-1",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL":  "http/json",
		"OTEL_EXPORTER_OTLP_TRACES_INSECURE":  "false",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://" + elsewhere.Address,
	} {
		t.Setenv(name, content)
	}
	shown, stop := traced(t, toCollector(collector), silent())
	for range 10 {
		request(t, shown)
	}
	stop()
	if here, there := len(collector.Spans()), len(elsewhere.Spans()); here != 10 || there != 0 {
		t.Errorf("%d spans are here and %d elsewhere", here, there)
	}
	for _, header := range collector.Headers() {
		if len(header.Get("authorization")) > 0 {
			t.Error("a header of the environment is sent")
		}
	}
	// What describes the pod adds to what plugin.yaml says, and changes nothing.
	want := map[string]string{"service.name": "argocd-seal", "service.version": "1.2.3", "k8s.pod.name": "repo-server-1"}
	if diff := cmp.Diff(want, collector.Resource()); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
}
