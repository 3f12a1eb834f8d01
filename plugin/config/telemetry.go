package config

import (
	"net"
	"strconv"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
)

// Telemetry is the section telemetry.
type Telemetry struct {
	// How much is logged.
	LogLevel string `json:"logLevel" enum:"debug,info,warn,error"`
	// How a line of the log is written.
	LogFormat string `json:"logFormat" enum:"json,text"`
	// Where metrics and health are served over HTTP, such as ":8080" or
	// "127.0.0.1:8080"; nowhere where it is empty.
	Address string `json:"address"`
	// When a failing check makes the sidecar not ready: startup until all have
	// passed once, strict at any time. docs/observability.md says why.
	Readiness string `json:"readiness" enum:"startup,strict"`
	// How long a start waits for all checks to pass; then it is ready anyway.
	StartupWait Duration `json:"startupWait" range:"0s..1h"`
	// Where traces are sent.
	OTLP OTLP `json:"otlp"`
}

// OTLP names an OpenTelemetry collector. Of the environment nothing decides where
// spans go or what is sent with them; OTEL_RESOURCE_ATTRIBUTES adds to Attributes.
type OTLP struct {
	// The collector's receiver over gRPC, such as otel-collector:4317; empty means
	// that nothing is traced.
	Address string `json:"address"`
	// Whether TLS is left out.
	Insecure bool `json:"insecure"`
	// A file with headers to send, name=value on each line; read at each export.
	HeadersFile string `json:"headersFile"`
	// A PEM file with the authorities that sign the collector's certificate; empty
	// means the system's.
	CAFile string `json:"caFile"`
	// What describes this sidecar in every trace, such as the cluster's name.
	Attributes map[string]string `json:"attributes"`
}

func defaultTelemetry() Telemetry {
	return Telemetry{LogLevel: "info", LogFormat: "json", Readiness: "startup", StartupWait: Duration(30 * time.Second)}
}

func (t Telemetry) check(r *reader) {
	if _, ok := splitAddress(t.Address); t.Address != "" && !ok {
		r.refuse("telemetry.address", `write it as host:port or ":8080"`, "%q is not an address", t.Address)
	}
	t.OTLP.check(r)
}

func (o OTLP) check(r *reader) {
	if o.Address == "" {
		if o.Insecure || o.HeadersFile != "" || o.CAFile != "" || len(o.Attributes) > 0 {
			r.refuse("telemetry.otlp.address", "name the collector, or remove telemetry.otlp", "is missing")
		}
		return
	}
	host, ok := splitAddress(o.Address)
	if !ok || host == "" {
		r.refuse("telemetry.otlp.address", "write it as host:port, without http://", "%q is not the address of a collector", o.Address)
	}
	if o.Insecure && o.HeadersFile != "" && !loopback.Host(host) {
		r.refuse("telemetry.otlp.headersFile", "use TLS, or a collector on loopback", "without TLS the headers would go over the network in clear")
	}
	if o.Insecure && o.CAFile != "" {
		r.refuse("telemetry.otlp.caFile", "remove insecure or caFile", "has no use without TLS")
	}
}

func splitAddress(address string) (host string, ok bool) {
	host, port, err := net.SplitHostPort(address)
	number, bad := strconv.ParseUint(port, 10, 16)
	return host, err == nil && bad == nil && number != 0
}
