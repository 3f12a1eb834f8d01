package sink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
)

const (
	// maxSecret bounds a file with a token, password or key, maxPEM one with
	// certificates.
	maxSecret = 64 << 10
	maxPEM    = 4 << 20
)

// endpoint is a receiver's address and whom to trust there. Files are read at
// each connection, so that a renewed certificate needs no restart.
type endpoint struct {
	address                           string
	plain                             bool
	caFile, certFile, keyFile, server string
}

// dial connects within ctx, and ends the handshake of TLS before it returns.
func (e endpoint) dial(ctx context.Context) (net.Conn, error) {
	settings, problem := e.trust()
	if problem != nil {
		return nil, problem
	}
	var dialer net.Dialer
	plain, err := dialer.DialContext(ctx, "tcp", e.address)
	if err != nil {
		return nil, explain(err)
	}
	if e.plain {
		// The name localhost is somebody else's to resolve.
		if remote, ok := plain.RemoteAddr().(*net.TCPAddr); !ok || !remote.IP.IsLoopback() {
			_ = plain.Close()
			return nil, failure(Connect, "the address is not a loopback address, and plain text is for those only")
		}
		return plain, nil
	}
	secure := tls.Client(plain, settings)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, explain(err)
	}
	return secure, nil
}

func (e endpoint) trust() (*tls.Config, *Failure) {
	if e.plain {
		return nil, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: e.server}
	if settings.ServerName == "" {
		settings.ServerName, _, _ = net.SplitHostPort(e.address)
	}
	if e.caFile != "" {
		content, err := bounded.ReadFile(e.caFile, maxPEM)
		settings.RootCAs = x509.NewCertPool()
		if err != nil || !settings.RootCAs.AppendCertsFromPEM(content) {
			return nil, failure(Credential, "there is no PEM certificate to be read in %s", e.caFile)
		}
	}
	if e.certFile != "" {
		pair, err := tls.LoadX509KeyPair(e.certFile, e.keyFile)
		if err != nil {
			return nil, failure(Credential, "client certificate and key cannot be read, or do not belong together: %s", e.certFile)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}

// readSecret returns the one line of a file with a token, password or key.
func readSecret(file string) (string, *Failure) {
	content, err := bounded.ReadFile(file, maxSecret)
	secret := strings.TrimSpace(string(content))
	if err != nil || secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", failure(Credential, "there is no single line to be read in %s", file)
	}
	return secret, nil
}

// explain says in words of our own why a connection failed: the text of an error
// may hold what a certificate or an answer says.
func explain(err error) *Failure {
	var (
		known     *Failure
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		alert     tls.AlertError
		remote    *net.OpError
		header    tls.RecordHeaderError
		lookup    *net.DNSError
		verify    *tls.CertificateVerificationError
		timeout   interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &authority):
		return failure(TLS, "the receiver's certificate is not signed by an authority that is trusted")
	case errors.As(err, &name):
		return failure(TLS, "the receiver's certificate is for another name")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failure(TLS, "the receiver's certificate is expired or not valid yet")
	case errors.As(err, &verify):
		return failure(TLS, "the receiver's certificate is not valid")
	case errors.As(err, &alert), errors.As(err, &remote) && remote.Op == "remote error":
		return failure(TLS, "the receiver refuses our certificate or our version of TLS")
	case errors.As(err, &header):
		return failure(TLS, "the receiver does not speak TLS")
	case errors.As(err, &lookup):
		return failure(Connect, "the receiver's name cannot be resolved")
	case errors.Is(err, syscall.ECONNREFUSED):
		return failure(Connect, "the receiver refuses connections")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return failure(Closed, "the receiver ended the connection")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return failure(Timeout, "the receiver took too long")
	}
	return failure(Connect, "the connection failed")
}

// watch lets ctx end what a connection waits for. The caller stops it.
func watch(ctx context.Context, conn net.Conn) (stop func()) {
	end := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() { end() }
}
