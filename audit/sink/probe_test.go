package sink_test

import (
	"errors"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
)

// A probe proves certificates and keys to each other, and sends no line.
func TestProbe(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("plugin")
	for name, test := range map[string]struct {
		change func(*sink.Config)
		want   sink.Reason
	}{
		"as it should be":   {func(*sink.Config) {}, ""},
		"another key":       {func(c *sink.Config) { c.SharedKeyFile = secretFile(t, "shared-key-2") }, sink.Credential},
		"no client's":       {func(c *sink.Config) { c.ClientCertFile, c.ClientKeyFile = "", "" }, sink.TLS},
		"another authority": {func(c *sink.Config) { c.CAFile = newAuthority(t).file }, sink.TLS},
		"no key file":       {func(c *sink.Config) { c.SharedKeyFile = "/nowhere/key" }, sink.Credential},
		"plain text": {func(c *sink.Config) {
			c.Insecure, c.CAFile, c.ClientCertFile, c.ClientKeyFile, c.Timeout = true, "", "", "", time.Second
		}, sink.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := newForward(t, ca.server(true), "shared-key-1")
			config := sink.Config{
				Name: "probed", Fluent: receiver.listener.Addr().String(), CAFile: ca.file, ClientCertFile: cert, ClientKeyFile: key,
				SharedKeyFile: secretFile(t, "shared-key-1"),
			}
			test.change(&config)
			err := config.Probe(t.Context())
			var failed *sink.Failure
			if errors.As(err, &failed) != (test.want != "") || failed != nil && failed.Reason != test.want {
				t.Errorf("got %+v, want %q", err, test.want)
			}
			if got := receiver.all(); len(got) > 0 || receiver.batch > 0 {
				t.Errorf("the receiver has lines %v of %d batches", got, receiver.batch)
			}
		})
	}
}
