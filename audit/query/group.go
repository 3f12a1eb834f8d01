package query

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxGroups bounds how many groups are counted.
const maxGroups = 100_000

// Groups lists what events can be counted by.
func Groups() []string {
	return []string{"app", "project", "environment", "repo", "path", "revision", "author", "outcome", "decision", "rule", "secret", "type"}
}

// groups counts events by a thing that they name.
type groups struct {
	w       io.Writer
	options Options
	counts  map[string]*group
}

type group struct {
	name        string
	events      int
	first, last time.Time
}

// names returns what an event counts for. One that names nothing counts for
// nothing: a checkpoint has no author.
func (g *groups) names(m match) []string {
	switch g.options.By {
	case "app":
		return []string{m.App}
	case "project":
		return []string{m.Project}
	case "environment":
		return []string{m.Environment}
	case "repo":
		return []string{m.Repo}
	case "path":
		return []string{m.Path}
	case "revision":
		return []string{m.Revision}
	case "author":
		return []string{m.Author}
	case "outcome":
		return []string{m.Outcome}
	case "rule":
		return m.rules
	case "type":
		return []string{string(m.Type)}
	case "secret":
		names := make([]string, len(m.references))
		for i, reference := range m.references {
			reference.Key = ""
			names[i] = SecretName(reference)
		}
		slices.Sort(names)
		return slices.Compact(names)
	default:
		if m.Verdict == nil {
			return nil
		}
		return []string{m.Verdict.Decision}
	}
}

func (g *groups) add(m match) error {
	for _, name := range g.names(m) {
		if name == "" {
			continue
		}
		counted := g.counts[name]
		if counted == nil {
			if len(g.counts) >= maxGroups {
				return fault.New(fault.Limit, "there are more than %d groups", maxGroups).WithFix("ask for less, with --since or --project")
			}
			counted = &group{name: name, first: m.Time, last: m.Time}
			g.counts[name] = counted
		}
		counted.events++
		if m.Time.Before(counted.first) {
			counted.first = m.Time
		}
		if m.Time.After(counted.last) {
			counted.last = m.Time
		}
	}
	return nil
}

// sorted puts the most frequent first, or last.
func (g *groups) sorted() []*group {
	list := make([]*group, 0, len(g.counts))
	for _, counted := range g.counts {
		list = append(list, counted)
	}
	slices.SortFunc(list, func(a, b *group) int { return cmp.Or(cmp.Compare(b.events, a.events), cmp.Compare(a.name, b.name)) })
	if g.options.Reverse {
		slices.Reverse(list)
	}
	if g.options.Limit > 0 && len(list) > g.options.Limit {
		list = list[:g.options.Limit]
	}
	return list
}

func (g *groups) end(stats Stats, matched int, _ bool) error {
	list := g.sorted()
	switch g.options.Format {
	case JSON:
		return g.writeJSON(list)
	case CSV:
		return g.writeCSV(list)
	default:
		return g.writeTable(list, stats, matched)
	}
}

func (g *groups) writeJSON(list []*group) error {
	for _, counted := range list {
		line, err := json.Marshal(map[string]any{
			g.options.By: counted.name, "events": counted.events, "first": counted.first.UTC(), "last": counted.last.UTC(),
		})
		if err != nil {
			return err
		}
		if _, err := g.w.Write(append(printable(line), '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (g *groups) writeCSV(list []*group) error {
	if err := writeCSV(g.w, []string{g.options.By, "events", "first", "last"}); err != nil {
		return err
	}
	for _, counted := range list {
		cells := []string{counted.name, strconv.Itoa(counted.events), counted.first.UTC().Format(time.RFC3339Nano), counted.last.UTC().Format(time.RFC3339Nano)}
		if err := writeCSV(g.w, cells); err != nil {
			return err
		}
	}
	return nil
}

func (g *groups) writeTable(list []*group, stats Stats, matched int) error {
	at := func(t time.Time) string { return t.In(g.options.Location).Format(time.DateTime) }
	cells := [][]string{{strings.ToUpper(g.options.By), "EVENTS", "FIRST (" + zone(g.options.Location) + ")", "LAST"}}
	for _, counted := range list {
		cells = append(cells, []string{fault.Clean(counted.name, maxName), strconv.Itoa(counted.events), at(counted.first), at(counted.last)})
	}
	var b strings.Builder
	if len(list) > 0 {
		widths := make([]int, len(cells[0]))
		grow(widths, cells)
		for _, row := range cells {
			b.WriteString(strings.TrimRight(line(widths, row), " ") + "\n")
		}
		b.WriteByte('\n')
	}
	left := ""
	if len(list) < len(g.counts) {
		left = fmt.Sprintf(" in %d groups", len(g.counts))
	}
	fmt.Fprintf(&b, "%d of %d events%s\n", matched, stats.Events, left)
	_, err := io.WriteString(g.w, b.String())
	return err
}
