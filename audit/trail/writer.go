package trail

import (
	"errors"
	"os"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// What is written at a time: more would make the first caller wait for the last.
const (
	maxGroup      = 128
	maxGroupBytes = 1 << 20
)

// ownLines is how many lines the trail may add by itself between two
// checkpoints, beside the events that it is given.
const ownLines = 16

// writer owns the files. Only its goroutine touches it.
type writer struct {
	*Trail
	lock *os.File
	file *os.File
	// size is that of the whole lines in file. dirty means that there may be more
	// bytes behind them, which must go before anything is written.
	size  int64
	dirty bool
	// next is the header of the next line.
	next chain.Header
	// unsigned counts the lines behind the last checkpoint. due asks for a
	// checkpoint at once: the first of a process keeps what the process before
	// promised.
	unsigned uint64
	due      bool
	timer    *time.Timer
	// pending is what the trail has to say of itself before the next event.
	pending audit.Recovered
	// recorded is the last seq that the trail says was deleted.
	recorded uint64
	// old are the segments before the current one, whose first line is first. The
	// slice is shared with readers and never changed in place.
	old   []segment
	first uint64
}

// stage is a run of lines that is written at once, or not at all.
type stage struct {
	lines    []byte
	next     chain.Header
	unsigned uint64
	signed   bool
}

func (w *writer) run() error {
	for {
		select {
		case r := <-w.requests:
			w.commit(w.gather(r))
		case <-w.timer.C:
			if err := w.sign(); err != nil {
				w.options.Warn(err)
				w.timer.Reset(w.options.CheckpointInterval)
			}
		case <-w.closing:
			return w.end()
		}
	}
}

// gather takes what else waits.
func (w *writer) gather(first *request) []*request {
	group, bytes := []*request{first}, len(first.event)
	for len(group) < maxGroup && bytes < maxGroupBytes {
		select {
		case r := <-w.requests:
			group, bytes = append(group, r), bytes+len(r.event)
		default:
			return group
		}
	}
	return group
}

// commit writes a group and answers each request.
func (w *writer) commit(group []*request) {
	for len(group) > 0 {
		count, err := w.commitSome(group)
		if err != nil {
			w.pending.Refused += uint64(len(group))
			for _, r := range group {
				r.answer <- answer{err: err}
			}
			return
		}
		group = group[count:]
	}
}

// commitSome writes as much of a group as the segment has room for.
func (w *writer) commitSome(group []*request) (count int, err error) {
	if err := w.makeRoom(len(group[0].event)); err != nil {
		return 0, err
	}
	s, err := w.stage()
	if err != nil {
		return 0, err
	}
	seqs := make([]uint64, 0, len(group))
	for _, r := range group {
		if len(seqs) > 0 && !w.hasRoom(len(s.lines)+len(r.event)) {
			break
		}
		seqs = append(seqs, s.next.Seq)
		s.add(r.event)
		if w.due || s.unsigned >= uint64(w.options.CheckpointEvents) {
			if err := w.addCheckpoint(s); err != nil {
				return 0, err
			}
		}
	}
	if err := w.flush(s); err != nil {
		return 0, err
	}
	for i, seq := range seqs {
		group[i].answer <- answer{seq: seq}
	}
	return len(seqs), nil
}

// hasRoom tells whether so many bytes fit into the segment, with those that the
// trail adds at its end.
func (w *writer) hasRoom(bytes int) bool {
	return w.size+int64(bytes) <= w.options.SegmentSize-closingSize
}

// stage begins a run of lines, with what the trail has to say of itself.
func (w *writer) stage() (*stage, error) {
	s := &stage{next: w.next, unsigned: w.unsigned}
	if w.pending == (audit.Recovered{}) {
		return s, nil
	}
	recovered := w.pending
	return s, w.addOwn(s, audit.Event{Type: audit.Recovery, Message: describe(recovered), Recovered: &recovered})
}

func (s *stage) add(event []byte) {
	start := len(s.lines)
	s.lines = chain.Append(s.lines, s.next, event)
	s.end(start)
	s.unsigned++
}

// end ends the line that begins at start.
func (s *stage) end(start int) {
	s.next = chain.Header{Seq: s.next.Seq + 1, Prev: chain.Hash(s.lines[start:])}
	s.lines = append(s.lines, '\n')
}

// addOwn adds an event of the trail itself.
func (w *writer) addOwn(s *stage, event audit.Event) error {
	event.Outcome = "OK"
	encoded, err := w.complete(event)
	if err != nil {
		return fault.New(fault.Internal, "the event cannot be written as JSON")
	}
	s.add(encoded)
	return nil
}

func (w *writer) addCheckpoint(s *stage) error {
	event := audit.Event{
		Version: audit.Version, Time: w.options.Now().UTC(), Type: audit.Checkpoint, Instance: w.options.Instance, Outcome: "OK",
	}
	start := len(s.lines)
	lines, err := w.options.Signer.AppendCheckpoint(s.lines, s.next, event, w.options.CheckpointEvents+ownLines)
	if err != nil {
		return fault.New(fault.Internal, "the checkpoint cannot be written as JSON")
	}
	s.lines = lines
	s.end(start)
	s.unsigned, s.signed = 0, true
	return nil
}

// flush writes the staged lines. Where that fails, the file is as before.
func (w *writer) flush(s *stage) error {
	if len(s.lines) == 0 {
		return nil
	}
	if err := w.cut(); err != nil {
		return cannot("write the audit trail", err)
	}
	_, err := w.file.WriteAt(s.lines, w.size)
	if err == nil && w.options.Sync {
		err = w.file.Sync()
	}
	if err != nil {
		w.dirty = true
		_ = w.cut() // the next flush tries again
		return cannot("write the audit trail", err)
	}
	if w.unsigned == 0 || s.signed {
		w.timer.Stop()
		if s.unsigned > 0 {
			w.timer.Reset(w.options.CheckpointInterval)
		}
	}
	w.due = w.due && !s.signed
	w.pending = audit.Recovered{}
	w.size, w.next, w.unsigned = w.size+int64(len(s.lines)), s.next, s.unsigned
	w.show()
	return nil
}

// cut removes what a failed write has left.
func (w *writer) cut() error {
	if !w.dirty {
		return nil
	}
	err := w.file.Truncate(w.size)
	w.dirty = err != nil
	return err
}

// sign writes a checkpoint where there is something to sign.
func (w *writer) sign() error {
	s, err := w.stage()
	if err != nil || s.unsigned == 0 {
		return err
	}
	if err := w.addCheckpoint(s); err != nil {
		return err
	}
	return w.flush(s)
}

// end closes the trail.
func (w *writer) end() error {
	w.timer.Stop()
	err := w.sign()
	if cut := w.cut(); err == nil && cut != nil {
		err = cannot("close the audit trail", cut)
	}
	if closed := errors.Join(w.file.Sync(), w.file.Close(), w.lock.Close()); err == nil && closed != nil {
		err = cannot("close the audit trail", closed)
	}
	w.shown.end()
	return err
}

// show lets readers see what has been written.
func (w *writer) show() {
	w.shown.update(view{old: w.old, current: segment{first: w.first, size: w.size}, last: w.next.Seq - 1})
}
