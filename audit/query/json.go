package query

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonRows writes events as they stand in the trail, with all fields, so that
// the answer to one question can be asked the next.
type jsonRows struct{ w io.Writer }

func (j jsonRows) add(m match) error {
	_, err := j.w.Write(append(printable(m.Line), '\n'))
	return err
}

func (j jsonRows) end(Stats, int, bool) error { return nil }

// printable writes what a terminal would not show, such as the sequences that
// drive it, as JSON's escapes. Outside of texts valid JSON has none of it but
// white space, and in texts the escapes mean the same.
func printable(line []byte) []byte {
	var b bytes.Buffer
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		switch {
		case r == '\t' || r == '\r':
			b.WriteByte(' ')
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\ufffd`)
		case unicode.IsPrint(r):
			b.Write(line[:size])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		line = line[size:]
	}
	return b.Bytes()
}
