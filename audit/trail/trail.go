// Package trail keeps the audit trail in a directory: append-only, chained by
// hashes, signed at intervals, cut into segments, bounded in size.
//
//	t, err := trail.Open(trail.Options{Directory: dir, Signer: signer})
//	seq, err := t.Append(ctx, event)
//	lines, err := t.Read(ctx, after, 100)
//	err = t.Close()
//
// One process writes a directory at a time. One goroutine owns the files: it
// takes what waits to be appended, writes it with one system call, and answers.
// A write that fails is cut off again, so that whole lines are all that a file
// ever holds; what kill -9 leaves is cut off at the next Open. Whatever is
// missing afterwards, the trail says so itself, in an event.
package trail

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// What holds where [Options] say nothing.
const (
	DefaultCheckpointEvents   = 1000
	DefaultCheckpointInterval = time.Minute
	DefaultSegmentSize        = 16 << 20
	DefaultMaxSize            = 1 << 30
)

// closingSize is the room in a segment for the lines that the trail adds by
// itself before it goes on to the next one.
const closingSize = 8 << 10

// MinSegmentSize is the smallest size of a segment that makes sense.
const MinSegmentSize = 8 * closingSize

// Options say how a trail is kept. Directory and Signer must be set.
type Options struct {
	// Directory holds the trail and nothing else. It is made where it is missing.
	Directory string
	// Signer signs checkpoints.
	Signer *chain.Signer
	// Instance is put into events that have none.
	Instance string
	// CheckpointEvents and CheckpointInterval say how many lines, and for how long,
	// may stand behind the last checkpoint.
	CheckpointEvents   int
	CheckpointInterval time.Duration
	// SegmentSize is how many bytes a file may have; only a longer line makes a
	// longer file. MaxSize bounds all files together and is at least twice as much.
	SegmentSize int64
	MaxSize     int64
	// Sync lets Append return only when the line is on the disk, not in the memory
	// of the kernel: it then survives a power cut.
	Sync bool
	// Required keeps lines that a reader still needs, and lets Append fail where
	// there is no room because of them.
	Required bool
	// Warn is told of failures that no caller sees. It must not block, nor call
	// the trail. It may be nil.
	Warn func(error)
	// Now is the clock; nil means the system's.
	Now func() time.Time
}

// Trail is an open trail. It is safe for concurrent use.
type Trail struct {
	options  Options
	requests chan *request
	closing  chan struct{}
	close    sync.Once
	done     chan struct{}
	// closeErr may be read once done is closed.
	closeErr error
	readers  readers
	shown    shown
}

// request is an event that waits to be written.
type request struct {
	event []byte
	// answer has room for one, so that the writer never waits for a caller who
	// has gone away.
	answer chan answer
}

type answer struct {
	seq uint64
	err error
}

// Open opens the trail in a directory, or begins one. It cuts off an unfinished
// last line and records that in the trail. It returns E_CONFIG where options
// cannot work, and E_AUDIT where the directory cannot be used, another process
// writes it, or its last lines are not what was written.
//
// Call Close at the end.
func Open(options Options) (*Trail, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	t := &Trail{
		options: options, requests: make(chan *request), closing: make(chan struct{}), done: make(chan struct{}),
	}
	w, err := openWriter(t)
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(t.done)
		t.closeErr = w.run()
	}()
	return t, nil
}

func (o *Options) complete() error {
	if o.CheckpointEvents == 0 {
		o.CheckpointEvents = DefaultCheckpointEvents
	}
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = DefaultCheckpointInterval
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	if o.MaxSize == 0 {
		o.MaxSize = DefaultMaxSize
	}
	if o.Warn == nil {
		o.Warn = func(error) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Directory == "" || o.Signer == nil:
		return fault.New(fault.Config, "a trail needs a directory and a key")
	case o.CheckpointEvents < 1 || o.CheckpointInterval < 0:
		return fault.New(fault.Config, "checkpoints need a positive number of events and a positive interval")
	case o.SegmentSize < MinSegmentSize || o.MaxSize < 2*o.SegmentSize:
		return fault.New(fault.Config, "a segment has %d bytes or more, and all together at least twice as many", MinSegmentSize)
	}
	return nil
}

// Append writes an event and returns its place. It fills in the version, and the
// time and the instance where they are empty. When it returns without an error,
// the line is in the file and survives the end of the process.
//
// It returns E_AUDIT_FULL where there is no room, E_AUDIT where the file cannot
// be written or the trail is closed, and E_LIMIT for an event that is longer than
// a line may be; nothing was written then, and later calls may succeed. After
// E_TIMEOUT and E_CANCELED, which follow the context, it is not known whether the
// event was written.
func (t *Trail) Append(ctx context.Context, event audit.Event) (seq uint64, err error) {
	encoded, err := t.encode(event)
	if err != nil {
		return 0, err
	}
	r := &request{event: encoded, answer: make(chan answer, 1)}
	select {
	case t.requests <- r:
	case <-t.closing:
		return 0, errClosed
	case <-ctx.Done():
		return 0, ended(ctx)
	}
	select {
	case a := <-r.answer:
		return a.seq, a.err
	case <-ctx.Done():
		return 0, ended(ctx)
	}
}

func (t *Trail) encode(event audit.Event) ([]byte, error) {
	if event.Type == audit.Checkpoint {
		return nil, fault.New(fault.Internal, "checkpoints are the trail's own")
	}
	event.Recovered, event.Removed, event.Checkpoint = nil, nil, nil
	encoded, err := t.complete(event)
	if err != nil {
		return nil, fault.New(fault.Internal, "the event cannot be written as JSON")
	}
	if !chain.Fits(encoded) {
		return nil, fault.New(fault.Limit, "the event for the audit trail has %d bytes, more than %d", len(encoded), chain.MaxLine)
	}
	return encoded, nil
}

// complete encodes an event with what every event has.
func (t *Trail) complete(event audit.Event) ([]byte, error) {
	event.Version = audit.Version
	if event.Time.IsZero() {
		event.Time = t.options.Now()
	}
	event.Time = event.Time.UTC()
	if event.Instance == "" {
		event.Instance = t.options.Instance
	}
	return chain.Encode(event)
}

// Last returns the seq of the last line, 0 where there is none.
func (t *Trail) Last() uint64 { return t.shown.snapshot().last }

// Close writes what waits and a last checkpoint, and gives the directory up. It
// may be called more than once. Read still gives what is there.
func (t *Trail) Close() error {
	t.close.Do(func() { close(t.closing) })
	<-t.done
	return t.closeErr
}

var errClosed = fault.New(fault.Audit, "the audit trail is closed")

// ended says that a caller's context has ended.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(fault.Timeout, "the audit trail did not answer in time")
	}
	return fault.New(fault.Canceled, "the request ended while its event was written")
}
