package fault

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxQuote bounds the text of a quoted line, in bytes.
const maxQuote = 160

// Quote is one line of a file that a fault speaks of, fit to be shown: package
// quote makes it, and leaves out what could be a credential.
type Quote struct {
	// Line is the line's number, counted from 1. It is more exact than that of the
	// fault where the fault names a field.
	Line int
	// Text is the line, printable and bounded.
	Text string
	// Column and Width say which characters of Text are meant, counted from 1;
	// Column is 0 where it is the whole line.
	Column, Width int
}

// caret is the line below a quoted line.
func (q *Quote) caret() string {
	column, width := q.Column, q.Width
	if column <= 0 {
		trimmed := strings.TrimLeft(q.Text, " ")
		column = len(q.Text) - len(trimmed) + 1
		width = utf8.RuneCountInString(strings.TrimRight(trimmed, " "))
	}
	return strings.Repeat(" ", column-1) + strings.Repeat("^", max(width, 1))
}

// Lines gives the quoted line with its number in front, and the line below it
// with carets below what is meant.
func (q *Quote) Lines() (line, caret string) {
	number, text, blank, below := q.gutter()
	return number + " | " + text, blank + " | " + below
}

// gutter writes the quoted line with its number in front and the caret below.
func (q *Quote) gutter() (number, text, blank, caret string) {
	number = fmt.Sprint(q.Line)
	return number, Clean(q.Text, maxQuote), strings.Repeat(" ", len(number)), q.caret()
}
