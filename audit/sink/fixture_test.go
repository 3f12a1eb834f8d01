package sink_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
)

// spool is a trail in memory. A test appends to it, and drops its beginning as
// retention does.
type spool struct {
	mu      sync.Mutex
	lines   []audit.Line
	last    uint64
	changed chan struct{}
}

func newSpool(count int) *spool {
	s := &spool{changed: make(chan struct{})}
	s.append(count)
	return s
}

// lineAt is what the trail has at a seq.
func lineAt(seq uint64) audit.Line {
	at := time.Unix(1_700_000_000+int64(seq), 123_456_000).UTC()
	outcome := "OK"
	if seq%10 == 0 {
		outcome = "E_POLICY"
	}
	event, err := json.Marshal(audit.Event{
		Version: audit.Version, Time: at, Type: audit.Render, Instance: "repo-server-0",
		App: "shop", Project: "retail", Outcome: outcome, Milliseconds: map[string]float64{"total": 12.5},
	})
	if err != nil {
		panic(err)
	}
	return audit.Line{Seq: seq, Time: at, JSON: fmt.Appendf(nil, `{"seq":%d,%s`, seq, event[1:])}
}

func (s *spool) append(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range count {
		s.last++
		s.lines = append(s.lines, lineAt(s.last))
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *spool) Last() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *spool) Read(ctx context.Context, after uint64, limit int) ([]audit.Line, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		var found []audit.Line
		if len(s.lines) > 0 && s.last > after {
			from := 0
			if first := s.lines[0].Seq; after >= first {
				from = int(after - first + 1)
			}
			found = append(found, s.lines[from:min(from+limit, len(s.lines))]...)
		}
		s.mu.Unlock()
		if len(found) > 0 {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}

// receipts are the seqs that a receiver got, in the order in which it got them.
type receipts struct {
	mu      sync.Mutex
	seqs    []uint64
	changed chan struct{}
}

func newReceipts() *receipts { return &receipts{changed: make(chan struct{})} }

func (r *receipts) add(seqs ...uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seqs = append(r.seqs, seqs...)
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *receipts) all() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]uint64(nil), r.seqs...)
}

// patience is how long a test waits for something that must happen.
const patience = 2 * time.Minute

// wantAll asserts what at-least-once and order mean: each seq from first to last
// arrives, never before one that is lower, and what comes again is never more than
// the last batch.
func wantAll(t *testing.T, got []uint64, first, last uint64, batch int) (again int) {
	t.Helper()
	next := first
	for i, seq := range got {
		switch {
		case seq == next:
			next++
		case seq > next:
			t.Fatalf("receipt %d is line %d, line %d is missing", i, seq, next)
		case i > 0 && seq <= got[i-1] && got[i-1]-seq >= uint64(batch):
			t.Fatalf("receipt %d goes back from line %d to %d, further than a batch", i, got[i-1], seq)
		default:
			again++
			if i > 0 && seq > got[i-1] && seq != got[i-1]+1 {
				t.Fatalf("receipt %d jumps from line %d to %d", i, got[i-1], seq)
			}
		}
	}
	if next != last+1 {
		t.Fatalf("%d receipts end at line %d, want %d", len(got), next-1, last)
	}
	return again
}

// seqsIn returns the seqs of lines of JSON, in their order.
func seqsIn(t *testing.T, text string) []uint64 {
	var seqs []uint64
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		seqs = append(seqs, seqOf(t, []byte(line)))
	}
	return seqs
}

func seqOf(t *testing.T, line []byte) uint64 {
	var event struct {
		Seq uint64 `json:"seq"`
	}
	if err := json.Unmarshal(line, &event); err != nil || event.Seq == 0 {
		t.Errorf("%q is no line of the trail (%v)", line, err)
	}
	return event.Seq
}

// logged is a log that tests read.
type logged struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

func newLog(level logrus.Level) (*logrus.Logger, *logged) {
	output := &logged{}
	log := logrus.New()
	log.SetOutput(output)
	log.SetFormatter(&logrus.JSONFormatter{})
	log.SetLevel(level)
	return log, output
}

// running is a runner that runs.
type running struct {
	*sink.Runner
	log  *logged
	stop func()
}

// start runs a sink until the test ends or stops it.
func start(t *testing.T, config sink.Config, source sink.Source, options sink.Options) *running {
	t.Helper()
	if problems := config.Problems(); problems != nil {
		t.Fatalf("the configuration cannot work: %v", problems)
	}
	output := &logged{}
	if options.Log == nil {
		options.Log, output = newLog(logrus.WarnLevel)
	}
	if options.Dir == "" {
		options.Dir = t.TempDir()
	}
	if options.Instance == "" {
		options.Instance = "repo-server-0"
	}
	runner, err := sink.New(config, source, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		runner.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return &running{runner, output, stop}
}

// waitDelivered waits until the receiver has acknowledged up to seq.
func (r *running) waitDelivered(t *testing.T, seq uint64) {
	t.Helper()
	r.waitUntil(t, func(s sink.Status) bool { return s.Delivered >= seq })
}

func (r *running) waitUntil(t *testing.T, reached func(sink.Status) bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !reached(r.Status()) {
		if time.Now().After(deadline) {
			t.Fatalf("not reached: %+v\n%s", r.Status(), r.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// authority signs certificates for one test.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	// file holds the authority's certificate.
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.certificate, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.file = filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, a.file, "CERTIFICATE", a.certificate.Raw)
	return a
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		a.t.Fatal(err)
	}
	return certificate, key
}

// issue writes a certificate for a name and 127.0.0.1, with its key.
func (a *authority) issue(name string) (certFile, keyFile string) {
	a.t.Helper()
	certificate, key := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	writePEM(a.t, certFile, "CERTIFICATE", certificate.Raw)
	writePEM(a.t, keyFile, "PRIVATE KEY", encoded)
	return certFile, keyFile
}

// server returns what a server needs; with mutual it takes only clients of the
// same authority.
func (a *authority) server(mutual bool) *tls.Config {
	a.t.Helper()
	pair, err := tls.LoadX509KeyPair(a.issue("receiver.test"))
	if err != nil {
		a.t.Fatal(err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if mutual {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AddCert(a.certificate)
	}
	return config
}

func writePEM(t *testing.T, name, kind string, content []byte) {
	t.Helper()
	write(t, name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})))
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// secretFile writes a token, password or key with a line feed at its end, as
// editors leave it.
func secretFile(t *testing.T, secret string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	write(t, file, secret+"\n")
	return file
}
