package trail

import (
	"cmp"
	"slices"
	"sync"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxReaders and maxReaderName bound what a recovery event says of readers.
const (
	maxReaders    = 32
	maxReaderName = 64
)

// readers are those that need lines.
type readers struct {
	mu     sync.Mutex
	byName map[string]func() uint64
}

// Retain keeps lines that a reader still needs: all from the seq on that needed
// returns. Where the trail has to delete some of them all the same, it says so
// in a recovery event with the reader's name; where [Options].Required is set, it
// refuses to go on instead.
//
// Call Retain before the first Append. needed must be quick, safe for concurrent
// use, and must not call the trail. A second call with a name replaces the first,
// nil takes it back. There can be 32 readers.
func (t *Trail) Retain(name string, needed func() uint64) error {
	return t.readers.set(fault.Clean(name, maxReaderName), needed)
}

func (r *readers) set(name string, needed func() uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if needed == nil {
		delete(r.byName, name)
		return nil
	}
	if _, known := r.byName[name]; !known && len(r.byName) == maxReaders {
		return fault.New(fault.Audit, "the audit trail has %d readers already", maxReaders)
	}
	if r.byName == nil {
		r.byName = map[string]func() uint64{}
	}
	r.byName[name] = needed
	return nil
}

// needs asks every reader for the first seq that it needs.
func (r *readers) needs() []audit.Missed {
	r.mu.Lock()
	defer r.mu.Unlock()
	var needs []audit.Missed
	for name, needed := range r.byName {
		needs = append(needs, audit.Missed{Reader: name, From: needed()})
	}
	slices.SortFunc(needs, func(a, b audit.Missed) int { return cmp.Compare(a.Reader, b.Reader) })
	return needs
}

// full says which reader keeps the trail from going on.
func full(need audit.Missed) error {
	return fault.New(fault.AuditFull, "the audit trail has reached its size, and the reader %s still needs line %d", need.Reader, need.From).
		WithFix("look why %s is behind, or raise audit.maxSize", need.Reader)
}
