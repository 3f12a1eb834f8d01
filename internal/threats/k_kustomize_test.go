package threats

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
)

// listener counts whoever connects.
func listener(t testing.TB) (address string, hits *atomic.Int64) {
	t.Helper()
	hits = &atomic.Int64{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a: b\n")) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			hits.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), hits
}

// A remote reference with options for git must not run git: GHSA-9v9p-x54c-58gc.
func TestK1RemoteRefRunsNothing(t *testing.T) {
	row(t)
	s := start(t, settings{})
	mark := s.file("mark")
	remote := "file:///tmp/norepo?ref=--upload-pack=%73%68%20-c%20%22touch%20" + mark + "%22"
	for _, field := range []string{
		"resources: ['" + remote + "']", "components: ['" + remote + "']", "bases: ['" + remote + "']", "generators: ['" + remote + "']",
		"transformers: ['" + remote + "']", "validators: ['" + remote + "']",
		"resources: ['file:///tmp/norepo?version=--upload-pack=sh']",
	} {
		s.refused(t, s.ask(t, files{"app/kustomization.yaml": field + "\n"}), "E_REMOTE_REF")
	}
	if _, err := os.Stat(mark); !os.IsNotExist(err) {
		t.Errorf("a command has run: %v", err)
	}
}
