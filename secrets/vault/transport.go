package vault

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// newHTTPClient builds the connection pool that all roles share: no proxy, no
// redirects, bounded answers.
func newHTTPClient(config Config) (*http.Client, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: config.ServerName}
	if config.CACert != "" {
		content, err := os.ReadFile(config.CACert)
		if err != nil {
			return nil, fault.New(fault.Config, "the CA certificate cannot be read").In(config.CACert, 0)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(content) {
			return nil, fault.New(fault.Config, "there is no PEM certificate").In(config.CACert, 0)
		}
	}
	if config.ClientCert != "" {
		if _, err := tls.LoadX509KeyPair(config.ClientCert, config.ClientKey); err != nil {
			return nil, fault.New(fault.Config, "client certificate and key cannot be read, or do not belong together").In(config.ClientCert, 0)
		}
		settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(config.ClientCert, config.ClientKey)
			return &pair, err
		}
	}
	const connections = 16
	return &http.Client{
		Transport: bounded{&http.Transport{
			TLSClientConfig: settings, ForceAttemptHTTP2: true, TLSHandshakeTimeout: config.Timeout,
			MaxIdleConns: connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: 90 * time.Second,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       config.Timeout,
	}, nil
}

// bounded reads an answer whole and cuts it off at a limit: upstream reads the
// body of an error without one, and its WriteRaw cancels the request before its
// caller can read.
type bounded struct{ next http.RoundTripper }

// errCutOff means that there was the beginning of an answer.
var errCutOff = errors.New("the answer ended early")

func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		clear(content)
		return nil, errCutOff
	}
	response.Body = io.NopCloser(bytes.NewReader(content))
	return response, nil
}

// newAPI returns a client of Vault's API for one namespace. Upstream's
// constructor takes token, namespace and headers from the environment whatever
// it is given, and its requests take wrapping from there (NewClient and
// DefaultWrappingLookupFunc of vault/api v1.23.0), so all four are set again.
func newAPI(config Config, namespace string, pool *http.Client) (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address: config.Address, HttpClient: pool, Timeout: config.Timeout, DisableRedirects: true,
		MinRetryWait: time.Millisecond, MaxRetryWait: time.Millisecond, MaxRetries: 0,
	})
	if err != nil {
		return nil, fault.New(fault.Config, "the Vault client cannot be built").
			WithFix("take the variables that begin with VAULT_ out of the sidecar's environment")
	}
	client.SetToken("")
	client.SetHeaders(http.Header{"X-Vault-Request": []string{"true"}})
	client.SetWrappingLookupFunc(func(_, _ string) string { return "" })
	if namespace != "" {
		client.SetNamespace(namespace)
	}
	return client, nil
}
