package telemetry_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	track "github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }

func TestNothingElseIsServed(t *testing.T) {
	page := serve(t, telemetry.New("test"))
	for _, path := range []string{"/", "/debug/pprof/", "/metrics/", "/healthz/x", "/readyz/..%2fetc", "/config"} {
		if code, body := page.get(t, path); code != http.StatusNotFound {
			t.Errorf("%s answers %d %s", path, code, body)
		}
	}
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		response, err := http.Post("http://"+page.address+path, "text/plain", strings.NewReader("x")) //nolint:noctx // it is answered
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST %s answers %d", path, response.StatusCode)
		}
	}
}

// dial opens a connection that says what it wants, as a client of ill will does.
func (p page) dial(t *testing.T) net.Conn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSlowClientsAreSentAway has clients that never come to the end of a request,
// or that hold a connection open for nothing.
func TestSlowClientsAreSentAway(t *testing.T) {
	t.Parallel() // it takes as long as clients are waited for
	page := serve(t, telemetry.New("test"))
	var slow sync.WaitGroup
	for name, sent := range map[string]string{
		"nothing at all":        "",
		"half of a header":      "GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: ",
		"a body that is due":    "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx",
		"nothing after the one": "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		conn := page.dial(t)
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		slow.Go(func() {
			// The answer, if there is one, and then the end.
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a client that sends %s still has its connection", name)
			}
		})
	}
	for range 100 {
		_, _ = io.WriteString(page.dial(t), "GET /readyz HTTP/1.1\r\n")
	}
	// Meanwhile others are served.
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if code, _ := page.get(t, path); code != http.StatusOK {
			t.Errorf("%s answers %d beside slow clients", path, code)
		}
	}
	slow.Wait()
}

func TestLargeHeadersAreRefused(t *testing.T) {
	page := serve(t, telemetry.New("test"))
	conn := page.dial(t)
	go func() {
		_, _ = fmt.Fprintf(conn, "GET /metrics HTTP/1.1\r\nHost: a\r\nX-Large: %s\r\n\r\n", strings.Repeat("a", 1<<20))
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 1 MiB gets %d", response.StatusCode)
	}
}

// TestScrapesWhileRequestsHang has requests in the middle of a stage.
func TestScrapesWhileRequestsHang(t *testing.T) {
	shown := telemetry.New("test")
	page := serve(t, shown)
	hang, entered := make(chan struct{}), make(chan struct{})
	call := follow(t, shown.Intercept, func(ctx context.Context) error {
		return track.Do(ctx, track.Resolve, func(context.Context) error {
			entered <- struct{}{}
			<-hang
			return nil
		})
	})
	var calls sync.WaitGroup
	const hanging = 20
	for range hanging {
		calls.Go(func() {
			if err := call(t); err != nil {
				t.Error(err)
			}
		})
	}
	for range hanging {
		<-entered
	}
	if got := value(page.scrape(t), "argocd_seal_request_duration_seconds"); got != 0 {
		t.Errorf("%v requests are over", got)
	}
	if code, _ := page.get(t, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz answers %d", code)
	}
	page.ready(t)
	close(hang)
	calls.Wait()
	if got := value(page.scrape(t), "argocd_seal_stage_duration_seconds", "stage", "resolve"); got != hanging {
		t.Errorf("%v stages are over, want %d", got, hanging)
	}
}

// TestLivenessWhileAPartHangs has a part that never says how it is. Scrapes wait
// for it, no more than a few, and the process is not taken for dead.
func TestLivenessWhileAPartHangs(t *testing.T) {
	shown := telemetry.New("test")
	hang := make(chan struct{})
	shown.Watch(telemetry.Subjects{Intakes: func() (busy, waiting int) {
		<-hang
		return 0, 0
	}})
	page := serve(t, shown)
	defer close(hang)
	for range 50 {
		_, _ = io.WriteString(page.dial(t), "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	await(t, "more scrapes are refused", func() bool {
		conn := page.dial(t)
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusServiceUnavailable
	})
	if code, _ := page.get(t, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz answers %d", code)
	}
}

// TestServeEndsWithItsContext does not wait for clients that say nothing.
func TestServeEndsWithItsContext(t *testing.T) {
	listener := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- telemetry.New("test").Serve(ctx, listener) }()
	p := page{listener.Addr().String()}
	_, _ = io.WriteString(p.dial(t), "GET /metrics HTTP/1.1\r\n")
	if code, _ := p.get(t, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz answers %d", code)
	}
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("it goes on serving")
	}
	listener = listen(t)
	_ = listener.Close()
	if err := telemetry.New("test").Serve(t.Context(), listener); err == nil {
		t.Error("a listener that is closed is no error")
	}
}
