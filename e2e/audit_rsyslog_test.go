package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

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
	block := regexp.MustCompile("(?s)```text\n(global.*?)```").FindStringSubmatch(string(guide))
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
	return "{name: syslog, syslog: \"" + r.server.Address + "\", caFile: " + r.certFile + ", clientCertFile: " + r.certFile + ", clientKeyFile: " + r.keyFile + ", linger: 100ms}"
}

// raw is the file of the replica that [sending] is.
func (r *rsyslog) raw() string { return filepath.Join(r.dir, "repo-server-0.jsonl") }

func (r *rsyslog) last() uint64 { return lastSeq(r.t, r.raw()) }

func (r *rsyslog) got() []string { return linesOf(r.t, r.raw()) }

func (r *rsyslog) same(line string) string { return line }
