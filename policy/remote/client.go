package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
)

const (
	// maxCredential bounds a file with a password or token, maxCA one with
	// authorities.
	maxCredential = 64 << 10
	maxCA         = 4 << 20
	maxRedirects  = 5
	maxHeader     = 64 << 10
)

var (
	errPlain    = errors.New("the server sends us to plain http")
	errRedirect = errors.New("the server sends us to another host")
	errTooMuch  = errors.New("the server sends more than is taken")
)

// client returns an HTTP client for one fetch, in which the server may send so
// many bytes in all. The caller closes it.
func (s Source) client(bytes int64) (*http.Client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pem, err := bounded.ReadFile(s.CAFile, maxCA)
		if err != nil {
			return nil, unreadable("caFile", s.CAFile)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, unreadable("caFile", s.CAFile)
		}
	}
	g := &guard{next: &http.Transport{
		TLSClientConfig: trust, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: maxHeader,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
		// Compressed answers would count by what is sent and not by what they become.
		DisableCompression: true,
	}}
	g.left.Store(bytes)
	return &http.Client{Transport: g, CheckRedirect: s.redirect}, nil
}

// redirect lets a registry send us to its storage, without credentials, and a
// Git server nowhere: go-git would take the new host for the repository's own.
func (s Source) redirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case len(via) > maxRedirects:
		return errors.New("the server redirects too often")
	case first.URL.Scheme == "https" && req.URL.Scheme != "https":
		return errPlain
	case strings.EqualFold(first.URL.Host, req.URL.Host):
		return nil
	case s.Git != "", req.Method != http.MethodGet && req.Method != http.MethodHead:
		return errRedirect
	}
	req.Header.Del("Authorization")
	req.Header.Del("Cookie")
	return nil
}

// guard refuses plain http to other machines, whoever asks for it, and counts
// what the answers bring.
type guard struct {
	next *http.Transport
	left atomic.Int64
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !loopback.Host(req.URL.Hostname()) {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, errPlain
	}
	answer, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	answer.Body = &counted{ReadCloser: answer.Body, guard: g}
	return answer, nil
}

// CloseIdleConnections ends the connections that wait for a next request.
func (g *guard) CloseIdleConnections() { g.next.CloseIdleConnections() }

type counted struct {
	io.ReadCloser
	guard *guard
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.guard.left.Add(-int64(n)) < 0 {
		return 0, errTooMuch
	}
	return n, err
}

// credentials are what one fetch logs in with.
type credentials struct{ username, password, token string }

func (s Source) credentials() (credentials, error) {
	c := credentials{username: s.Username}
	for _, file := range []struct {
		field, name string
		into        *string
	}{{"passwordFile", s.PasswordFile, &c.password}, {"tokenFile", s.TokenFile, &c.token}} {
		if file.name == "" {
			continue
		}
		content, err := bounded.ReadFile(file.name, maxCredential)
		if err != nil {
			return credentials{}, unreadable(file.field, file.name)
		}
		if *file.into = strings.TrimSpace(string(content)); *file.into == "" {
			return credentials{}, unreadable(file.field, file.name)
		}
	}
	return c, nil
}

// backend is where a source lies.
type backend interface {
	// resolve returns the digest or commit that the tag or branch names now.
	resolve(ctx context.Context) (string, error)
	// fetch returns the files of a digest or commit, by their path in the bundle.
	fetch(ctx context.Context, digest string) (map[string][]byte, error)
}
