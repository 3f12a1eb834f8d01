package config

import (
	"net"
	"strconv"
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
}

func defaultTelemetry() Telemetry {
	return Telemetry{LogLevel: "info", LogFormat: "json"}
}

func (t Telemetry) check(r *reader) {
	if t.Address == "" {
		return
	}
	_, port, err := net.SplitHostPort(t.Address)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || number == 0 {
		r.refuse("telemetry.address", `write it as host:port or ":8080"`, "%q is not an address", t.Address)
	}
}
