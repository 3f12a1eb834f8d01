package object

import (
	"bytes"
	"regexp"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// source is the text of a file that may hold the tag !, about which the parser
// does not tell.
type source struct {
	text []byte
	// lines are the places where lines begin; they are found when first needed.
	lines []int
}

func newSource(text []byte) source {
	if bytes.IndexByte(text, '!') < 0 {
		return source{}
	}
	return source{text: text}
}

var (
	// bareTag is the tag ! at the start of a node, behind an anchor or not.
	bareTag = regexp.MustCompile(`^(?:&[^\s,\[\]{}]+\s+)?!(?:[\s,\]}\x{85}\x{2028}\x{2029}]|$)`)
	// lineBreak is what ends a line in YAML 1.1.
	lineBreak = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")
)

// bare tells whether a node has the tag !, which makes a string of whatever
// follows. The parser drops it, and the reader of Argo CD does not.
func (s *source) bare(node *yaml.Node) bool {
	if s.text == nil {
		return false
	}
	if s.lines == nil {
		s.lines = []int{0}
		for _, at := range lineBreak.FindAllIndex(s.text, -1) {
			s.lines = append(s.lines, at[1])
		}
	}
	if node.Line < 1 || node.Line > len(s.lines) {
		return false
	}
	rest := s.text[s.lines[node.Line-1]:]
	for range node.Column - 1 {
		_, size := utf8.DecodeRune(rest)
		rest = rest[size:]
	}
	return bareTag.Match(rest)
}

// unclearMarker finds --- or ... where Argo CD and the parser here would see
// different documents, and returns -1 where there is none. The former looks for
// lines that end with a line feed and begin with ---, and takes "---#" too; the
// latter knows four more line breaks, and wants a space behind the marker.
func unclearMarker(data []byte) int {
	for _, marker := range []string{"---", "..."} {
		for at := 0; ; at += len(marker) {
			next := bytes.Index(data[at:], []byte(marker))
			if next < 0 {
				break
			}
			at += next
			before, behind := data[:at], data[at+len(marker):]
			if at == 0 || before[at-1] == '\n' {
				if marker == "---" && len(behind) > 0 && !bytes.ContainsAny(behind[:1], " \t\r\n") {
					return at
				}
				continue
			}
			for _, lineBreak := range []string{"\r", "\u0085", "\u2028", "\u2029"} {
				if bytes.HasSuffix(before, []byte(lineBreak)) {
					return at
				}
			}
		}
	}
	return -1
}
