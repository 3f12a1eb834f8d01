// Package yamledit changes YAML where it stands: a few bytes at the position of
// a node, and nothing else. What is not edited keeps its comments, its quotes,
// its order and its spacing, because no document is ever encoded anew.
package yamledit

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxDocuments bounds the documents of one file.
const maxDocuments = 10_000

// Text is a file with the positions of its nodes. It is not changed: edits give
// a new text.
type Text struct {
	data []byte
	// lines are the offsets at which lines begin, as the parser counts them.
	lines []int
	// Documents are the roots of the documents, in their order.
	Documents []*yaml.Node
}

const byteOrderMark = "\ufeff"

// lineBreak is what ends a line for the parser.
var lineBreak = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

// Parse reads a file. Where it is not YAML the fault quotes the parser.
func Parse(file string, data []byte) (text *Text, err error) {
	defer func() {
		if recover() != nil {
			text, err = nil, fault.New(fault.YAML, "the file cannot be parsed").In(file, 0)
		}
	}()
	text = &Text{data: data}
	start := 0
	if bytes.HasPrefix(data, []byte(byteOrderMark)) {
		start = len(byteOrderMark)
	}
	text.lines = []int{start}
	for _, at := range lineBreak.FindAllIndex(data, -1) {
		text.lines = append(text.lines, at[1])
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		switch err := decoder.Decode(&document); {
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, parseFault(file, err)
		}
		if len(text.Documents) >= maxDocuments {
			return nil, fault.New(fault.Limit, "the file has more than %d documents", maxDocuments).In(file, 0)
		}
		if len(document.Content) > 0 {
			text.Documents = append(text.Documents, document.Content[0])
		}
	}
}

// parserLine finds the line in the parser's text, such as "yaml: line 3: ...".
var parserLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func parseFault(file string, err error) *fault.Error {
	line, message := 0, err.Error()
	if match := parserLine.FindStringSubmatch(message); match != nil {
		line, _ = strconv.Atoi(match[1]) // 0 where the parser names none
		message = message[len(match[0]):]
	}
	return fault.New(fault.YAML, "%s", fault.Clean(message, 256)).In(file, line)
}

// Offset returns where a node begins, and false for a node without a position.
func (t *Text) Offset(node *yaml.Node) (int, bool) {
	if node.Line < 1 || node.Line > len(t.lines) || node.Column < 1 {
		return 0, false
	}
	at := t.lines[node.Line-1]
	for range node.Column - 1 {
		if at >= len(t.data) {
			return 0, false
		}
		_, size := utf8.DecodeRune(t.data[at:])
		at += size
	}
	return at, at <= len(t.data)
}

// Slice returns the bytes from one offset to another.
func (t *Text) Slice(start, end int) string { return string(t.data[start:end]) }

// LineStart returns where the line of an offset begins, LineEnd where the next
// one does.
func (t *Text) LineStart(at int) int { return bytes.LastIndexByte(t.data[:at], '\n') + 1 }

// LineEnd returns where the line behind that of an offset begins, or the end.
func (t *Text) LineEnd(at int) int {
	if next := bytes.IndexByte(t.data[at:], '\n'); next >= 0 {
		return at + next + 1
	}
	return len(t.data)
}

// Break is what ends the lines of the file.
func (t *Text) Break() string {
	if at := bytes.IndexByte(t.data, '\n'); at > 0 && t.data[at-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// Edit puts New in the place of the bytes from Start to End.
type Edit struct {
	Start, End int
	New        string
}

// ErrOverlap is the error of edits that reach into each other.
var ErrOverlap = errors.New("two edits overlap")

// Apply makes edits, in whatever order they come, and returns the new content.
// Of two edits at one place without length, the first given comes first.
func Apply(data []byte, edits []Edit) ([]byte, error) {
	sorted := slices.Clone(edits)
	slices.SortStableFunc(sorted, func(a, b Edit) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	var out []byte
	done := 0
	for _, edit := range sorted {
		if edit.Start < done || edit.End < edit.Start || edit.End > len(data) {
			return nil, ErrOverlap
		}
		out = append(append(out, data[done:edit.Start]...), edit.New...)
		done = edit.End
	}
	return append(out, data[done:]...), nil
}
