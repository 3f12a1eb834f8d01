package query

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

const (
	// measured is how many rows decide how wide the columns are; a longer text
	// that comes later pushes the rest of its row.
	measured = 200
	// maxName and maxWhat bound in bytes what a table shows of one text.
	maxName = 100
	maxWhat = 600
	// minWhat is how many characters the last column needs beside the others;
	// where they are not there, it goes on a line of its own.
	minWhat = 30
	// atOutcome is the column that has colors.
	atOutcome = 5
)

// table writes one row for each event.
type table struct {
	w       io.Writer
	options Options
	filter  *Filter
	waiting [][]string
	widths  []int
}

// zone names the zone of a column of times.
func zone(location *time.Location) string {
	if name := location.String(); name != "Local" {
		return name
	}
	return "local time"
}

func (t *table) header() []string {
	cells := []string{"TIME (" + zone(t.options.Location) + ")", "APP", "ENVIRONMENT", "REVISION", "AUTHOR", "OUTCOME"}
	if t.filter.changed {
		cells = append(cells, "CHANGED BY")
	}
	return append(cells, "WHAT")
}

func (t *table) add(m match) error {
	cells := []string{
		m.Time.In(t.options.Location).Format(time.DateTime),
		name(m.App), name(m.Environment), name(m.Revision[:min(len(m.Revision), 10)]), name(m.Author), outcome(&m.Event),
	}
	if t.filter.changed {
		cells = append(cells, string(m.change))
	}
	cells = append(cells, fault.Clean(t.what(m), maxWhat))
	if t.widths != nil {
		return t.write(cells)
	}
	t.waiting = append(t.waiting, cells)
	if len(t.waiting) == measured {
		return t.flush()
	}
	return nil
}

func name(text string) string { return cmp.Or(fault.Clean(text, maxName), "-") }

// outcome is the decision of the gate where that is how it ended, and else the
// code.
func outcome(e *audit.Event) string {
	if e.Verdict != nil && (e.Outcome == OK || fault.Code(e.Outcome).Denies()) {
		return name(e.Verdict.Decision)
	}
	return name(e.Outcome)
}

// what says the most of an event that the other columns do not: what was asked
// for, why it did not pass, and what the commit or the event says of itself.
func (t *table) what(m match) string {
	var parts []string
	if len(t.filter.secrets) > 0 || m.Type == audit.Secret {
		parts = append(parts, joined(m.references, SecretName))
	}
	if v := m.Verdict; v != nil {
		switch v.Decision {
		case "deny":
			parts = append(parts, strings.Join(v.Denied, ", "))
		case "waived":
			parts = append(parts, joined(v.Waived, func(w audit.Waiver) string { return w.Rule + " until " + w.Expires + " (" + w.Owner + ")" }))
		case "warn":
			parts = append(parts, strings.Join(v.Warned, ", "))
		}
	}
	if m.Type != audit.Render {
		parts = append(parts, string(m.Type))
	}
	if len(m.Codes) > 1 {
		parts = append(parts, strings.Join(m.Codes, ", "))
	}
	parts = append(parts, cmp.Or(m.Subject, m.Message))
	text := ""
	for _, part := range parts {
		if part != "" && text != "" {
			text += ": "
		}
		text += part
	}
	return text
}

// flush writes what was held back to measure the columns.
func (t *table) flush() error {
	if t.widths != nil || len(t.waiting) == 0 {
		return nil
	}
	header := t.header()
	t.widths = make([]int, len(header)-1)
	grow(t.widths, append([][]string{header}, t.waiting...))
	if t.narrow() {
		header[len(header)-1] = ""
	}
	if err := t.write(header); err != nil {
		return err
	}
	for _, cells := range t.waiting {
		if err := t.write(cells); err != nil {
			return err
		}
	}
	t.waiting = nil
	return nil
}

// write writes a row. The last cell hangs beside the others or stands below.
func (t *table) write(cells []string) error {
	last := len(cells) - 1
	offset := 0
	for _, width := range t.widths {
		offset += width + len(gap)
	}
	// The column is padded before it is painted, so that colors change no width.
	row := line(t.widths[:atOutcome], cells[:atOutcome]) +
		prose.Paint(t.color(cells[atOutcome]), line(t.widths[atOutcome:atOutcome+1], cells[atOutcome:atOutcome+1])) +
		line(t.widths[atOutcome+1:], cells[atOutcome+1:last])
	const below = "    "
	switch what := cells[last]; {
	case what == "":
	case t.narrow():
		row = strings.TrimRight(row, " ") + "\n" + below + prose.Hang(what, below, t.options.Width)
	default:
		row += prose.Hang(what, strings.Repeat(" ", offset), t.options.Width)
	}
	_, err := io.WriteString(t.w, strings.TrimRight(row, " ")+"\n")
	return err
}

// narrow tells that the last column has no room beside the others.
func (t *table) narrow() bool {
	room := t.options.Width
	for _, width := range t.widths {
		room -= width + len(gap)
	}
	return t.options.Width > 0 && room < minWhat
}

var colors = map[string]string{"deny": prose.Red, "warn": prose.Yellow, "waived": prose.Cyan}

func (t *table) color(outcome string) string {
	switch {
	case !t.options.Color:
		return ""
	case strings.HasPrefix(outcome, "E_"):
		return prose.Red
	default:
		return colors[outcome]
	}
}

const gap = "  "

// grow makes widths hold the cells.
func grow(widths []int, rows [][]string) {
	for _, cells := range rows {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(cells[i]))
		}
	}
}

// line pads cells to their widths.
func line(widths []int, cells []string) string {
	var b strings.Builder
	for i, cell := range cells {
		fmt.Fprintf(&b, "%-*s%s", widths[i], cell, gap)
	}
	return b.String()
}

func (t *table) end(stats Stats, matched int, more bool) error {
	if err := t.flush(); err != nil {
		return err
	}
	text := fmt.Sprintf("%d of %d events\n", matched, stats.Events)
	switch {
	case more && t.options.Reverse:
		text = fmt.Sprintf("the last %d events; --limit leaves out others\n", matched)
	case more:
		text = fmt.Sprintf("the first %d events; --limit leaves out others\n", matched)
	}
	if matched > 0 {
		text = "\n" + text
	}
	_, err := io.WriteString(t.w, text)
	return err
}
