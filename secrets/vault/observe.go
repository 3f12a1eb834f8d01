package vault

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Observe is told of every request that is sent to Vault: what kind it was, how
// it ended and how long it took. Operations and outcomes are those of
// [Operations] and [Outcomes]. It is called from many goroutines and does not
// block.
type Observe func(operation, outcome string, took time.Duration)

// Operations lists the kinds of requests.
func Operations() []string {
	return []string{"login", "renew", "lookup", "revoke", "mounts", "keys", "read"}
}

// Outcomes lists the ways in which a request ends.
func Outcomes() []string {
	return []string{"ok", "absent", "forbidden", "limited", "sealed", "failed", "unreachable", "canceled"}
}

// observed times what goes to Vault.
type observed struct {
	next http.RoundTripper
	tell *atomic.Pointer[Observe]
}

// Observe has every request told from now on.
func (c *Client) Observe(tell Observe) { c.observe.Store(&tell) }

// RoundTrip sends a request.
func (o observed) RoundTrip(request *http.Request) (*http.Response, error) {
	tell := o.tell.Load()
	if tell == nil {
		return o.next.RoundTrip(request)
	}
	began := time.Now()
	response, err := o.next.RoundTrip(request)
	outcome := "unreachable"
	switch {
	case request.Context().Err() != nil:
		outcome = "canceled"
	case err == nil:
		outcome = outcomeOf(response.StatusCode)
	}
	(*tell)(operationOf(request), outcome, time.Since(began))
	return response, err
}

func outcomeOf(status int) string {
	switch {
	case status < 300:
		return "ok"
	case status == http.StatusNotFound:
		return "absent"
	case status == http.StatusForbidden:
		return "forbidden"
	case status == http.StatusTooManyRequests:
		return "limited"
	case status == http.StatusServiceUnavailable:
		return "sealed"
	default:
		return "failed"
	}
}

// operationOf tells the kind of a request from where it goes. Paths of secrets
// are never looked at further than to tell them from Vault's own.
func operationOf(request *http.Request) string {
	at := strings.TrimPrefix(request.URL.Path, "/v1/")
	switch {
	case at == "auth/token/renew-self":
		return "renew"
	case at == "auth/token/lookup-self":
		return "lookup"
	case at == "auth/token/revoke-self", at == "sys/leases/revoke":
		return "revoke"
	case strings.HasPrefix(at, "auth/"):
		return "login"
	case strings.HasPrefix(at, "sys/internal/ui/mounts/"):
		return "mounts"
	case request.URL.Query().Has("depth"): // of KV's subkeys alone
		return "keys"
	default:
		return "read"
	}
}
