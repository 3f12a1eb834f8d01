package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

//go:embed report.html
var page string

const (
	// maxShown bounds the rows of a table, and maxApps the names in a cell.
	maxShown = 300
	maxApps  = 12
	// maxText bounds in bytes what is shown of one text.
	maxText = 400
)

// pageTemplate escapes by context: names, reasons and subjects are tenants' text.
// It is parsed when it is needed, since every worker is this program too.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Funcs(template.FuncMap{
		"clean": func(text string) string { return fault.Clean(text, maxText) },
		"bar":   func(n, most int, class string) bar { return bar{class, share(n, most)} },
		"plural": func(n int, noun string) string {
			if n == 1 {
				return "1 " + noun
			}
			return fmt.Sprintf("%d %ss", n, noun)
		},
		"short":   func(text string) string { return text[:min(len(text), 10)] },
		"meaning": meaning,
		"apps":    appNames,
	}).Parse(page))
})

// styleHash names the page's own style sheet in its Content-Security-Policy, so
// that no other has any effect.
func styleHash() string {
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// bar is the bar of one row of a table.
type bar struct{ Class, Length string }

// share is how long a bar is, out of 100.
func share(n, of int) string {
	if of <= 0 {
		return "0"
	}
	return fmt.Sprintf("%.1f", 100*float64(n)/float64(of))
}

// meaning says in words what a code stands for; empty where it is not known.
func meaning(code string) string {
	for _, known := range fault.Codes() {
		if string(known.Code) == code {
			return known.Title
		}
	}
	return ""
}

// appNames lists as many applications as a cell holds.
func appNames(apps set) string {
	names := apps.sorted()
	left := ""
	if len(names) > maxApps || apps.More {
		shown := min(len(names), maxApps)
		left = fmt.Sprintf(" and %d more", len(names)-shown)
		if apps.More {
			left = fmt.Sprintf(" and more than %d others", len(names)-shown)
		}
		names = names[:shown]
	}
	for i, name := range names {
		names[i] = fault.Clean(name, 100)
	}
	return strings.Join(names, ", ") + left
}

// table is the rows of a section, and how many were left out of it.
type table[T any] struct {
	Rows []T
	// Left is how many rows there are beyond those, Uncounted how many events
	// found no place at all.
	Left, Uncounted int
	// Most is the largest count, which the longest bar stands for.
	Most int
}

// Total is how many rows there are.
func (t table[T]) Total() int { return len(t.Rows) + t.Left }

func bounded[T any](rows []T, uncounted int) table[T] {
	shown := min(len(rows), maxShown)
	return table[T]{Rows: rows[:shown], Left: len(rows) - shown, Uncounted: uncounted}
}

func (t tally) table(count func(*row) int) table[*row] {
	made := bounded(t.sorted(count), t.left)
	if len(made.Rows) > 0 {
		made.Most = count(made.Rows[0])
	}
	return made
}

// pageData is what the page shows.
type pageData struct {
	*Report
	Version, Period, AsOf, Zone, Scope            string
	Verification                                  Verification
	Totals                                        figures
	Apps                                          set
	Chart                                         *chart
	Rules, Projects, Codes, Environments, Authors table[*row]
	Waivers                                       table[waiverRow]
	Secrets                                       table[secretRow]
	// Oldest is the largest age of a version in use, Behind how many versions are
	// in use that are not the newest, Expiring how many waivers need a look.
	Oldest, Behind, Expiring int
	Changes                  []appChanges
	ChangesLeft              int
	Platform                 table[occasion]
}

// Write writes one page that needs no other file, script or font.
func (r *Report) Write(w io.Writer) error { return pageTemplate().Execute(w, r.page()) }

func (r *Report) page() pageData {
	counts := func(t *row) int { return t.Count }
	waived, used := r.waivers.sorted(r.options.AsOf), r.secrets.sorted(r.options.AsOf)
	data := pageData{
		Report: r, Version: r.options.Version, Scope: r.options.Scope, Verification: r.options.Verification,
		Period: r.period(), AsOf: r.options.AsOf.In(r.options.Location).Format("2 January 2006"), Zone: r.zone(),
		Totals: r.totals, Apps: r.apps, Chart: newChart(r.days),
		Rules: r.rules.table(counts), Codes: r.codes.table(counts),
		Projects:     r.projects.table(func(t *row) int { return t.Denied }),
		Environments: r.environments.table(func(t *row) int { return t.Renders }),
		Authors:      r.authors.table(counts),
		Waivers:      bounded(waived, r.waivers.left),
		Secrets:      bounded(used, r.secrets.left),
		Platform:     bounded(r.platform.newestFirst(), 0),
		Changes:      r.byApp(), ChangesLeft: r.changes.total - len(r.changes.list),
	}
	for _, one := range used {
		if one.State() != "unused" {
			data.Oldest = max(data.Oldest, one.Age)
		}
		if one.State() == "behind" {
			data.Behind++
		}
	}
	for _, one := range waived {
		if one.State() != "holds" {
			data.Expiring++
		}
	}
	return data
}

// zone names the zone of the report's times.
func (r *Report) zone() string {
	if name := r.options.Location.String(); name != "Local" {
		return name
	}
	return r.options.AsOf.In(r.options.Location).Format("MST -07:00")
}

// Style is the source of the policy for the page's style sheet.
func (pageData) Style() string { return styleHash() }

// At writes a time to the second in the report's zone.
func (r *Report) At(t time.Time) string { return t.In(r.options.Location).Format(time.DateTime) }

// On writes the day of a time.
func (r *Report) On(t time.Time) string { return t.In(r.options.Location).Format(time.DateOnly) }

// period says in words what is reported on: what was asked for, or what there is.
func (r *Report) period() string {
	from, until := r.options.Period.From, r.options.Period.Until
	if from.IsZero() {
		from = r.first
	}
	if until.IsZero() {
		until = r.last
	} else {
		// The end does not belong to it.
		until = until.Add(-1)
	}
	if from.IsZero() || until.IsZero() {
		return "no events"
	}
	first, last := from.In(r.options.Location).Format("2 January 2006"), until.In(r.options.Location).Format("2 January 2006")
	if first == last {
		return first
	}
	return first + " to " + last
}

// appChanges are the changes of one application, the newest first.
type appChanges struct {
	App  string
	List []change
}

// byApp puts the changes of each application together, in the order of names.
func (r *Report) byApp() []appChanges {
	at := map[string]int{}
	var list []appChanges
	for _, one := range r.changes.newestFirst() {
		i, known := at[one.App]
		if !known {
			i, at[one.App] = len(list), len(list)
			list = append(list, appChanges{App: one.App})
		}
		list[i].List = append(list[i].List, one)
	}
	slices.SortFunc(list, func(a, b appChanges) int { return cmp.Compare(a.App, b.App) })
	return list
}

// cause says in words what changed an application.
func (c change) Cause() string {
	switch c.By {
	case query.First:
		return "first render"
	default:
		return string(c.By)
	}
}
