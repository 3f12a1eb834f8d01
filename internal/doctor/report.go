package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

// The formats of a report.
const (
	Table = "table"
	JSON  = "json"
)

// Look says how a table looks.
type Look struct {
	// Color is for terminals: it marks each finding with a sign in a color, where
	// there is a word without it.
	Color bool
	// Signs are for terminals that show more than ASCII.
	Signs bool
	// Width is how many characters a line holds; 0 breaks no line.
	Width int
}

// marks are how a table shows a status.
var marks = map[Status]struct{ sign, word, color string }{
	OK:        {"✓", "ok", prose.Green},
	Warning:   {"!", "warning", prose.Yellow},
	Failed:    {"✗", "FAILED", prose.Red},
	Unchecked: {"–", "not checked", prose.Cyan},
}

// Known refuses a format that does not exist.
func Known(format string) error {
	if format == Table || format == JSON {
		return nil
	}
	return fault.New(fault.Parameter, "there is no format %q", fault.Clean(format, 80)).WithFix("use table or json")
}

// Write writes a report in a format.
func (r Report) Write(w io.Writer, format string, look Look) error {
	if format == JSON {
		return r.writeJSON(w)
	}
	return r.writeTable(w, look)
}

func (r Report) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Report
		Summary map[Status]int `json:"summary"`
	}{r, map[Status]int{OK: r.Count(OK), Warning: r.Count(Warning), Failed: r.Count(Failed), Unchecked: r.Count(Unchecked)}})
}

// writeTable writes a block for each area and a last line with the totals.
func (r Report) writeTable(w io.Writer, look Look) error {
	var b strings.Builder
	if r.Config != "" {
		fmt.Fprintf(&b, "plugin.yaml: %s\n\n", r.Config)
	}
	for i, finding := range r.Findings {
		if i == 0 || r.Findings[i-1].Area != finding.Area {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(look.paint(prose.Bold, string(finding.Area)) + "\n")
		}
		if i > 0 && strings.Contains(finding.Fix, "\n") && finding.Fix == r.Findings[i-1].Fix {
			finding.Fix = "as above"
		}
		look.write(&b, finding)
	}
	fmt.Fprintf(&b, "\n%s\n", r.totals())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r Report) totals() string {
	parts := []string{fmt.Sprintf("%d ok", r.Count(OK)), prose.Several(r.Count(Warning), "warning"), fmt.Sprintf("%d failed", r.Count(Failed))}
	if unchecked := r.Count(Unchecked); unchecked > 0 {
		parts = append(parts, fmt.Sprintf("%d not checked", unchecked))
	}
	return strings.Join(parts, ", ")
}

func (l Look) paint(color, text string) string {
	if !l.Color {
		return text
	}
	return prose.Paint(color, text)
}

// write writes one finding: what was looked at, what was seen, and below it what
// mends it, which is never broken into lines so that it can be copied.
func (l Look) write(b *strings.Builder, finding Finding) {
	mark := marks[finding.Status]
	shown := fmt.Sprintf("%-11s", mark.word)
	if l.Signs {
		shown = mark.sign
	}
	indent := strings.Repeat(" ", 2+utf8.RuneCountInString(shown)+2)
	about := finding.Check
	if finding.Subject != "" {
		about += " " + finding.Subject
	}
	text := about + ": " + finding.Seen
	if finding.Code != "" {
		text = about + ": " + string(finding.Code) + ": " + finding.Seen
	}
	fmt.Fprintf(b, "  %s  %s\n", l.paint(mark.color, shown), prose.Hang(text, indent, l.Width))
	if finding.Fix == "" {
		return
	}
	first, rest, more := strings.Cut(finding.Fix, "\n")
	fmt.Fprintf(b, "%sfix: %s\n", indent, first)
	if !more {
		return
	}
	for line := range strings.SplitSeq(rest, "\n") {
		// A here-document ends with its word at the beginning of a line.
		fmt.Fprintf(b, "%s\n", line)
	}
}
