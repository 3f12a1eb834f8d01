package sink

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Options are what a runner needs beside the configuration of its sink.
type Options struct {
	// Dir is the directory of the trail, where the cursor is kept.
	Dir string
	// Instance names this process in what receivers get, such as the Pod's name.
	Instance string
	Log      *logrus.Logger
	// Drain is how long Run goes on delivering after its context has ended;
	// 0 means not at all.
	Drain time.Duration
}

// Runner delivers the trail to one sink. Its methods are safe for concurrent use,
// but Run is called once.
type Runner struct {
	name    string
	kind    string
	sender  Sender
	source  Source
	file    cursorFile
	log     *logrus.Entry
	batch   int
	linger  time.Duration
	timeout time.Duration
	drain   time.Duration
	// size is how many lines are sent at a time: fewer than batch after the
	// receiver has refused some.
	size int
	// refused is the line that the receiver last refused on its own, halved whether
	// it has refused several at once.
	refused uint64
	halved  bool
	// known is whether a cursor was stored before: a new sink has missed nothing.
	known bool

	mu     sync.Mutex
	cursor cursor
	status Status
}

// Status is how a sink is doing.
type Status struct {
	Name string
	// Kind is fluent, syslog, webhook or stdout.
	Kind string
	// Delivered is the seq of the last line that the receiver has acknowledged.
	Delivered uint64
	// Behind is how many lines wait for the sink.
	Behind uint64
	// Oldest is the time of the oldest line that is being sent; zero where none is.
	Oldest time.Time
	// Failing is why the last attempt failed, empty where it did not.
	Failing Reason
	// Failures counts the attempts that failed, since the start.
	Failures uint64
	// Lost counts the lines that the trail dropped before they were delivered,
	// since the start.
	Lost uint64
}

// New returns the runner of a sink that [Config.Problems] has nothing against. It
// fails where the stored cursor cannot be read.
func New(config Config, source Source, options Options) (*Runner, error) {
	sender, kind := config.sender(options.Instance)
	return newRunner(config.withDefaults(), sender, kind, source, options)
}

func newRunner(config Config, sender Sender, kind string, source Source, options Options) (*Runner, error) {
	r := &Runner{
		name: config.Name, kind: kind, sender: sender, source: source,
		file:  cursorFile{filepath.Join(options.Dir, config.Name+".cursor")},
		log:   options.Log.WithFields(logrus.Fields{"sink": config.Name, "kind": kind}),
		batch: config.Batch, size: config.Batch,
		linger: config.Linger, timeout: config.Timeout, drain: options.Drain,
	}
	var err error
	if r.cursor, r.known, err = r.file.load(); err != nil {
		return nil, fault.New(fault.AuditSink, "the cursor of sink %q cannot be read", config.Name).In(r.file.path, 0).
			WithFix("make it readable, or remove it to send all that the trail still has once more")
	}
	return r, nil
}

// Delivered returns the seq of the last line that the receiver has acknowledged:
// the trail may drop what is not higher.
func (r *Runner) Delivered() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cursor.Seq
}

// Status returns how the sink is doing now.
func (r *Runner) Status() Status {
	last := r.source.Last()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Name, s.Kind, s.Delivered = r.name, r.kind, r.cursor.Seq
	if last > s.Delivered {
		s.Behind = last - s.Delivered
	}
	return s
}

// Run delivers lines until ctx ends, then for at most the time to drain what is
// still there. What is not delivered then, the next start delivers.
func (r *Runner) Run(ctx context.Context) {
	defer r.sender.Close()
	// The last attempts must not end with ctx.
	grace, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(r.drain, cancel) })
	defer stop()

	if r.begin(ctx, grace) != nil {
		return
	}
	for {
		lines, err := r.gather(ctx, grace)
		if err != nil {
			return
		}
		if len(lines) == 0 {
			r.log.Debug("the sink has all lines of the trail")
			return
		}
		if r.deliver(ctx, grace, lines) != nil {
			r.log.WithField("behind", r.Status().Behind).Warn("the sink stops before it has all lines; they are sent at the next start")
			return
		}
	}
}

// begin holds the stored cursor against the trail. Where the trail is another one
// than the cursor was made for, or has lost its end with the power, all that it
// has is sent: twice is better than never.
func (r *Runner) begin(ctx, grace context.Context) error {
	if r.cursor.Seq == 0 {
		return nil
	}
	same := r.cursor.Seq <= r.source.Last()
	if same {
		lines, err := r.read(ctx, grace, r.cursor.Seq-1, 1)
		if err != nil {
			return err
		}
		// Where the trail has dropped that line, there is nothing to compare.
		same = len(lines) == 0 || lines[0].Seq != r.cursor.Seq || digest(lines[0]) == r.cursor.Line
	}
	if !same {
		r.log.WithFields(logrus.Fields{"code": fault.AuditSink, "cursor": r.cursor.Seq, "last": r.source.Last()}).
			Warn("the trail is not the one that the sink had; all of it is sent")
		r.mu.Lock()
		r.cursor = cursor{}
		r.mu.Unlock()
		r.known = false
	}
	return nil
}

// deliver sends lines until the receiver has acknowledged all of them. It fails
// only when grace ends.
func (r *Runner) deliver(ctx, grace context.Context, lines []audit.Line) error {
	r.mu.Lock()
	r.status.Oldest = lines[0].Time
	r.mu.Unlock()
	retry := newRetry()
	for len(lines) > 0 {
		part := lines[:min(r.size, len(lines))]
		err := r.attempt(grace, part)
		if err == nil {
			r.acknowledged(part)
			lines = lines[len(part):]
			retry = newRetry()
			continue
		}
		r.failed(err, part, retry.count == 0)
		if err := retry.wait(ctx, grace, err.RetryAfter); err != nil {
			return err
		}
	}
	r.mu.Lock()
	r.status.Oldest = time.Time{}
	r.mu.Unlock()
	return nil
}

func (r *Runner) attempt(ctx context.Context, lines []audit.Line) *Failure {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	err := r.sender.Send(ctx, lines)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return failure(Timeout, "the receiver did not acknowledge within %s", r.timeout)
	}
	var known *Failure
	if errors.As(err, &known) {
		return known
	}
	return failure(Connect, "the connection failed")
}

// acknowledged moves the cursor. A cursor that cannot be stored keeps nothing
// from being delivered: it would only add to what is sent again.
func (r *Runner) acknowledged(lines []audit.Line) {
	at := cursorAt(lines[len(lines)-1])
	r.size = min(r.size+1, r.batch)
	err := r.file.store(at)
	r.mu.Lock()
	before := r.status.Failing
	r.cursor, r.status.Failing = at, ""
	r.status.Oldest = lines[len(lines)-1].Time
	if err != nil {
		r.status.Failing = Cursor
	}
	r.mu.Unlock()
	switch log := r.log.WithField("delivered", at.Seq); {
	case err != nil && before != Cursor:
		log.WithFields(logrus.Fields{"code": fault.AuditSink, "reason": Cursor, "file": r.file.path}).
			Error("the cursor cannot be stored; lines are delivered, but after a restart sent again")
	case err == nil && before != "":
		log.Info("the sink delivers again")
	default:
		log.WithField("lines", len(lines)).Debug("delivered")
	}
}

// failed reports an attempt, and once for each reason where people look. A
// receiver that refuses a batch gets half of it the next time: what it takes is
// delivered, and at last the log names the one line that it does not.
func (r *Runner) failed(err *Failure, lines []audit.Line, first bool) {
	r.mu.Lock()
	news := first || r.status.Failing != err.Reason
	r.status.Failing = err.Reason
	r.status.Failures++
	r.mu.Unlock()
	if err.Reason == Refused {
		alone := len(lines) == 1
		news = alone && r.refused != lines[0].Seq || !alone && !r.halved
		if alone {
			r.refused = lines[0].Seq
		}
		r.halved = true
		r.size = max(1, len(lines)/2)
	}
	level := logrus.DebugLevel
	if news {
		level = logrus.WarnLevel
	}
	r.log.WithFields(logrus.Fields{
		"code": fault.AuditSink, "reason": err.Reason, "from": lines[0].Seq, "to": lines[len(lines)-1].Seq,
	}).Log(level, "not delivered, will be sent again: "+err.Text)
}
