package fault

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

// maxShown is how many faults a terminal shows: nobody reads more.
const maxShown = 50

// Style is how a terminal is written to.
type Style struct {
	// Color permits escape sequences.
	Color bool
	// Width is how many characters a line holds; 0 breaks no line.
	Width int
}

func (s Style) paint(color, text string) string {
	if !s.Color {
		return text
	}
	return prose.Paint(color, text)
}

// Terminal gives faults as compilers do, for a person at a terminal: the message,
// where, the line with what is meant, and below it what was expected, the
// nearest name, the fix and the page that explains the code.
func Terminal(list List, style Style) string {
	faults := sorted(list)
	more := max(len(faults)-maxShown, 0)
	blocks := make([]string, 0, len(faults)-more)
	for i, e := range faults[:len(faults)-more] {
		// A page is named once, below the last fault that it explains.
		last := true
		for _, later := range faults[i+1 : len(faults)-more] {
			last = last && later.Code != e.Code
		}
		blocks = append(blocks, e.block(style, last))
	}
	return strings.Join(blocks, "\n\n") + andMore(more)
}

func andMore(count int) string {
	if count == 0 {
		return ""
	}
	return fmt.Sprintf("\n+%d more", count)
}

func (e *Error) block(style Style, docs bool) string {
	margin := " "
	if e.Quote != nil {
		margin = strings.Repeat(" ", len(fmt.Sprint(e.Quote.Line)))
	}
	label := "error[" + string(e.Code) + "]"
	message := prose.Hang(label+": "+Clean(e.Message, 2*maxPart), "  ", style.Width)
	lines := []string{style.paint(prose.Bold+prose.Red, label) + style.paint(prose.Bold, strings.TrimPrefix(message, label))}
	bar := style.paint(prose.Cyan, "|")
	if place := e.pointed(); place != "" {
		lines = append(lines, margin+style.paint(prose.Cyan, "--> ")+place)
	}
	if e.Quote != nil {
		number, text, blank, caret := e.Quote.gutter()
		lines = append(lines, blank+" "+bar, style.paint(prose.Cyan, number)+" "+bar+" "+text,
			blank+" "+bar+" "+style.paint(prose.Red, caret))
	}
	note := func(name, text string) {
		if text != "" {
			indent := strings.Repeat(" ", len(margin)+len(" = ")+len(name)+len(": "))
			lines = append(lines, margin+" "+style.paint(prose.Cyan, "=")+" "+style.paint(prose.Bold, name+":")+" "+prose.Hang(text, indent, style.Width))
		}
	}
	note("in", e.subject())
	note("expected", e.expected())
	if e.Nearest != "" {
		note("did you mean", Clean(e.Nearest, maxPart)+"?")
	}
	note("fix", cmp.Or(Clean(e.Fix, maxPart), e.usual()))
	if docs {
		note("docs", e.Code.Docs())
	}
	return strings.Join(lines, "\n")
}

// pointed is the place in a file, at the quoted line where there is one.
func (e *Error) pointed() string {
	switch {
	case e.File == "":
		return ""
	case e.Quote == nil:
		return position(e.File, e.Line, e.Column)
	case e.Column > 0 || e.Quote.Column == 0:
		return position(e.File, e.Quote.Line, e.Column)
	default:
		return position(e.File, e.Quote.Line, e.Quote.Column)
	}
}

// subject is the object and field.
func (e *Error) subject() string {
	return strings.TrimSpace(Clean(e.Object, maxPart) + " " + Clean(e.Field, maxPart))
}
