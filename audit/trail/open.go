package trail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// openWriter takes the directory and finds the end of the chain in it.
func openWriter(t *Trail) (w *writer, err error) {
	if err := os.MkdirAll(t.options.Directory, 0o700); err != nil {
		return nil, cannot("make the directory of the audit trail", err)
	}
	held, err := lock(t.options.Directory)
	if err != nil {
		return nil, err
	}
	w = &writer{Trail: t, lock: held, due: true, timer: time.NewTimer(time.Hour)}
	w.timer.Stop()
	defer func() {
		if err == nil {
			return
		}
		_ = held.Close()
		if w.file != nil {
			_ = w.file.Close()
		}
	}()
	segments, err := w.withoutEmpty()
	if err != nil {
		return nil, err
	}
	if len(segments) == 0 {
		err = w.start()
	} else {
		err = w.resume(segments)
	}
	if err != nil {
		return nil, err
	}
	w.show()
	w.recover()
	return w, nil
}

// withoutEmpty lists the segments, without the empty one that a process has left
// that ended between two segments.
func (w *writer) withoutEmpty() ([]chain.Segment, error) {
	segments, err := chain.Segments(w.options.Directory)
	if err != nil {
		return nil, cannot("read the directory of the audit trail", err)
	}
	last := len(segments) - 1
	if last < 0 || segments[last].Size > 0 {
		return segments, nil
	}
	if last == 0 && segments[last].First > 1 {
		return nil, damaged(segments[last].Path, 0, "the file is empty, and what came before is gone")
	}
	if err := os.Remove(segments[last].Path); err != nil {
		return nil, cannot("delete an empty file of the audit trail", err)
	}
	return segments[:last], nil
}

// start begins a trail.
func (w *writer) start() (err error) {
	w.next = chain.Header{Seq: 1}
	w.first = 1
	w.file, err = os.OpenFile(w.path(1), os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return cannot("begin the audit trail", err)
	}
	syncDirectory(w.options.Directory)
	return nil
}

// resume goes on behind the last whole line.
func (w *writer) resume(segments []chain.Segment) error {
	current := segments[len(segments)-1]
	for _, s := range segments[:len(segments)-1] {
		w.old = append(w.old, segment{first: s.First, size: s.Size})
	}
	w.first = current.First
	file, err := os.OpenFile(current.Path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if err != nil {
		return cannot("read the audit trail", err)
	}
	w.file = file
	expect := expectation{seq: current.First, anchored: current.First > 1 && len(w.old) == 0}
	if len(w.old) > 0 {
		before := segments[len(segments)-2]
		line, err := lastLine(before)
		if err != nil {
			return err
		}
		header, ok := chain.ParseHeader(line)
		if !ok || header.Seq != current.First-1 {
			return damaged(before.Path, 0, fmt.Sprintf("it does not end with line %d", current.First-1))
		}
		expect.prev = chain.Hash(line)
	}
	return w.scan(current, expect)
}

// expectation is what the next line must be.
type expectation struct {
	seq  uint64
	prev chain.Sum
	// anchored means that prev is taken from the line itself: the lines before it
	// were deleted.
	anchored bool
}

// scan follows the chain through the last segment, to its last whole line.
func (w *writer) scan(current chain.Segment, expect expectation) error {
	lines := chain.NewLines(io.NewSectionReader(w.file, 0, current.Size))
	for number := 1; ; number++ {
		line, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return w.found(expect, 0)
		case errors.Is(err, chain.ErrTorn), errors.Is(err, chain.ErrTooLong):
			torn, hasEnd, err := measure(io.NewSectionReader(w.file, w.size, current.Size-w.size))
			if err != nil {
				return cannot("read the audit trail", err)
			}
			if hasEnd {
				return damaged(current.Path, number, chain.ErrTooLong.Error())
			}
			return w.found(expect, torn)
		case err != nil:
			return cannot("read the audit trail", err)
		}
		header, ok := chain.ParseHeader(line)
		switch {
		case !ok:
			return damaged(current.Path, number, "this is not a line of a trail")
		case header.Seq != expect.seq:
			return damaged(current.Path, number, fmt.Sprintf("it is line %d, and %d is due", header.Seq, expect.seq))
		case header.Prev != expect.prev && !expect.anchored:
			return damaged(current.Path, number, "it does not continue the line before")
		}
		w.size += int64(len(line)) + 1
		w.unsigned++
		if chain.IsSigned(line) {
			w.unsigned = 0
		}
		expect = expectation{seq: header.Seq + 1, prev: chain.Hash(line)}
	}
}

// found takes over the end of the chain.
func (w *writer) found(expect expectation, torn int64) error {
	if expect.anchored {
		return damaged(w.path(w.first), 1, "it has no whole line, and what came before is gone")
	}
	w.next = chain.Header{Seq: expect.seq, Prev: expect.prev}
	w.pending = audit.Recovered{TornBytes: torn, Unsigned: w.unsigned}
	w.dirty = torn > 0
	if err := w.cut(); err != nil {
		return cannot("cut off an unfinished line of the audit trail", err)
	}
	return nil
}

// recover records what was found. Where it cannot yet, the next event brings it
// along.
func (w *writer) recover() {
	if w.pending == (audit.Recovered{}) {
		return
	}
	s, err := w.stage()
	if err == nil {
		err = w.addCheckpoint(s)
	}
	if err == nil {
		err = w.flush(s)
	}
	if err != nil {
		w.options.Warn(err)
	}
}

// measure counts bytes, and tells whether a line ends among them.
func measure(r io.Reader) (size int64, hasEnd bool, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		size += int64(n)
		hasEnd = hasEnd || bytes.IndexByte(buf[:n], '\n') >= 0
		if errors.Is(err, io.EOF) {
			return size, hasEnd, nil
		}
		if err != nil {
			return 0, false, err
		}
	}
}

// lastLine reads the last line of a closed segment.
func lastLine(s chain.Segment) ([]byte, error) {
	file, err := os.OpenFile(s.Path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, cannot("read the audit trail", err)
	}
	defer func() { _ = file.Close() }()
	tail := make([]byte, min(s.Size, chain.MaxLine+2))
	if _, err := file.ReadAt(tail, s.Size-int64(len(tail))); err != nil {
		return nil, cannot("read the audit trail", err)
	}
	line, ended := bytes.CutSuffix(tail, []byte("\n"))
	if !ended {
		return nil, damaged(s.Path, 0, "its last line has no end, and a later file follows")
	}
	return line[bytes.LastIndexByte(line, '\n')+1:], nil
}

// describe says in a sentence what a recovery found.
func describe(r audit.Recovered) string {
	var parts []string
	if r.TornBytes > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes of an unfinished line were cut off", r.TornBytes))
	}
	if r.Unsigned > 0 {
		parts = append(parts, fmt.Sprintf("the trail was not closed, and its last %d lines were not signed yet", r.Unsigned))
	}
	if r.Refused > 0 {
		parts = append(parts, fmt.Sprintf("%d events before this one could not be written", r.Refused))
	}
	return strings.Join(parts, "; ")
}

// damaged refuses to continue a chain that is broken already.
func damaged(path string, line int, reason string) error {
	return fault.New(fault.Audit, "the audit trail cannot be continued: %s", reason).In(path, line).
		WithFix("argocd-seal audit verify shows what was changed; to begin a new trail, move the directory away")
}
