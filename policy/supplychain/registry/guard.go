package registry

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
)

const (
	maxCA        = 4 << 20
	maxHeader    = 64 << 10
	maxRedirects = 3
	dialTimeout  = 5 * time.Second
)

var (
	errPlain     = errors.New("plain http to another machine")
	errElsewhere = errors.New("a host that is not listed")
	errTooMuch   = errors.New("more bytes than are taken")
	errRedirects = errors.New("too many redirects")
)

// guard is how a registry is reached: so many requests at a time, no host but its
// own, and no answer larger than the limit. An answer is read whole before the
// next request gets its turn, so that none holds a place while it asks for more.
type guard struct {
	next  http.RoundTripper
	hosts []string
	limit int64
	turns chan struct{}
}

func newGuard(r Registry, limit int64) (*guard, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.CAFile != "" {
		pem, err := bounded.ReadFile(r.CAFile, maxCA)
		trust.RootCAs = x509.NewCertPool()
		if err != nil || !trust.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Config, "the file cannot be read or holds no certificate in PEM").In(r.CAFile, 0).At("", "images.registries["+r.Host+"].caFile")
		}
	}
	hosts := append([]string{r.Host}, r.Also...)
	if r.Host == "docker.io" {
		hosts = append(hosts, "registry-1.docker.io", "auth.docker.io")
	}
	return &guard{
		hosts: hosts, limit: limit, turns: make(chan struct{}, AtOnce),
		next: &http.Transport{
			TLSClientConfig: trust, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: maxHeader,
			DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext, TLSHandshakeTimeout: dialTimeout,
			MaxIdleConnsPerHost: AtOnce, IdleConnTimeout: time.Minute,
			// Compressed answers would count by what is sent and not by what they become.
			DisableCompression: true,
		},
	}, nil
}

// RoundTrip sends a request when it is its turn.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.allowed(req); err != nil {
		return nil, errors.Join(err, closed(req))
	}
	if err := g.wait(req.Context()); err != nil {
		return nil, errors.Join(err, closed(req))
	}
	defer func() { <-g.turns }()
	answer, err := g.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, g.limit+1))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return nil, err
	}
	if int64(len(body)) > g.limit {
		return nil, errTooMuch
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

func (g *guard) allowed(req *http.Request) error {
	switch {
	case !slices.Contains(g.hosts, req.URL.Host):
		return errElsewhere
	case req.URL.Scheme != "https" && !loopback.Host(req.URL.Host):
		return errPlain
	default:
		return nil
	}
}

func (g *guard) wait(ctx context.Context) error {
	select {
	case g.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func closed(req *http.Request) error {
	if req.Body == nil {
		return nil
	}
	return req.Body.Close()
}

// redirect leaves the decision whether a host may be asked to the guard, and
// takes no credentials along.
func redirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errRedirects
	}
	if req.URL.Host != via[0].URL.Host {
		req.Header.Del("Authorization")
		req.Header.Del("Cookie")
	}
	return nil
}
