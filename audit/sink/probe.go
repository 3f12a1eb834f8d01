package sink

import (
	"context"
	"net"
	"net/url"
)

// Probe connects to the receiver as a delivery does, with TLS and, where there is
// one, Fluent's handshake, reads the files that a delivery reads, and sends no
// event. Whether a webhook takes the credentials shows only with an event. Its
// error is a [*Failure].
func (c Config) Probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.withDefaults().Timeout)
	defer cancel()
	sender, _ := c.sender("")
	defer sender.Close()
	err := probe(ctx, sender)
	if ctx.Err() != nil && err != nil {
		return failure(Timeout, "the receiver took too long")
	}
	return err
}

func probe(ctx context.Context, sender Sender) error {
	switch sender := sender.(type) {
	case *fluent:
		return sender.connect(ctx)
	case *syslog:
		return closed(sender.at.dial(ctx))
	case *webhook:
		return sender.probe(ctx)
	}
	return nil
}

func (w *webhook) probe(ctx context.Context) error {
	for _, file := range []string{w.tokenFile, w.passwordFile} {
		if file == "" {
			continue
		}
		if _, problem := readSecret(file); problem != nil {
			return problem
		}
	}
	at, err := url.Parse(w.url)
	if err != nil {
		return failure(Connect, "the URL cannot be used")
	}
	port := at.Port()
	if port == "" {
		port = "443"
		if at.Scheme == "http" {
			port = "80"
		}
	}
	to := w.at
	to.address = net.JoinHostPort(at.Hostname(), port)
	return closed(to.dial(ctx))
}

func closed(conn net.Conn, err error) error {
	if err != nil {
		return err
	}
	_ = conn.Close()
	return nil
}
