package report

import (
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

const (
	// maxMarkdown is the size in bytes of the longest comment: GitHub takes
	// 65,536 characters, and a pipeline may want to add something.
	maxMarkdown = 60_000
	// reserve is room for the last line, which says what was left out.
	reserve = 300
	// maxDiffLines bounds one object.
	maxDiffLines = 200
)

// Marker stands first in a comment, so that a pipeline finds its own one again.
const Marker = "<!-- argocd-seal diff -->"

// comment collects pieces of Markdown as long as there is room.
type comment struct {
	strings.Builder
	limit int
	// left counts the objects that found no room, and tables the other pieces.
	left, tables int
}

// markdown writes a report in at most limit bytes. Whatever comes from a
// repository stands in code, where neither Markdown, HTML nor a mention counts.
func markdown(report Report, limit int) string {
	c := &comment{limit: limit - reserve}
	fmt.Fprintf(c, "%s\n### argocd-seal: %s\n\n%s → %s\n\n", Marker, report, endOf(report.Before), endOf(report.After))
	c.table(overview(report))
	for _, a := range report.Applications {
		c.application(a)
	}
	var left []string
	if c.left > 0 {
		left = append(left, prose.Several(c.left, "more object"))
	}
	if c.tables > 0 {
		left = append(left, prose.Several(c.tables, "more table"))
	}
	if len(left) > 0 {
		fmt.Fprintf(c, "\n**%s** not shown here: the comment would be too long. `argocd-seal diff` shows all.\n", strings.Join(left, " and "))
	}
	return c.String()
}

// table writes what is no object.
func (c *comment) table(piece string) {
	if !c.add(piece) {
		c.tables++
	}
}

func endOf(e End) string {
	text := code(e.Name)
	if e.Commit != "" && !strings.HasPrefix(e.Commit, e.Name) {
		text += " (" + code(e.Commit[:min(len(e.Commit), 10)]) + ")"
	}
	return text
}

// add writes a piece, and nothing of it where there is no room for all.
func (c *comment) add(piece string) bool {
	if c.Len()+len(piece) > c.limit {
		return false
	}
	c.WriteString(piece)
	return true
}

// overview is the table of applications.
func overview(report Report) string {
	if len(report.Applications) == 0 {
		return ""
	}
	var t mdTable
	t.head("Application", "Environment", "Added", "Changed", "Removed", "Policies")
	for _, a := range report.Applications {
		name := code(a.Path)
		if a.Was != "" {
			name = code(a.Was) + " → " + name
		}
		switch {
		case len(a.Faults) > 0:
			name += " **cannot be rendered**"
		case a.Status == compare.Added:
			name += " is new"
		case a.Status == compare.Removed:
			name += " is gone"
		}
		env := ""
		if text := environment(a); text != "" {
			env = code(text)
		}
		t.row(name, env, count(a.Count(compare.Added)), count(a.Count(compare.Changed)), count(a.Count(compare.Removed)), denials(a))
	}
	return t.String()
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func denials(a compare.Application) string {
	come, gone := a.Denials()
	var parts []string
	if come > 0 {
		parts = append(parts, "**"+prose.Several(come, "new denial")+"**")
	}
	if gone > 0 {
		parts = append(parts, prose.Several(gone, "denial")+" gone")
	}
	if rest := len(a.Verdicts) + len(a.Warnings) - come - gone; rest > 0 {
		parts = append(parts, prose.Several(rest, "warning"))
	}
	return strings.Join(parts, ", ")
}

func (c *comment) application(a compare.Application) {
	title := "\n#### " + code(a.Path) + "\n\n"
	if !c.add(title) {
		c.left += len(a.Objects)
		if len(a.Objects) == 0 {
			c.tables++
		}
		return
	}
	for _, f := range a.FaultsBefore {
		c.table("Before, it could not be rendered: " + code(f.Error()) + "\n\n")
	}
	for _, f := range a.Faults {
		c.table("It cannot be rendered: " + code(f.Error()) + "\n\n")
	}
	c.table(policyTable(a))
	c.table(imageTable(a))
	c.table(secretTable(a))
	for _, o := range a.Objects {
		if !c.add(details(o, maxDiffLines)) && !c.add(details(o, 0)) {
			c.left++
		}
	}
}

func policyTable(a compare.Application) string {
	if len(a.Verdicts)+len(a.Warnings) == 0 {
		return ""
	}
	var t mdTable
	t.head("Policies", "Decision", "Rule", "Object", "Message")
	for _, v := range a.Verdicts {
		t.row(newOrGone(v.Status), string(v.Outcome.Decision), code(v.Outcome.Rule), code(v.Outcome.Object), code(v.Outcome.Message))
	}
	for _, w := range a.Warnings {
		t.row(newOrGone(w.Status), "warn", code(string(w.Fault.Code)), code(w.Fault.Object), code(w.Fault.Message))
	}
	return t.String()
}

func newOrGone(status compare.Status) string {
	if status == compare.Removed {
		return "gone"
	}
	return "**new**"
}

func imageTable(a compare.Application) string {
	if len(a.Images) == 0 {
		return ""
	}
	var t mdTable
	t.head("Images", "Container", "Before", "After")
	for _, image := range a.Images {
		t.row(code(image.Object), code(image.Container), code(image.Before), code(image.After))
	}
	return t.String()
}

// secretTable shows references and injections, which have one form.
func secretTable(a compare.Application) string {
	if len(a.References)+len(a.Injections) == 0 {
		return ""
	}
	var t mdTable
	t.head("Secrets", "What", "Before", "After")
	for _, r := range a.References {
		t.row(code(r.Object), code(r.Field), code(r.Before), code(r.After))
	}
	for _, i := range a.Injections {
		t.row(code(i.Object), "injection", code(i.Before), code(i.After))
	}
	return t.String()
}

// details is one object, folded. With no lines it is its title and what the notes
// say.
func details(o compare.Object, most int) string {
	var b strings.Builder
	title := code(o.Name)
	if o.Was != "" {
		title = code(o.Was) + " → " + title
	}
	fmt.Fprintf(&b, "<details><summary>%s %s%s</summary>\n\n", o.Status, title, extent(o))
	for _, note := range o.Notes {
		fmt.Fprintf(&b, "- %s\n", code(note))
	}
	if len(o.Notes) > 0 {
		b.WriteByte('\n')
	}
	var lines []string
	for _, hunk := range o.Hunks {
		lines = append(lines, fmt.Sprintf("@@ -%d +%d @@", hunk.Before, hunk.After))
		for _, line := range hunk.Lines {
			lines = append(lines, strings.TrimRight(string(line.Op)+fault.Clean(line.Text, maxLine), " "))
		}
	}
	switch {
	case most == 0 && len(lines) > 0:
		fmt.Fprintf(&b, "%s, too many for this comment.\n", prose.Several(len(lines), "line"))
	case len(lines) > 0:
		left := max(0, len(lines)-most)
		lines = lines[:len(lines)-left]
		fence := strings.Repeat("`", longestRun(lines)+1)
		fmt.Fprintf(&b, "%sdiff\n%s\n%s\n", fence, strings.Join(lines, "\n"), fence)
		if left > 0 {
			fmt.Fprintf(&b, "%s not shown.\n", prose.Several(left, "more line"))
		}
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// maxNamed is how many fields the title of an object names.
const maxNamed = 3

// extent names the fields of an object that changed.
func extent(o compare.Object) string {
	var named []string
	for _, f := range o.Fields[:min(len(o.Fields), maxNamed)] {
		named = append(named, code(f.Path))
	}
	text := strings.Join(named, ", ")
	if left := len(o.Fields) - maxNamed; left > 0 {
		text += fmt.Sprintf(" and %d more", left)
	}
	if text != "" {
		text = ": " + text
	}
	return text
}
