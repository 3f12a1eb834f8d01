package query

import (
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxKept bounds in bytes the events that wait to be shown newest first. Without
// a limit that is some 50,000 events.
const maxKept = 64 << 20

// newest keeps the last events that match, as many as the limit says.
type newest struct {
	limit  int
	events []kept
	size   int
}

type kept struct {
	line   []byte
	file   string
	number int
	change Change
}

func (n *newest) add(r *Record, change Change) error {
	if n.limit > 0 && len(n.events) == n.limit {
		n.size -= len(n.events[0].line)
		n.events[0] = kept{}
		n.events = n.events[1:]
	}
	n.size += len(r.Line)
	if n.size > maxKept {
		return fault.New(fault.Limit, "the events that match have more than %d MiB, which --reverse would have to hold", maxKept>>20).
			WithFix("give a --limit, or ask for less with --since")
	}
	n.events = append(n.events, kept{line: slices.Clone(r.Line), file: r.File, number: r.Number, change: change})
	return nil
}

func (n *newest) show(filter *Filter, shown rows) error {
	var d decoder
	for _, event := range slices.Backward(n.events) {
		record := Record{Line: event.line, File: event.file, Number: event.number}
		if err := d.decode(&record); err != nil {
			return err
		}
		if err := shown.add(filter.match(&record, event.change)); err != nil {
			return err
		}
	}
	return nil
}
