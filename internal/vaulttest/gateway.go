package vaulttest

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
)

// Request is what a gateway has passed on.
type Request struct {
	// Line is the method and the path, such as "GET /v1/kv/data/demo/db".
	Line string
	// Namespace and Token are the request's headers, empty where it has none.
	Namespace, Token string
}

// Gateway passes requests on to a Vault and remembers them. Every token that
// Vault gives out through it becomes a secret of the test's watch.
type Gateway struct {
	*httptest.Server
	watch   *canary.Watch
	proxy   *httputil.ReverseProxy
	mu      sync.Mutex
	passed  []Request
	mangle  Mangle
	delay   time.Duration
	running atomic.Int32
	most    atomic.Int32
}

// Mangle answers in the place of Vault, whose own answer it is given. It
// returns false to leave a request alone.
type Mangle func(w http.ResponseWriter, r *http.Request, real []byte) bool

// Before puts a gateway without encryption in front of a Vault.
func Before(t testing.TB, server *Server) *Gateway {
	t.Helper()
	g := newGateway(t, server)
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

// BeforeTLS puts a gateway in front of a Vault that ends TLS.
func BeforeTLS(t testing.TB, server *Server, config *tls.Config) *Gateway {
	t.Helper()
	g := newGateway(t, server)
	g.Server = httptest.NewUnstartedServer(g)
	g.TLS = config
	g.Config.ErrorLog = discard
	g.StartTLS()
	t.Cleanup(g.Close)
	return g
}

func newGateway(t testing.TB, server *Server) *Gateway {
	t.Helper()
	target, err := url.Parse(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gateway{watch: canary.Over(t)}
	g.proxy = &httputil.ReverseProxy{
		ErrorLog: discard, ModifyResponse: g.learn,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("X-Vault-Namespace") // only Vault Enterprise has namespaces
		},
	}
	return g
}

// ServeHTTP passes one request on.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := g.running.Add(1)
	defer g.running.Add(-1)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
	g.mu.Lock()
	g.passed = append(g.passed, Request{r.Method + " " + r.URL.Path, r.Header.Get("X-Vault-Namespace"), r.Header.Get("X-Vault-Token")})
	mangle, delay := g.mangle, g.delay
	g.mu.Unlock()
	time.Sleep(delay)
	if mangle == nil {
		g.proxy.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	g.proxy.ServeHTTP(answer, r)
	if mangle(w, r, answer.Body.Bytes()) {
		return
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// learn takes the token out of the answer to a login.
func (g *Gateway) learn(response *http.Response) error {
	if !strings.HasPrefix(response.Request.URL.Path, "/v1/auth/") {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	var login struct {
		Auth struct {
			Token string `json:"client_token"`
		} `json:"auth"`
	}
	if json.Unmarshal(body, &login) == nil && login.Auth.Token != "" {
		g.watch.Secret(login.Auth.Token)
	}
	return nil
}

// Set has requests mangled from now on; nil ends that.
func (g *Gateway) Set(mangle Mangle) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mangle = mangle
}

// Delay has every request wait before it is passed on.
func (g *Gateway) Delay(delay time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = delay
}

// Requests returns what was passed on.
func (g *Gateway) Requests() []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Request(nil), g.passed...)
}

// Forget empties the list of requests.
func (g *Gateway) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.passed = nil
	g.most.Store(0)
}

// Count returns how many requests began with a method and a path.
func (g *Gateway) Count(prefix string) int {
	found := 0
	for _, request := range g.Requests() {
		if strings.HasPrefix(request.Line, prefix) {
			found++
		}
	}
	return found
}

// Most returns how many requests ran at once.
func (g *Gateway) Most() int { return int(g.most.Load()) }

// discard takes what the standard library's servers complain of: broken
// handshakes and connections are what tests provoke.
var discard = log.New(io.Discard, "", 0)
