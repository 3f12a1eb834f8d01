// Package prose lays out text for people who read it in a terminal.
package prose

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks text into lines of at most width characters, between words. A
// word that is longer, such as a path or a URL, gets a line of its own and stays
// whole, so that it can be copied. A width of 0 or less breaks nothing.
func Wrap(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	var lines []string
	line, used := "", 0
	for word := range strings.FieldsSeq(text) {
		size := utf8.RuneCountInString(word)
		switch {
		case line == "":
			line, used = word, size
		case used+1+size <= width:
			line, used = line+" "+word, used+1+size
		default:
			lines = append(lines, line)
			line, used = word, size
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// Hang wraps text and puts indent before every line but the first, so that the
// text hangs from what the first line begins with. Width counts the indent.
func Hang(text, indent string, width int) string {
	if width > 0 {
		// Something must fit beside a deep indent.
		width = max(width-utf8.RuneCountInString(indent), 20)
	}
	return strings.Join(Wrap(text, width), "\n"+indent)
}
