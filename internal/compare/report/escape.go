package report

import (
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

// maxRows bounds each table of a comment, and maxTable its size in bytes.
const (
	maxRows  = 30
	maxTable = 12_000
)

// longestRun is the longest run of backticks, of three at least: a fence must be
// longer.
func longestRun(lines []string) int {
	longest := 2
	for _, line := range lines {
		run := 0
		for i := range len(line) {
			if line[i] != '`' {
				run = 0
				continue
			}
			run++
			longest = max(longest, run)
		}
	}
	return longest
}

// code puts a text into Markdown as code. All that could mean something to
// Markdown or HTML, or to those who look for mentions, is written as an entity.
func code(text string) string {
	if text == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("<code>")
	for _, r := range fault.Clean(text, maxValue) {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 0x7e || strings.ContainsRune(" -/,", r)
		if plain {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "&#%d;", r)
		}
	}
	b.WriteString("</code>")
	return b.String()
}

// mdTable is a table of at most maxRows rows, which counts the rest.
type mdTable struct {
	b                    strings.Builder
	columns, shown, left int
}

func (t *mdTable) head(names ...string) {
	t.columns = len(names)
	fmt.Fprintf(&t.b, "| %s |\n|%s\n", strings.Join(names, " | "), strings.Repeat(" --- |", len(names)))
}

func (t *mdTable) row(cells ...string) {
	row := fmt.Sprintf("| %s |\n", strings.Join(cells, " | "))
	if t.left > 0 || t.shown == maxRows || t.b.Len()+len(row) > maxTable {
		t.left++
		return
	}
	t.shown++
	t.b.WriteString(row)
}

func (t *mdTable) String() string {
	text := t.b.String()
	if t.left > 0 {
		text += fmt.Sprintf("| %s%s\n", prose.Several(t.left, "more row"), strings.Repeat(" |", t.columns))
	}
	return text + "\n"
}
