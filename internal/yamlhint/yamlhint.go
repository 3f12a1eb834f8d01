// Package yamlhint says what to do about what the YAML parser says: its texts
// speak of tokens, and the people who read them of indentation and quotes.
package yamlhint

import (
	"bytes"
	"strings"
)

// counted are the texts with which the parser gives the number of the line
// before: those that it finds itself and not its scanner. The line is that where
// the list or mapping begins in which something is wrong.
var counted = []string{
	"did not find expected ',' or ']'", "did not find expected ',' or '}'", "did not find expected key",
	"did not find expected '-' indicator", "did not find expected node content", "did not find expected <document start>",
}

// unnumbered is how texts begin beside which the parser leaves out the number of
// the first line.
var unnumbered = []string{"did not find ", "could not find ", "found ", "mapping values", "block sequence entries"}

// Line is the line that the parser means with a text and a number that it gives
// beside it, 0 for none. It is 0 where the text says nothing of a line. What is
// missing at the end of the content is missing in its last line.
func Line(text string, number int, content []byte) int {
	number = line(text, number)
	if last := bytes.Count(bytes.TrimRight(content, "\n"), []byte("\n")) + 1; len(content) > 0 && number > last {
		return last
	}
	return number
}

func line(text string, number int) int {
	for _, one := range counted {
		if strings.Contains(text, one) {
			return number + 1
		}
	}
	for _, one := range unnumbered {
		if number == 0 && strings.HasPrefix(text, one) {
			return 1
		}
	}
	return number
}

var hints = []struct{ text, fix string }{
	{"mapping values are not allowed", "put a text that holds a colon and a space in quotes, or correct the indentation"},
	{"did not find expected ',' or ']'", "close the list with ], or put its items in quotes"},
	{"did not find expected ',' or '}'", "close the mapping with }, or put a text that begins with { in quotes"},
	{"did not find expected key", "correct the indentation: keys of one mapping begin in one column"},
	{"did not find expected '-' indicator", "correct the indentation: items of one list begin in one column"},
	{"did not find expected node content", "put a text that begins with one of % @ ` & * ! | > [ ] { } in quotes, or close the bracket"},
	{"cannot start any token", "indent with spaces instead of tabs, and put a text that begins with @, ` or % in quotes"},
	{"found a tab character", "indent with spaces instead of tabs"},
	{"could not find expected ':'", "write a colon and a space behind the key, or correct the indentation of the text above"},
	{"unexpected end of stream", "close the quotes, or the bracket"},
	{"unknown anchor", "define the anchor with & before it is used, or put a text that begins with * in quotes"},
	{"control characters are not allowed", "remove the character, or write it as an escape in double quotes"},
	{"unknown escape character", "use single quotes, or write a backslash as \\\\"},
	{"invalid map key", "put a text that begins with {{ in quotes"},
	{"block sequence entries are not allowed", "begin the list in a line of its own"},
	{"did not find expected alphabetic or numeric character", "put a text that begins with * or & in quotes"},
}

// Fix returns what to do about a text of the parser, and nothing where that is
// not known.
func Fix(text string) string {
	for _, hint := range hints {
		if strings.Contains(text, hint.text) {
			return hint.fix
		}
	}
	return ""
}
