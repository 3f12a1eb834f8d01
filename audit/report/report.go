// Package report makes one page of the audit trail for people who have to show
// that things are in order: what was rendered and denied, which waivers hold,
// which secrets are used by whom, who changed what, and whether the trail is
// whole.
package report

import (
	"context"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit/period"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
)

// Options say what a report is about.
type Options struct {
	// Period is what is reported on; a zero end is open. Events before it count
	// for when a secret was used first.
	Period period.Period
	// AsOf is the day that remaining days and ages count to.
	AsOf time.Time
	// Location is the zone of days and times.
	Location *time.Location
	// Scope says in words which part of the trail it is, such as "project
	// payments-*"; empty is all of it.
	Scope string
	// Version of the tool.
	Version string
	// Verification is what the check of the chain found.
	Verification Verification
}

// Verification is what a check of the trail's chain found. The zero value says
// that nobody checked.
type Verification struct {
	Checked bool
	// Whole tells that no line is missing or changed.
	Whole bool
	// Lines is how many were checked, and Signed for how many a signature holds.
	Lines, Signed int
	// Keys name the keys that signed.
	Keys []string
	// Findings say what is wrong or odd, one sentence each.
	Findings []string
}

// Report is what a page shows. Make one with [Collect].
type Report struct {
	options Options
	stats   query.Stats
	totals  figures
	// first and last are the times of the first and the last event.
	first, last  time.Time
	days         map[time.Time]*figures
	rules        tally
	projects     tally
	environments tally
	codes        tally
	authors      tally
	apps         set
	waivers      waivers
	secrets      secrets
	changes      latest[change]
	platform     latest[occasion]
}

// Collect reads the events that a filter lets through. The filter asks for no
// time: the period of the options does, where it should. Memory is bounded,
// whatever the trail holds.
func Collect(ctx context.Context, streams []query.Stream, filter *query.Filter, options Options) (*Report, error) {
	if options.Location == nil {
		options.Location = time.UTC
	}
	r := &Report{options: options, days: map[time.Time]*figures{}}
	var err error
	r.stats, err = query.Select(ctx, streams, filter, func(e *query.Record, change query.Change) error {
		if until := options.Period.Until; !until.IsZero() && !e.Time.Before(until) {
			return nil
		}
		from := options.Period.From
		within := from.IsZero() || !e.Time.Before(from)
		r.secrets.add(&e.Event, within)
		if within {
			r.add(e, change)
		}
		return nil
	})
	return r, err
}

// Stats tell what was read.
func (r *Report) Stats() query.Stats { return r.stats }
