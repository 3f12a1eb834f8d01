// Package loopback tells the addresses of this machine, for which alone http without
// TLS is spoken.
package loopback

import (
	"net"
	"strings"
)

// Host tells whether a host, or host:port, is localhost or a loopback address. No
// name but localhost is looked up: what it means could change.
func Host(hostport string) bool {
	host := hostport
	if name, _, err := net.SplitHostPort(hostport); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
