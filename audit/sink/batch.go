package sink

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// maxBatchBytes bounds a batch together with its number of lines; one line may
	// be longer.
	maxBatchBytes = 1 << 20
	// readStep is how many lines are read at a time: a batch may be that many
	// lines larger in memory than the two bounds allow.
	readStep = 32

	firstWait = 200 * time.Millisecond
	maxWait   = time.Minute
	// drainWait is the longest wait between attempts while the process stops.
	drainWait = time.Second
)

// gather returns the next lines after the cursor. It waits for the first one, and
// then for the linger time once for more. When ctx has ended it waits for
// nothing, and returns none when the sink has all.
func (r *Runner) gather(ctx, grace context.Context) ([]audit.Line, error) {
	lines, err := r.read(ctx, grace, r.cursor.Seq, min(readStep, r.batch))
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	r.missing(r.cursor.Seq, lines[0].Seq)
	bytes, lingered := sizeOf(lines), false
	for len(lines) < r.batch && bytes < maxBatchBytes {
		last := lines[len(lines)-1].Seq
		if r.source.Last() <= last {
			if lingered || ctx.Err() != nil {
				break
			}
			lingered = true
			sleep(ctx, r.linger)
			continue
		}
		more, err := r.read(ctx, grace, last, min(readStep, r.batch-len(lines)))
		if err != nil || len(more) == 0 {
			break // what was read is delivered first
		}
		r.missing(last, more[0].Seq)
		lines, bytes = append(lines, more...), bytes+sizeOf(more)
	}
	return lines, nil
}

func sizeOf(lines []audit.Line) (bytes int) {
	for _, line := range lines {
		bytes += len(line.JSON)
	}
	return bytes
}

// missing reports lines that the trail has dropped before the sink had them.
func (r *Runner) missing(after, next uint64) {
	known := r.known || after > 0
	r.known = true
	if !known || next <= after+1 {
		return
	}
	lost := next - after - 1
	r.mu.Lock()
	r.status.Lost += lost
	r.mu.Unlock()
	r.log.WithFields(logrus.Fields{"code": fault.AuditLost, "from": after + 1, "to": next - 1, "lines": lost}).
		Error("the trail dropped lines before they were delivered; the sink goes on after them")
}

// read reads the trail, again and again where that fails. It returns no lines
// when ctx has ended and there are none, and fails when grace ends.
func (r *Runner) read(ctx, grace context.Context, after uint64, limit int) ([]audit.Line, error) {
	retry := newRetry()
	for {
		until := ctx
		if ctx.Err() != nil {
			if r.source.Last() <= after {
				return nil, nil
			}
			until = grace
		}
		lines, err := r.source.Read(until, after, limit)
		switch {
		case err == nil && len(lines) > 0:
			return lines, nil
		case grace.Err() != nil:
			return nil, grace.Err()
		case until == ctx && ctx.Err() != nil:
			continue
		}
		r.unreadable(retry.count == 0)
		if err := retry.wait(ctx, grace, 0); err != nil {
			return nil, err
		}
	}
}

func (r *Runner) unreadable(first bool) {
	r.mu.Lock()
	r.status.Failing = Trail
	r.status.Failures++
	r.mu.Unlock()
	level := logrus.DebugLevel
	if first {
		level = logrus.ErrorLevel
	}
	r.log.WithFields(logrus.Fields{"code": fault.AuditSink, "reason": Trail}).Log(level, "the trail cannot be read, will be tried again")
}

// retry waits longer and longer between attempts, and not as long as others that
// failed at the same moment.
type retry struct {
	count int
	next  time.Duration
}

func newRetry() *retry { return &retry{next: firstWait} }

// wait waits before the next attempt: at least as long as asked, within bounds.
// It fails when grace ends. When ctx ends it returns at once, and from then on
// waits are short.
func (r *retry) wait(ctx, grace context.Context, asked time.Duration) error {
	pause := r.next/2 + rand.N(r.next/2)
	r.count++
	r.next = min(2*r.next, maxWait)
	if ctx.Err() == nil {
		sleep(ctx, min(max(pause, asked), maxWait))
	} else {
		sleep(grace, min(pause, drainWait))
	}
	return grace.Err()
}

// sleep waits, and no longer than ctx.
func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
