// Package sink sends the lines of the audit trail to other systems: a Fluent
// Forward receiver such as Fluent Bit, a syslog server, a webhook, or whatever
// reads standard output.
//
// The trail on disk is the spool of all sinks. Each sink has a [Runner] that
// reads the trail after its own cursor, so that no sink waits for another one and
// the writer of the trail waits for none. A line counts as delivered when the
// receiver has acknowledged it, and until then it is sent again: a receiver gets
// every line at least once and in order, and can tell by its seq that it had it
// before.
package sink

import (
	"context"
	"fmt"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// Source is the trail as the runners read it. It is safe for concurrent use.
type Source interface {
	// Read returns at least one line and at most limit lines whose seq is higher
	// than after, in order. It waits until there is one or ctx ends.
	Read(ctx context.Context, after uint64, limit int) ([]audit.Line, error)
	// Last returns the seq of the newest line, 0 where there is none.
	Last() uint64
}

// Sender sends lines to one receiver. Only one goroutine uses it.
type Sender interface {
	// Send returns nil when the receiver has acknowledged all lines. After an
	// error, any number of them may have arrived. It ends when ctx does. Errors
	// are a [*Failure] and hold no text of the receiver.
	Send(ctx context.Context, lines []audit.Line) error
	// Close ends the connection where there is one.
	Close()
}

// Reason says in one word why lines were not delivered. There are few of them, so
// that they can be the label of a metric.
type Reason string

// The reasons.
const (
	// Connect: there is no connection to the receiver.
	Connect Reason = "connect"
	// TLS: one side does not trust the other's certificate, or they share no
	// version of TLS.
	TLS Reason = "tls"
	// Credential: a file with a certificate, key, token or password cannot be used.
	Credential Reason = "credential"
	// Timeout: the receiver took too long.
	Timeout Reason = "timeout"
	// Closed: the receiver ended the connection before it had acknowledged.
	Closed Reason = "closed"
	// Refused: the receiver answered that it does not take the lines.
	Refused Reason = "refused"
	// Answer: the receiver answered something that its protocol does not know.
	Answer Reason = "answer"
	// Trail: the trail cannot be read.
	Trail Reason = "trail"
	// Cursor: the cursor cannot be stored. Lines are delivered all the same, but
	// would be sent again after a restart.
	Cursor Reason = "cursor"
)

// Failure is why lines were not delivered. Its text is ours alone: a receiver may
// repeat a token in its answer, so nothing of an answer but its status is in it.
type Failure struct {
	Reason Reason
	// Text says more, for people.
	Text string
	// RetryAfter is how long the receiver asks to be left alone, 0 where it does
	// not say.
	RetryAfter time.Duration
}

func (f *Failure) Error() string { return f.Text }

func failure(reason Reason, format string, args ...any) *Failure {
	return &Failure{Reason: reason, Text: fmt.Sprintf(format, args...)}
}
