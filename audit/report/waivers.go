package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// waivers counts the uses of exceptions.
type waivers struct {
	uses map[audit.Waiver]*use
	left int
}

// use tells by whom and when something was used.
type use struct {
	Apps        set
	Count       int
	First, Last time.Time
}

func (u *use) add(app string, at time.Time) {
	u.Count++
	u.Apps.add(app)
	if u.First.IsZero() {
		u.First = at
	}
	u.Last = at
}

func (w *waivers) add(e *audit.Event) {
	for _, waiver := range e.Verdict.Waived {
		used := w.uses[waiver]
		if used == nil {
			if len(w.uses) >= maxRows {
				w.left++
				continue
			}
			if w.uses == nil {
				w.uses = map[audit.Waiver]*use{}
			}
			used = &use{}
			w.uses[waiver] = used
		}
		used.add(e.App, e.Time)
	}
}

// waiverRow is a waiver that was used.
type waiverRow struct {
	audit.Waiver
	*use
	// Days are left, 0 on the last one; Known is false where the text is no day.
	Days  int
	Known bool
}

// State names how urgent a waiver is.
func (w waiverRow) State() string {
	switch {
	case !w.Known:
		return "unknown"
	case w.Days < 0:
		return "expired"
	case w.Days < 14:
		return "soon"
	default:
		return "holds"
	}
}

// sorted puts first what ends first.
func (w *waivers) sorted(asOf time.Time) []waiverRow {
	list := make([]waiverRow, 0, len(w.uses))
	for waiver, used := range w.uses {
		r := waiverRow{Waiver: waiver, use: used}
		// Expires is the last day in UTC.
		if last, err := time.Parse(time.DateOnly, waiver.Expires); err == nil {
			r.Days, r.Known = days(midnight(asOf, time.UTC), last), true
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b waiverRow) int {
		return cmp.Or(cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Object, b.Object), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

// days is how many days lie between, rounded to whole ones: they may have 23 or
// 25 hours.
func days(from, to time.Time) int { return int(to.Sub(from).Round(24*time.Hour) / (24 * time.Hour)) }
