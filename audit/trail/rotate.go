package trail

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
)

// segment is a file of the trail.
type segment struct {
	first uint64
	// size is that of its whole lines, in bytes.
	size int64
}

func (t *Trail) path(first uint64) string {
	return filepath.Join(t.options.Directory, chain.SegmentName(first))
}

// makeRoom goes on to a new segment where the current one has no room for an
// event.
func (w *writer) makeRoom(bytes int) error {
	if w.size == 0 || w.hasRoom(bytes) {
		return nil
	}
	return w.rotate(max(w.options.SegmentSize, int64(bytes)+closingSize))
}

// rotate closes the segment and begins the next one, which may need that many
// bytes. The new file is made before the old one is closed, and old files are
// deleted after the trail has recorded it: at no point can a crash or a full
// disk leave something that cannot be explained.
func (w *writer) rotate(room int64) error {
	gone, err := w.choose(room)
	if err != nil {
		return err
	}
	s, err := w.stage()
	if err != nil {
		return err
	}
	if gone.count > 0 && gone.removed.To > w.recorded {
		if err := w.addOwn(s, gone.event()); err != nil {
			return err
		}
	}
	if s.unsigned > 0 {
		if err := w.addCheckpoint(s); err != nil {
			return err
		}
	}
	file, err := w.begin(s.next.Seq, s)
	if err != nil {
		return err
	}
	closed := segment{first: w.first, size: w.size}
	if err := w.file.Close(); err != nil {
		w.options.Warn(cannot("close a file of the audit trail", err))
	}
	w.file, w.first, w.size, w.dirty = file, w.next.Seq, 0, false
	w.old = append(slices.Clone(w.old), closed)
	w.recorded = max(w.recorded, gone.removed.To)
	w.remove(gone.count)
	w.show()
	return nil
}

// begin makes the file of the segment that begins with a seq, and writes the
// staged lines to the current one. Its lines are on the disk before the next
// segment has some, whatever Sync says, so that a power cut leaves no hole
// between two files.
func (w *writer) begin(seq uint64, s *stage) (*os.File, error) {
	path := w.path(seq)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, cannot("begin a file of the audit trail", err)
	}
	err = w.flush(s)
	if err == nil {
		if failed := w.file.Sync(); failed != nil {
			err = cannot("write the audit trail to the disk", failed)
		}
	}
	if err != nil {
		_ = file.Close()
		_ = os.Remove(path)
		return nil, err
	}
	syncDirectory(w.options.Directory)
	return file, nil
}

// syncDirectory makes names last. Some file systems cannot, and need not.
func syncDirectory(dir string) {
	if file, err := os.Open(dir); err == nil {
		_ = file.Sync()
		_ = file.Close()
	}
}

// remove deletes the oldest segments. One that cannot be deleted stays until the
// next rotation.
func (w *writer) remove(count int) {
	for range count {
		if err := os.Remove(w.path(w.old[0].first)); err != nil {
			w.options.Warn(cannot("delete an old file of the audit trail", err))
			return
		}
		w.old = w.old[1:]
	}
}

// removal is the choice of what to delete.
type removal struct {
	count   int
	removed audit.Removed
}

// choose picks the oldest segments that must go, so that there are so many bytes
// of room. The current one is never among them: the next begins with its hash.
func (w *writer) choose(room int64) (removal, error) {
	total := w.size + closingSize + room
	for _, s := range w.old {
		total += s.size
	}
	var gone removal
	needs := w.readers.needs()
	for i, s := range w.old {
		if total <= w.options.MaxSize {
			break
		}
		last := w.first - 1
		if i+1 < len(w.old) {
			last = w.old[i+1].first - 1
		}
		for _, need := range needs {
			if w.options.Required && need.From <= last {
				return removal{}, full(need)
			}
		}
		total -= s.size
		gone.count, gone.removed.From, gone.removed.To = i+1, w.old[0].first, last
	}
	for _, need := range needs {
		if gone.count > 0 && need.From <= gone.removed.To {
			need.From = max(need.From, gone.removed.From)
			gone.removed.Readers = append(gone.removed.Readers, need)
		}
	}
	return gone, nil
}

// event is what the trail says of a removal.
func (r removal) event() audit.Event {
	event := audit.Event{
		Type: audit.Retention, Removed: &r.removed,
		Message: fmt.Sprintf("the oldest lines were deleted: %d to %d", r.removed.From, r.removed.To),
	}
	if missed := len(r.removed.Readers); missed > 0 {
		event.Type = audit.Recovery
		event.Message += fmt.Sprintf("; %d of the readers had not read all of them", missed)
	}
	return event
}
