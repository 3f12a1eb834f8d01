package e2e

import (
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// webhook is an HTTPS server that keeps what it gets in memory.
type webhook struct {
	t       *testing.T
	server  *httptest.Server
	address string
	caFile  string

	mu    sync.Mutex
	lines []string
	// before is called before a batch is taken, and after before that is answered.
	before, after func()
}

func newWebhook(t *testing.T) *webhook {
	t.Helper()
	w := &webhook{t: t, address: "127.0.0.1:0", caFile: filepath.Join(t.TempDir(), "ca.pem")}
	w.behave(nil, nil)
	w.start()
	t.Cleanup(func() { w.stop() })
	must(t, os.WriteFile(w.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw}), 0o600))
	return w
}

func (w *webhook) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	w.mu.Lock()
	before, after := w.before, w.after
	w.mu.Unlock()
	before()
	w.mu.Lock()
	w.lines = append(w.lines, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
	w.mu.Unlock()
	after()
	answer.WriteHeader(http.StatusNoContent)
}

// behave sets what happens before each batch is taken and before it is answered;
// nil is nothing.
func (w *webhook) behave(before, after func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = func() {}, func() {}
	if before != nil {
		w.before = before
	}
	if after != nil {
		w.after = after
	}
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
	return "{name: archive, webhook: https://" + w.address + "/audit, caFile: " + w.caFile + ", linger: 100ms}"
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
