package query

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Format names a form of output.
type Format string

// The formats. JSON is one event a line, as it stands in the trail.
const (
	Table Format = "table"
	JSON  Format = "json"
	CSV   Format = "csv"
)

// Options say how an answer looks.
type Options struct {
	Format Format
	// By counts events by a thing they name, one of [Groups], instead of listing
	// them.
	By string
	// Limit is how many events or groups are shown at most; 0 shows all.
	Limit int
	// Reverse shows the newest first.
	Reverse bool
	// Color marks outcomes in a table.
	Color bool
	// Width is how many characters a line of a table holds; 0 breaks no line.
	Width int
	// Location is the zone that times are shown in.
	Location *time.Location
}

// match is an event that answers the question.
type match struct {
	*Record
	change Change
	// references and rules are those that were asked for.
	references []audit.Reference
	rules      []string
}

// rows is a form of output. It keeps nothing of a match.
type rows interface {
	add(match) error
	// end comes after the last match. more tells that the limit left others out.
	end(stats Stats, matched int, more bool) error
}

// Answer writes the events of the streams that a filter lets through, and tells
// what was read. Lines that are no events are passed over and told in the stats.
func Answer(ctx context.Context, w io.Writer, streams []Stream, filter *Filter, options Options) (Stats, error) {
	shown, err := options.rows(w, filter)
	if err != nil {
		return Stats{}, err
	}
	var kept *newest
	if options.Reverse && options.By == "" {
		kept = &newest{limit: options.Limit}
	}
	matched := 0
	stats, err := Select(ctx, streams, filter, func(r *Record, change Change) error {
		switch {
		case kept != nil:
			matched++
			return kept.add(r, change)
		case options.Limit > 0 && options.By == "" && matched == options.Limit:
			return errLimit
		default:
			matched++
			return shown.add(filter.match(r, change))
		}
	})
	more := errors.Is(err, errLimit)
	if err != nil && !more {
		return stats, err
	}
	if kept != nil {
		more = len(kept.events) < matched
		matched = len(kept.events)
		if err := kept.show(filter, shown); err != nil {
			return stats, err
		}
	}
	return stats, shown.end(stats, matched, more)
}

// Select calls each with every event that answers a question, and with how it
// changed what its application consists of.
func Select(ctx context.Context, streams []Stream, filter *Filter, each func(*Record, Change) error) (Stats, error) {
	var changes changes
	return Read(ctx, streams, func(r *Record) error {
		if !filter.concerns(r) {
			return nil
		}
		change, err := changes.add(&r.Event)
		if err != nil || !filter.answers(r, change) {
			return err
		}
		return each(r, change)
	})
}

// errLimit ends the reading.
var errLimit = errors.New("enough")

func (f *Filter) match(r *Record, change Change) match {
	return match{Record: r, change: change, references: f.used(r), rules: f.ruled(r)}
}

func (o Options) rows(w io.Writer, filter *Filter) (rows, error) {
	if err := oneOf("--output", string(o.Format), string(Table), string(JSON), string(CSV)); err != nil {
		return nil, err
	}
	if o.Limit < 0 {
		return nil, fault.New(fault.Parameter, "--limit is below 0")
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.By != "" {
		if !slices.Contains(Groups(), o.By) {
			return nil, fault.New(fault.Parameter, "--by does not know %q", fault.Clean(o.By, 80)).Like(o.By, Groups()).WithFix("use one of %s", strings.Join(Groups(), ", "))
		}
		return &groups{w: w, options: o, counts: map[string]*group{}}, nil
	}
	switch o.Format {
	case JSON:
		return jsonRows{w: w}, nil
	case CSV:
		return &csvRows{w: w}, nil
	default:
		return &table{w: w, options: o, filter: filter}, nil
	}
}
