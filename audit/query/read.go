package query

import (
	"container/heap"
	"context"
	"errors"
	"io"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxFaults bounds how many bad lines are told one by one.
const maxFaults = 50

// Stats say what was read.
type Stats struct {
	// Events were whole; Bad lines were not, and were passed over.
	Events, Bad int
	// Faults locate the bad lines, the first ones where there are many.
	Faults fault.List
	// Unfinished are files whose last line has no end: it is being written, or the
	// process ended while it was. The line is not among the bad ones.
	Unfinished []string
}

func (s *Stats) bad(f *fault.Error) {
	s.Bad++
	if len(s.Faults) < maxFaults {
		s.Faults = append(s.Faults, f)
	}
}

// Read calls each with every event, in the order of a trail, and between trails
// in the order of time. It goes on after lines that are no events. It ends with
// the first error of each, of ctx, or of a file that cannot be read.
func Read(ctx context.Context, streams []Stream, each func(*Record) error) (Stats, error) {
	var stats Stats
	var waiting earliest
	defer func() {
		for _, r := range waiting {
			r.lines.close()
		}
	}()
	for i, stream := range streams {
		r := &reader{lines: newLines(stream, &stats), index: i}
		waiting = append(waiting, r)
		if err := r.advance(); errors.Is(err, io.EOF) {
			waiting = waiting[:len(waiting)-1]
		} else if err != nil {
			return stats, err
		}
	}
	heap.Init(&waiting)
	for len(waiting) > 0 {
		if stats.Events%1024 == 0 && ctx.Err() != nil {
			return stats, context.Cause(ctx)
		}
		stats.Events++
		first := waiting[0]
		if err := each(&first.record); err != nil {
			return stats, err
		}
		switch err := first.advance(); {
		case err == nil:
			heap.Fix(&waiting, 0)
		case errors.Is(err, io.EOF):
			heap.Pop(&waiting)
		default:
			return stats, err
		}
	}
	return stats, nil
}

// reader holds the next event of one stream.
type reader struct {
	lines   *lines
	decoder decoder
	record  Record
	index   int
}

// advance goes to the next line that is an event.
func (r *reader) advance() error {
	for {
		line, finished, err := r.lines.next()
		if err != nil {
			return err
		}
		r.record.Line, r.record.File, r.record.Number = line, r.lines.name, r.lines.number
		switch bad := r.decoder.decode(&r.record); {
		case bad == nil:
			return nil
		case finished:
			r.lines.stats.bad(bad)
		default:
			r.lines.stats.Unfinished = append(r.lines.stats.Unfinished, r.lines.name)
		}
	}
}

// earliest is a heap of readers by the time of their events.
type earliest []*reader

func (e earliest) Len() int { return len(e) }
func (e earliest) Less(i, j int) bool {
	a, b := e[i], e[j]
	if a.record.Time.Equal(b.record.Time) {
		return a.index < b.index
	}
	return a.record.Time.Before(b.record.Time)
}
func (e earliest) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *earliest) Push(x any)   { *e = append(*e, x.(*reader)) }
func (e *earliest) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}
