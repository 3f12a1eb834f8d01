package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Health is what Vault says of itself to anybody.
type Health struct {
	// Status is that of the answer; Vault has one for each state.
	Status  int
	Version string
	// Initialized, Sealed and Standby are Vault's words. Recovery is a secondary
	// for disaster recovery, which answers no reads.
	Initialized, Sealed, Standby, Recovery bool
	// Ahead is how far Vault's clock is ahead of ours, to a second; it counts where
	// Dated is set.
	Ahead time.Duration
	Dated bool
	// Expires is the end of the server's certificate; zero without TLS.
	Expires time.Time
}

// Health asks Vault how it is, once, without a token and for at most the
// configured timeout. It fails with E_VAULT where nothing answers, and says in
// words of its own why: who asks is the platform team.
func (c *Client) Health(ctx context.Context) (Health, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	// Only the root namespace has this path.
	client, err := newAPI(c.config, "", c.pool)
	if err != nil {
		return Health{}, err
	}
	began := time.Now()
	response, err := client.Logical().ReadRawWithContext(ctx, "sys/health")
	if response == nil || response.Response == nil {
		return Health{}, unreachable(err, c.config.Timeout)
	}
	defer func() { _ = response.Body.Close() }()
	ended := time.Now()
	var said struct {
		Initialized bool   `json:"initialized"`
		Sealed      bool   `json:"sealed"`
		Standby     bool   `json:"standby"`
		Version     string `json:"version"`
		Mode        string `json:"replication_dr_mode"`
	}
	if json.NewDecoder(response.Body).Decode(&said) != nil || said.Version == "" {
		return Health{}, garbled()
	}
	health := Health{
		Status: response.StatusCode, Version: fault.Clean(said.Version, 40),
		Initialized: said.Initialized, Sealed: said.Sealed, Standby: said.Standby, Recovery: said.Mode == "secondary",
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		// The header has whole seconds: its moment lies half a second later on average.
		health.Ahead = date.Add(time.Second / 2).Sub(began.Add(ended.Sub(began) / 2)).Round(time.Second)
		health.Dated = true
	}
	if response.TLS != nil && len(response.TLS.PeerCertificates) > 0 {
		health.Expires = response.TLS.PeerCertificates[0].NotAfter
	}
	return health, nil
}

// unreachable says why there was no answer. The text of the error is not shown:
// it holds what certificates and proxies say.
func unreachable(err error, patience time.Duration) error {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		alert     tls.AlertError
		header    tls.RecordHeaderError
		lookup    *net.DNSError
		timeout   interface{ Timeout() bool }
	)
	failed := func(fix, format string, args ...any) error {
		return fault.New(fault.Vault, format, args...).WithFix("%s", fix)
	}
	switch {
	case errors.As(err, &authority):
		return failed("set vault.caFile to a PEM file with the authority that signed it", "Vault's certificate is not signed by an authority that is trusted")
	case errors.As(err, &name):
		return failed("set vault.serverName to a name that the certificate has, or vault.address to one", "Vault's certificate is for another name")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failed("renew the certificate of Vault's listener, or correct this clock", "Vault's certificate is expired or not valid yet")
	case errors.As(err, &verify):
		return failed("renew the certificate of Vault's listener", "Vault's certificate is not valid")
	case errors.As(err, &header), errors.Is(err, http.ErrSchemeMismatch):
		return failed("give Vault's listener a certificate, or set vault.address to its port for TLS", "what answers at vault.address does not speak TLS")
	case errors.As(err, &alert):
		return failed("set vault.clientCertFile and vault.clientKeyFile to a certificate that Vault's listener takes", "Vault refuses our certificate or our version of TLS")
	case errors.As(err, &lookup):
		return failed("correct the host in vault.address, or look at the DNS of this host", "the name of vault.address cannot be resolved")
	case errors.Is(err, syscall.ECONNREFUSED):
		return failed("start Vault, or correct the port in vault.address", "nothing listens at vault.address")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failed("look whether a firewall or a NetworkPolicy drops the packets, and whether Vault hangs: curl -sv VAULT/v1/sys/health",
			"Vault did not answer within %v", patience)
	case errors.Is(err, errCutOff), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return failed("look at Vault's own log, and at what stands between this host and Vault", "the connection to Vault ended before its answer")
	}
	return failed("look whether this host reaches vault.address: curl -sv VAULT/v1/sys/health", "Vault cannot be reached")
}

// TokenState is what Vault says of a role's token. The token is not in it.
type TokenState struct {
	// Policies are those of the token and of its entity, by name.
	Policies []string
	// Type is service or batch.
	Type string
	// TTL is how long it lives from now on; 0 means without end.
	TTL       time.Duration
	Renewable bool
	// Uses is after how many uses it ends; 0 means that uses do not count.
	Uses int
}

// Token logs a role in where it has no token, and asks Vault about the token. It
// fails with E_CONFIG where the token may not be asked about.
func (c *Client) Token(ctx context.Context, role string) (TokenState, error) {
	s, err := c.session(role)
	if err != nil {
		return TokenState{}, err
	}
	got, err := s.get(ctx, "auth/token/lookup-self", nil)
	if err != nil {
		return TokenState{}, err
	}
	if got.status != http.StatusOK {
		return TokenState{}, mayNot("read", "auth/token/lookup-self")
	}
	var said struct {
		Data struct {
			Policies  []string `json:"policies"`
			Identity  []string `json:"identity_policies"`
			Type      string   `json:"type"`
			TTL       int64    `json:"ttl"`
			Renewable bool     `json:"renewable"`
			Uses      int      `json:"num_uses"`
		} `json:"data"`
	}
	// The answer holds the token.
	err = json.Unmarshal(got.body, &said)
	clear(got.body)
	if err != nil || said.Data.TTL < 0 || said.Data.TTL > maxLife {
		return TokenState{}, garbled()
	}
	return TokenState{
		Policies: append(said.Data.Policies, said.Data.Identity...), Type: said.Data.Type,
		TTL: time.Duration(said.Data.TTL) * time.Second, Renewable: said.Data.Renewable, Uses: said.Data.Uses,
	}, nil
}

// Capabilities returns what a role may do with each path of Vault's API, in
// Vault's words: read, list, create, update, patch, delete, sudo, root or deny.
// It reads none of the paths.
func (c *Client) Capabilities(ctx context.Context, role string, paths []string) (map[string][]string, error) {
	s, err := c.session(role)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string][]string{"paths": paths})
	if err != nil {
		return nil, fault.New(fault.Internal, "the paths cannot be written as JSON")
	}
	got, err := s.do(ctx, func(ctx context.Context, client *api.Client) (*api.Response, error) {
		return client.Logical().WriteRawWithContext(ctx, "sys/capabilities-self", body)
	})
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusOK {
		return nil, mayNot("update", "sys/capabilities-self")
	}
	var said struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if json.Unmarshal(got.body, &said) != nil {
		return nil, garbled()
	}
	capabilities := map[string][]string{}
	for _, path := range paths {
		var may []string
		if json.Unmarshal(said.Data[path], &may) != nil {
			return nil, garbled()
		}
		capabilities[path] = may
	}
	return capabilities, nil
}

// mayNot is for what Vault's policy named default allows, which a role can be
// without.
func mayNot(capability, path string) error {
	return fault.New(fault.Config, "the role's policies do not allow %s", path).
		WithFix("give the role Vault's policy default, or: path %q { capabilities = [%q] }", path, capability)
}
