package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// maxTextLines is how many lines of one object or field a text shows.
const maxTextLines = 60

// marks are the signs of what becomes of something, with their colors.
var (
	marks  = map[compare.Status]string{compare.Added: "+", compare.Removed: "-", compare.Changed: "~"}
	colors = map[compare.Status]string{compare.Added: prose.Green, compare.Removed: prose.Red, compare.Changed: prose.Yellow}
)

// writer collects a text.
type writer struct {
	strings.Builder
	color bool
}

func (w *writer) paint(color, text string) string {
	if !w.color {
		return text
	}
	return prose.Paint(color, text)
}

func writeText(w io.Writer, report Report, options Options) error {
	b := &writer{color: options.Color}
	fmt.Fprintf(b, "%s\n", b.paint(prose.Bold, report.Before.String()+" → "+report.After.String()))
	for _, a := range report.Applications {
		b.WriteByte('\n')
		b.application(a)
	}
	fmt.Fprintf(b, "\n%s\n", report)
	_, err := io.WriteString(w, b.String())
	return err
}

// Changes writes what differs in one application, without a heading and indented
// by indent: for those who watch.
func Changes(w io.Writer, a compare.Application, indent string, options Options) error {
	b := &writer{color: options.Color}
	b.body(a)
	text := indent + strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\n", "\n"+indent)
	if b.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(w, text+"\n")
	return err
}

func (w *writer) application(a compare.Application) {
	title := heading(a)
	if name := environment(a); name != "" {
		title += " (" + fault.Clean(name, maxName) + ")"
	}
	switch a.Status {
	case compare.Added:
		title += " is new"
	case compare.Removed:
		title += " is gone"
	}
	fmt.Fprintf(w, "%s\n", w.paint(prose.Bold, title))
	inner := &writer{color: w.color}
	inner.body(a)
	for line := range strings.Lines(inner.String()) {
		fmt.Fprintf(w, "  %s", line)
	}
}

// body writes all about an application but its name.
func (w *writer) body(a compare.Application) {
	for _, f := range a.FaultsBefore {
		fmt.Fprintf(w, "%s before: %s\n", w.paint(prose.Yellow, "!"), f)
	}
	for _, f := range a.Faults {
		fmt.Fprintf(w, "%s %s\n", w.paint(prose.Red, "!"), f)
	}
	same, known := shared(a.Objects)
	for i, one := range same {
		if i == 0 || same[i-1].objects != one.objects {
			fmt.Fprintf(w, "in %s\n", prose.Several(one.objects, "object"))
		}
		w.field(one.Field)
	}
	for _, o := range a.Objects {
		w.object(o, known)
	}
	if len(a.Images) > 0 {
		fmt.Fprintf(w, "images\n")
		for _, image := range a.Images {
			fmt.Fprintf(w, "    %s %s: %s\n", clean(image.Object), clean(image.Container), w.change(orNone(image.Before), orNone(image.After)))
		}
	}
	if len(a.Injections) > 0 {
		fmt.Fprintf(w, "injections\n")
		for _, one := range a.Injections {
			fmt.Fprintf(w, "    %s: %s\n", clean(one.Object), w.change(orNone(one.Before), orNone(one.After)))
		}
	}
	w.policies(a)
}

// object leaves out the fields that have been told for several objects.
func (w *writer) object(o compare.Object, told map[string]bool) {
	title := clean(o.Name)
	if o.Was != "" {
		title = clean(o.Was) + " → " + title
	}
	fmt.Fprintf(w, "%s %s%s\n", w.paint(colors[o.Status], marks[o.Status]), w.paint(prose.Bold, title), place(o))
	for _, note := range o.Notes {
		fmt.Fprintf(w, "    %s\n", w.paint(prose.Cyan, fault.Clean(note, 2*maxValue)))
	}
	for _, f := range o.Fields {
		if !f.Said && !told[changeKey(f)] {
			w.field(f)
		}
	}
	if o.Status == compare.Added {
		for _, hunk := range o.Hunks {
			w.lines("    ", hunk.Lines)
		}
	}
}

func place(o compare.Object) string {
	switch {
	case o.File == "":
		return ""
	case o.Line == 0:
		return "  " + clean(o.File)
	default:
		return fmt.Sprintf("  %s:%d", clean(o.File), o.Line)
	}
}

func (w *writer) field(f compare.Field) {
	before, after, inline := f.Inline()
	before, after = fault.Clean(before, maxValue), fault.Clean(after, maxValue)
	name := clean(f.Path)
	mark := " "
	if f.Status != compare.Changed {
		mark = w.paint(colors[f.Status], marks[f.Status])
	}
	switch {
	case !inline:
		fmt.Fprintf(w, "  %s %s:\n", mark, name)
		w.lines("      ", f.Lines())
	case f.Status == compare.Added:
		fmt.Fprintf(w, "  %s %s: %s\n", mark, name, w.paint(prose.Green, after))
	case f.Status == compare.Removed:
		fmt.Fprintf(w, "  %s %s: %s\n", mark, name, w.paint(prose.Red, before))
	default:
		fmt.Fprintf(w, "  %s %s: %s\n", mark, name, w.change(before, after))
	}
}

func (w *writer) change(before, after string) string {
	return w.paint(prose.Red, fault.Clean(before, maxValue)) + " → " + w.paint(prose.Green, fault.Clean(after, maxValue))
}

func (w *writer) lines(indent string, lines []compare.Line) {
	shown, left := limited(lines, maxTextLines)
	for _, line := range shown {
		color := map[byte]string{'+': prose.Green, '-': prose.Red}[line.Op]
		fmt.Fprintf(w, "%s%s\n", indent, w.paint(color, strings.TrimRight(string(line.Op)+" "+fault.Clean(line.Text, maxLine), " ")))
	}
	if left > 0 {
		fmt.Fprintf(w, "%s… %s\n", indent, prose.Several(left, "more line"))
	}
}

// limited cuts lines, but never for the sake of one or two.
func limited(lines []compare.Line, most int) (shown []compare.Line, left int) {
	if len(lines) <= most+2 {
		return lines, 0
	}
	return lines[:most], len(lines) - most
}

func (w *writer) policies(a compare.Application) {
	if len(a.Verdicts)+len(a.Warnings) == 0 {
		return
	}
	fmt.Fprintf(w, "policies\n")
	for _, v := range a.Verdicts {
		state, color := "new ", decisionColors[v.Outcome.Decision]
		if v.Status == compare.Removed {
			state, color = "gone", prose.Green
		}
		fmt.Fprintf(w, "    %s %s  %s  %s%s\n", state, w.paint(color, string(v.Outcome.Decision)), clean(v.Outcome.Rule), about(v.Outcome.Object), fault.Clean(v.Outcome.Message, maxValue))
	}
	for _, one := range a.Warnings {
		state := "new "
		if one.Status == compare.Removed {
			state = "gone"
		}
		fmt.Fprintf(w, "    %s %s\n", state, one.Fault)
	}
}

var decisionColors = map[verdict.Decision]string{verdict.Deny: prose.Red, verdict.Warn: prose.Yellow, verdict.Waived: prose.Cyan}

func about(object string) string {
	if object == "" {
		return ""
	}
	return clean(object) + ": "
}

func clean(text string) string { return fault.Clean(text, maxName) }

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
