package vault

import (
	"sync"
	"time"
)

const (
	// breakAfter is how many failures in a row open the breaker, and breakFor
	// how long it stays open before one request may try.
	breakAfter = 8
	breakFor   = 5 * time.Second
)

// breaker keeps requests from a Vault that does not answer: each would wait for
// its whole deadline and hold a place that another application needs.
type breaker struct {
	mu       sync.Mutex
	failures int
	until    time.Time
	now      func() time.Time
}

// allow tells whether a request may go. After the pause one may, and the others
// wait for its outcome.
func (b *breaker) allow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < breakAfter {
		return true
	}
	if b.now().Before(b.until) {
		return false
	}
	b.until = b.now().Add(breakFor)
	return true
}

// report notes whether Vault answered.
func (b *breaker) report(answered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if answered {
		b.failures = 0
		return
	}
	if b.failures++; b.failures >= breakAfter {
		b.until = b.now().Add(breakFor)
	}
}
