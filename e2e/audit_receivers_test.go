package e2e

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// receiver is a system that gets the trail, and that a test takes away.
type receiver interface {
	// start listens at the address of the time before.
	start()
	stop()
	// section is the sink's in plugin.yaml.
	section() string
	// last is the seq of the newest line that it has.
	last() uint64
	// got are all lines in the order of their arrival, in the form of same.
	got() []string
	// same is how it keeps a line of the trail.
	same(line string) string
}

// webhook is an HTTPS server that keeps what it gets in memory.
type webhook struct {
	t       *testing.T
	server  *httptest.Server
	address string
	caFile  string

	mu    sync.Mutex
	lines []string
	// between is called before a batch is taken.
	between func()
}

func newWebhook(t *testing.T) *webhook {
	t.Helper()
	w := &webhook{t: t, address: "127.0.0.1:0", caFile: filepath.Join(t.TempDir(), "ca.pem")}
	w.start()
	t.Cleanup(w.stop)
	must(t, os.WriteFile(w.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw}), 0o600))
	return w
}

func (w *webhook) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	w.mu.Lock()
	between := w.between
	w.mu.Unlock()
	if between != nil {
		between()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
	answer.WriteHeader(http.StatusNoContent)
}

// before sets what happens before each batch is taken.
func (w *webhook) before(between func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.between = between
}

func (w *webhook) start() {
	w.t.Helper()
	listener, err := net.Listen("tcp", w.address)
	must(w.t, err)
	w.address = listener.Addr().String()
	w.server = httptest.NewUnstartedServer(w)
	must(w.t, w.server.Listener.Close())
	w.server.Listener = listener
	w.server.StartTLS()
}

func (w *webhook) stop() {
	w.server.CloseClientConnections()
	w.server.Close()
}

func (w *webhook) section() string {
	return "{name: archive, webhook: https://" + w.address + "/audit, caFile: " + w.caFile + "}"
}

func (w *webhook) got() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.lines...)
}

func (w *webhook) last() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.lines) == 0 {
		return 0
	}
	return seqOf(w.t, w.lines[len(w.lines)-1])
}

func (w *webhook) same(line string) string { return line }

// rsyslog is a server as the guide sets it up, which keeps the lines of a replica
// as they are, in a file.
type rsyslog struct {
	t                            *testing.T
	server                       *harness.RsyslogReceiver
	dir, port, certFile, keyFile string
}

// newRsyslog starts a server. Both sides have the certificate of httptest, which
// is its own authority.
func newRsyslog(t *testing.T) *rsyslog {
	t.Helper()
	harness.Need(t, harness.Rsyslog)
	dir := t.TempDir()
	r := &rsyslog{t: t, dir: dir, port: "0", certFile: filepath.Join(dir, "tls.crt"), keyFile: filepath.Join(dir, "tls.key")}
	own := httptest.NewTLSServer(http.NotFoundHandler())
	own.Close()
	pair := own.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	must(t, err)
	must(t, os.WriteFile(r.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), 0o600))
	must(t, os.WriteFile(r.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	r.start()
	t.Cleanup(r.stop)
	return r
}

// settings are those of the guide, but for places.
func (r *rsyslog) settings() string {
	r.t.Helper()
	guide, err := os.ReadFile("../docs/audit-sinks.md")
	must(r.t, err)
	block := regexp.MustCompile("(?s)```\n(global.*?)```").FindStringSubmatch(string(guide))
	if block == nil {
		r.t.Fatal("the guide has no settings of rsyslog")
	}
	settings := block[1]
	for from, to := range map[string]string{
		"/etc/rsyslog.d/tls/ca.pem": r.certFile, "/etc/rsyslog.d/tls/tls.crt": r.certFile, "/etc/rsyslog.d/tls/tls.key": r.keyFile,
		"argocd-seal.example.com": "example.com", "/var/log/argocd-seal": r.dir,
		`port="6514"`: fmt.Sprintf(`address="127.0.0.1" port="%s" listenPortFileName="%s/port"`, r.port, r.dir),
	} {
		if !strings.Contains(settings, from) {
			r.t.Fatalf("the guide's settings of rsyslog do not have %s", from)
		}
		settings = strings.ReplaceAll(settings, from, to)
	}
	return settings + "global(workDirectory=\"" + r.dir + "\")\n"
}

func (r *rsyslog) start() {
	r.t.Helper()
	server, err := harness.StartRsyslog(r.t.Context(), r.dir, r.settings())
	must(r.t, err)
	r.server = server
	_, r.port, err = net.SplitHostPort(server.Address)
	must(r.t, err)
}

func (r *rsyslog) stop() { _ = r.server.Stop() }

func (r *rsyslog) section() string {
	return "{name: syslog, syslog: \"" + r.server.Address + "\", caFile: " + r.certFile + ", clientCertFile: " + r.certFile + ", clientKeyFile: " + r.keyFile + "}"
}

// raw is the file of the replica that [sending] is.
func (r *rsyslog) raw() string { return filepath.Join(r.dir, "repo-server-0.jsonl") }

func (r *rsyslog) last() uint64 { return lastSeq(r.t, r.raw()) }

func (r *rsyslog) got() []string { return linesOf(r.t, r.raw()) }

func (r *rsyslog) same(line string) string { return line }

func linesOf(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
}

// fluent keeps the fields of lines, in a file.
type fluent struct {
	t             *testing.T
	server        *harness.FluentReceiver
	address, file string
}

func newFluent(t *testing.T) *fluent {
	t.Helper()
	harness.Need(t, harness.FluentForward)
	f := &fluent{t: t, address: "127.0.0.1:0", file: filepath.Join(t.TempDir(), "received")}
	f.start()
	t.Cleanup(f.stop)
	return f
}

func (f *fluent) start() {
	f.t.Helper()
	server, err := harness.StartFluent(f.t.Context(), f.address, f.file)
	must(f.t, err)
	f.server, f.address = server, server.Address
}

func (f *fluent) stop() { _ = f.server.Stop() }

func (f *fluent) section() string {
	return "{name: fluent, fluent: \"" + f.address + "\", insecure: true}"
}

func (f *fluent) last() uint64 { return lastSeq(f.t, f.file) }

func (f *fluent) got() []string {
	f.t.Helper()
	var lines []string
	for _, line := range linesOf(f.t, f.file) {
		var entry struct{ Record map[string]any }
		decode(f.t, line, &entry)
		delete(entry.Record, "fluent.tag")
		lines = append(lines, encode(f.t, entry.Record))
	}
	return lines
}

// same is the line with its fields sorted.
func (f *fluent) same(line string) string {
	f.t.Helper()
	var fields map[string]any
	decode(f.t, line, &fields)
	return encode(f.t, fields)
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%.300q: %v", text, err)
	}
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	return string(text)
}

// wantLines asserts what at-least-once and order mean: every line from the first
// to the trail's last is there as it is, none before one that is lower, and what
// comes again begins with a line that was there and goes on from it. It returns
// how many came again. The trail may lack lines that it has deleted.
func wantLines(t *testing.T, to receiver, trail []string) (again int) {
	t.Helper()
	first := seqOf(t, trail[0])
	end := first + uint64(len(trail))
	next, previous := uint64(1), uint64(0)
	for i, line := range to.got() {
		seq := seqOf(t, line)
		switch {
		case seq > next || seq == 0:
			t.Fatalf("%T: line %d comes where %d is due", to, seq, next)
		case seq < next && seq > previous && seq != previous+1:
			t.Fatalf("%T: what comes again jumps from line %d to %d", to, previous, seq)
		case seq == next:
			next++
		default:
			again++
		}
		if seq >= end || seq >= first && to.same(trail[seq-first]) != line {
			t.Fatalf("%T: receipt %d is not line %d of the trail: %s", to, i, seq, line)
		}
		previous = seq
	}
	if next != end {
		t.Fatalf("%T: the lines end with %d, and the trail with %d", to, next-1, end-1)
	}
	return again
}

// waitFor waits until all receivers have the trail's last line.
func waitFor(t *testing.T, place *audited, receivers ...receiver) {
	t.Helper()
	for _, to := range receivers {
		eventually(t, "the receiver has all lines", func() bool {
			time.Sleep(50 * time.Millisecond)
			return to.last() >= place.last()
		})
	}
}
