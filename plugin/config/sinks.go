package config

import (
	"fmt"

	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
)

// AuditSink is one receiver of the audit trail. Exactly one of fluent, syslog and
// webhook is set. Its files are read at each connection.
type AuditSink struct {
	// What logs and metrics call it.
	Name string `json:"name" jsonschema:"required"`
	// A Fluent Forward receiver that acknowledges, such as Fluent Bit, as host:port.
	Fluent string `json:"fluent"`
	// A syslog receiver, RFC 5424 over TLS, as host:port.
	Syslog string `json:"syslog"`
	// The URL of an HTTPS receiver.
	Webhook string `json:"webhook"`
	// Whether to send in plain text, to a loopback address only.
	Insecure bool `json:"insecure"`
	// A PEM file with the authorities that sign the receiver's certificate; empty
	// means the system's.
	CAFile string `json:"caFile"`
	// A PEM file with the client certificate for mutual TLS.
	ClientCertFile string `json:"clientCertFile"`
	// A PEM file with the key of the client certificate.
	ClientKeyFile string `json:"clientKeyFile"`
	// The name in the receiver's certificate where it is not the address's.
	ServerName string `json:"serverName"`
	// A file with a bearer token, for a webhook.
	TokenFile string `json:"tokenFile"`
	// The user, with passwordFile, for a webhook or for Fluent.
	Username string `json:"username"`
	// A file with the password.
	PasswordFile string `json:"passwordFile"`
	// A file with the shared key of Fluent's handshake.
	SharedKeyFile string `json:"sharedKeyFile"`
	// Fluent's tag; empty means argocd-seal.audit.
	Tag string `json:"tag"`
	// Syslog's facility; empty means local0.
	Facility string `json:"facility"`
	// How a webhook's body is written; empty means ndjson.
	Format string `json:"format" enum:"ndjson,json"`
	// Most events in one delivery; 500 where it is 0.
	Batch int `json:"batch" range:"0..10000"`
	// How long a delivery waits for more events; a second where it is 0.
	Linger Duration `json:"linger" range:"0s..1m"`
	// Most time until a delivery is acknowledged; 30 seconds where it is 0.
	Timeout Duration `json:"timeout" range:"0s..5m"`
}

// Config returns the sink in the form that a runner takes.
func (s AuditSink) Config() sink.Config {
	return sink.Config{
		Name: s.Name, Fluent: s.Fluent, Syslog: s.Syslog, Webhook: s.Webhook, Insecure: s.Insecure,
		CAFile: s.CAFile, ClientCertFile: s.ClientCertFile, ClientKeyFile: s.ClientKeyFile, ServerName: s.ServerName,
		TokenFile: s.TokenFile, Username: s.Username, PasswordFile: s.PasswordFile, SharedKeyFile: s.SharedKeyFile,
		Tag: s.Tag, Facility: s.Facility, Format: s.Format,
		Batch: s.Batch, Linger: s.Linger.Duration(), Timeout: s.Timeout.Duration(),
	}
}

func checkSinks(r *reader, sinks []AuditSink) {
	known := map[string]bool{}
	for i, one := range sinks {
		field := fmt.Sprintf("audit.sinks[%d]", i)
		for _, problem := range one.Config().Problems() {
			r.refuse(field+"."+problem.Field, problem.Fix, "%s", problem.Message)
		}
		r.once(known, field+".name", one.Name)
	}
}
