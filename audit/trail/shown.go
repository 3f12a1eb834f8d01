package trail

import (
	"context"
	"slices"
	"sync"
)

// maxPlaces is how many ends of reads are remembered.
const maxPlaces = 64

// view is what has been written: all of it can be read, whatever the writer does.
type view struct {
	old     []segment
	current segment
	last    uint64
	ended   bool
}

// shown hands the view from the writer to readers.
type shown struct {
	mu   sync.Mutex
	view view
	// changed is closed when the view changes; nil while nobody waits.
	changed chan struct{}
	// places are where reads have ended: the next ones begin there.
	places []place
}

// place is where the line behind a seq begins.
type place struct {
	seq, first uint64
	offset     int64
}

func (s *shown) update(v view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = v
	s.wake()
}

func (s *shown) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view.ended = true
	s.wake()
}

func (s *shown) wake() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

func (s *shown) snapshot() view {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

// wait returns once the trail ends with another line than that, or has ended.
func (s *shown) wait(ctx context.Context, after uint64) (view, error) {
	for {
		s.mu.Lock()
		v := s.view
		if v.last != after || v.ended {
			s.mu.Unlock()
			return v, nil
		}
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return view{}, ended(ctx)
		}
	}
}

// offset returns where the line behind a seq begins in a segment, as far as it is
// remembered.
func (s *shown) offset(seq, first uint64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.places {
		if p.seq == seq && p.first == first {
			return p.offset
		}
	}
	return 0
}

func (s *shown) remember(p place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.places, p) {
		return
	}
	if len(s.places) == maxPlaces {
		s.places = slices.Delete(s.places, 0, 1)
	}
	s.places = append(s.places, p)
}

// deletedSince tells whether a segment of an earlier view is gone.
func (v view) deletedSince(earlier view) bool {
	return v.segments()[0].first > earlier.segments()[0].first
}

func (v view) segments() []segment { return append(slices.Clip(v.old), v.current) }
