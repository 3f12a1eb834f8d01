package loopback_test

import (
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/loopback"
)

func TestHost(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost:5000": true, "127.0.0.1:5000": true, "[::1]:5000": true, "registry.example.com": false, "10.0.0.1:5000": false, "localhost.example.com": false,
		"localhost": true, "127.0.0.1": true, "::1": true, "[::1]": true, "": false,
	} {
		if got := loopback.Host(host); got != want {
			t.Errorf("%s: %t", host, got)
		}
	}
}
