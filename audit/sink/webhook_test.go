package sink_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
)

// collector is a real HTTPS server. A test may come between with an answer of its
// own; what passes is received and acknowledged.
type collector struct {
	*receipts
	server   *httptest.Server
	between  func(w http.ResponseWriter, r *http.Request, body []byte) (passed bool)
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newCollector(t *testing.T, settings *tls.Config, between func(http.ResponseWriter, *http.Request, []byte) bool) *collector {
	t.Helper()
	c := &collector{receipts: newReceipts(), between: between}
	c.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.requests, c.bodies = append(c.requests, r), append(c.bodies, string(body))
		c.mu.Unlock()
		if c.between != nil && !c.between(w, r, body) {
			return
		}
		w.WriteHeader(http.StatusNoContent)
		c.add(seqsIn(t, string(body))...)
	}))
	c.server.Config.ErrorLog = nil
	if settings == nil {
		c.server.Start()
	} else {
		c.server.TLS = settings
		c.server.StartTLS()
	}
	t.Cleanup(c.server.Close)
	return c
}

func (c *collector) seen() ([]*http.Request, []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*http.Request(nil), c.requests...), append([]string(nil), c.bodies...)
}

// quick is a configuration that does not wait for more lines.
func quick(config sink.Config) sink.Config {
	config.Name = "archive"
	config.Linger = time.Nanosecond
	return config
}

func TestWebhookSendsWhatTheTrailHas(t *testing.T) {
	ca := newAuthority(t)
	receiver := newCollector(t, ca.server(true), nil)
	cert, key := ca.issue("plugin")
	source := newSpool(3)
	runner := start(t, quick(sink.Config{
		Webhook: receiver.server.URL + "/audit", CAFile: ca.file, ClientCertFile: cert, ClientKeyFile: key, TokenFile: secretFile(t, "letmein-123"),
	}), source, sink.Options{})
	runner.waitDelivered(t, 3)

	requests, bodies := receiver.seen()
	if len(requests) != 1 {
		t.Fatalf("three lines came in %d requests", len(requests))
	}
	want := string(bytes.Join([][]byte{lineAt(1).JSON, lineAt(2).JSON, lineAt(3).JSON, nil}, []byte("\n")))
	if diff := cmp.Diff(want, bodies[0]); diff != "" {
		t.Errorf("the body is not the lines of the trail (-want +got):\n%s", diff)
	}
	header := requests[0].Header
	for name, want := range map[string]string{
		"Authorization": "Bearer letmein-123", "Content-Type": "application/x-ndjson",
		"X-Audit-Instance": "repo-server-0", "X-Audit-First-Seq": "1", "X-Audit-Last-Seq": "3",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if requests[0].Method != http.MethodPost || requests[0].URL.Path != "/audit" || len(header.Get("Idempotency-Key")) != 32 {
		t.Errorf("%s %s with key %q", requests[0].Method, requests[0].URL, header.Get("Idempotency-Key"))
	}

	source.append(1)
	runner.waitDelivered(t, 4)
	requests, _ = receiver.seen()
	if requests[1].Header.Get("Idempotency-Key") == header.Get("Idempotency-Key") {
		t.Error("two batches have one Idempotency-Key")
	}
	if requests[1].RemoteAddr != requests[0].RemoteAddr {
		t.Error("the second batch has a connection of its own")
	}
}

func TestWebhookJSONAndPassword(t *testing.T) {
	receiver := newCollector(t, nil, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		if user, password, _ := r.BasicAuth(); user != "seal" || password != "a password" {
			t.Errorf("the user is %q", user)
		}
		w.WriteHeader(http.StatusOK)
		return false
	})
	runner := start(t, quick(sink.Config{
		Webhook: receiver.server.URL, Insecure: true, Format: "json", Username: "seal", PasswordFile: secretFile(t, "a password"),
	}), newSpool(2), sink.Options{})
	runner.waitDelivered(t, 2)
	_, bodies := receiver.seen()
	want := "[" + string(lineAt(1).JSON) + ",\n" + string(lineAt(2).JSON) + "]\n"
	if diff := cmp.Diff(want, bodies[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Everything but a whole answer of 2xx means that the lines are sent again, the
// same ones with the same key.
func TestWebhookFaults(t *testing.T) {
	resetHTTP := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		reset(conn)
	}
	answer := func(status int) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status) }
	}
	for name, tc := range map[string]struct {
		fault  func(http.ResponseWriter)
		reason sink.Reason
	}{
		"500":       {answer(500), sink.Answer},
		"503":       {answer(503), sink.Answer},
		"429":       {answer(429), sink.Answer},
		"408":       {answer(408), sink.Answer},
		"404":       {answer(404), sink.Answer},
		"401":       {answer(401), sink.Credential},
		"400":       {answer(400), sink.Refused},
		"413":       {answer(413), sink.Refused},
		"no change": {answer(304), sink.Answer},
		"reset":     {resetHTTP, sink.Closed},
		"slow":      {func(http.ResponseWriter) { time.Sleep(600 * time.Millisecond) }, sink.Timeout},
		"half answer": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("half"))
			w.(http.Flusher).Flush()
			resetHTTP(w)
		}, sink.Closed},
	} {
		t.Run(name, func(t *testing.T) {
			ca := newAuthority(t)
			var faults atomic.Int32
			receiver := newCollector(t, ca.server(false), func(w http.ResponseWriter, r *http.Request, body []byte) bool {
				if faults.Add(1) > 2 {
					return true
				}
				tc.fault(w)
				return false
			})
			config := quick(sink.Config{Webhook: receiver.server.URL, CAFile: ca.file, Batch: 1, Timeout: 300 * time.Millisecond})
			runner := start(t, config, newSpool(3), sink.Options{})
			runner.waitUntil(t, func(s sink.Status) bool { return s.Failures > 0 || s.Delivered > 0 })
			if status := runner.Status(); status.Delivered > 0 {
				t.Fatalf("delivered %d at once", status.Delivered)
			}
			runner.waitDelivered(t, 3)
			wantAll(t, receiver.all(), 1, 3, 1)
			requests, bodies := receiver.seen()
			if bodies[0] != bodies[1] || requests[0].Header.Get("Idempotency-Key") != requests[1].Header.Get("Idempotency-Key") {
				t.Error("what is sent again is not the same")
			}
			if got := runner.log.String(); !strings.Contains(got, `"reason":"`+string(tc.reason)+`"`) || !strings.Contains(got, "E_AUDIT_SINK") {
				t.Errorf("the log does not say %s:\n%s", tc.reason, got)
			}
			if status := runner.Status(); status.Failing != "" || status.Failures < 2 || status.Behind != 0 {
				t.Errorf("in the end: %+v", status)
			}
		})
	}
}

func TestWebhookFollowsNoRedirect(t *testing.T) {
	elsewhere := newCollector(t, nil, nil)
	var target string
	receiver := newCollector(t, nil, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		return false
	})
	target = elsewhere.server.URL
	runner := start(t, quick(sink.Config{Webhook: receiver.server.URL, Insecure: true, TokenFile: secretFile(t, "letmein-123")}), newSpool(1), sink.Options{})
	runner.waitUntil(t, func(s sink.Status) bool { return s.Failures > 1 })
	if requests, _ := elsewhere.seen(); len(requests) > 0 {
		t.Error("the trail went to where the receiver pointed")
	}
	if runner.Delivered() != 0 {
		t.Error("a redirect counts as delivered")
	}
}

// A receiver that takes neither large batches nor one certain line.
func TestRefusedBatchIsHalved(t *testing.T) {
	const poison = 37
	receiver := newCollector(t, nil, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		if bytes.Count(body, []byte("\n")) > 8 || bytes.Contains(body, []byte(`"seq":37,`)) {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return false
		}
		return true
	})
	runner := start(t, quick(sink.Config{Webhook: receiver.server.URL, Insecure: true, Batch: 64}), newSpool(100), sink.Options{})
	named := regexp.MustCompile(`"from":37,.*"reason":"refused",.*"to":37}`)
	runner.waitUntil(t, func(s sink.Status) bool {
		return s.Delivered == poison-1 && named.MatchString(runner.log.String())
	})
	wantAll(t, receiver.all(), 1, poison-1, 8)
}

func TestRetryAfter(t *testing.T) {
	var calls atomic.Int32
	var first, second time.Time
	receiver := newCollector(t, nil, func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		if calls.Add(1) == 1 {
			first = time.Now()
			w.Header().Set("Retry-After", "2")
			w.WriteHeader(http.StatusTooManyRequests)
			return false
		}
		second = time.Now()
		return true
	})
	runner := start(t, quick(sink.Config{Webhook: receiver.server.URL, Insecure: true}), newSpool(1), sink.Options{})
	runner.waitDelivered(t, 1)
	if waited := second.Sub(first); waited < 2*time.Second {
		t.Errorf("asked to wait 2 s, waited %s", waited)
	}
}
