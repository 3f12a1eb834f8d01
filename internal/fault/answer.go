package fault

import (
	"slices"
	"strings"
)

// Docs is the page that explains the codes, one heading each.
const Docs = "https://github.com/argocd-seal/argocd-seal-plugin/blob/main/docs/errors.md"

// Docs is where the documentation explains the code.
func (c Code) Docs() string { return Docs + "#" + strings.ToLower(string(c)) }

// Answer gives faults as Argo CD's UI shows them, in at most [MaxText] bytes. Each
// begins with its line as in [Text]; below it, indented, stand the quoted line,
// what was expected and where the documentation explains it. Where there is no
// room for all of that, it is left out before a fault is: first the quotes, then
// the pages and the rest, at last the fixes.
func Answer(list List) string {
	faults := sorted(list)
	for _, detail := range []detail{{quotes: true, expected: true, docs: true}, {expected: true, docs: true}, {}} {
		if text := answer(faults, detail); len(text) <= MaxText {
			return text
		}
	}
	return lines(faults, (*Error).unadvised)
}

// Plain is [Answer] without a bound on the text: the form for a pipe or a log of
// a build, where no terminal is.
func Plain(list List) string {
	faults := sorted(list)
	more := max(len(faults)-maxShown, 0)
	text := answer(faults[:len(faults)-more], detail{quotes: true, expected: true, docs: true})
	return text + andMore(more)
}

// unadvised is the fault's line without its fix.
func (e *Error) unadvised() string {
	bare := *e
	bare.Fix, bare.Nearest, bare.Known = "", "", ""
	return bare.Error()
}

// detail is what stands below the line of a fault.
type detail struct{ quotes, expected, docs bool }

func answer(faults List, with detail) string {
	var b strings.Builder
	var explained []Code
	for i, e := range faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(trim(e.Error(), MaxText-reserve))
		if with.quotes && e.Quote != nil {
			line, caret := e.Quote.Lines()
			b.WriteString("\n  " + line + "\n  " + caret)
		}
		if expected := e.expected(); with.expected && expected != "" && !e.listed() {
			b.WriteString("\n  expected: " + expected)
		}
		if usual := e.usual(); with.expected && usual != "" {
			b.WriteString("\n  fix: " + usual)
		}
		if !slices.Contains(explained, e.Code) {
			explained = append(explained, e.Code)
		}
	}
	for _, code := range explained {
		if with.docs {
			b.WriteString("\n  docs: " + code.Docs())
		}
	}
	return b.String()
}

// usual is what the code's entry says about what to do, where the fault says
// nothing.
func (e *Error) usual() string {
	if e.Advice() != "" {
		return ""
	}
	return e.Code.usual()
}

// listed tells whether the fault's line names all that is known already.
func (e *Error) listed() bool {
	return e.Expected == "" && e.Nearest == "" && e.Fix == ""
}

// expected is what would be right, where the message does not say it.
func (e *Error) expected() string {
	switch {
	case e.Expected != "":
		return Clean(e.Expected, maxPart)
	case e.Known == "" || strings.Contains(e.Message, e.Known):
		return ""
	case !strings.Contains(e.Known, ", "):
		return Clean(e.Known, maxPart)
	default:
		return Clean("one of "+e.Known, maxPart)
	}
}
