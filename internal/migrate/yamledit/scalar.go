package yamledit

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Replacement is a part of a scalar's value and what takes its place.
type Replacement struct{ Old, New string }

// Replace puts new text for parts of a scalar, which stand in its value in the
// order that they are given in. It returns false where a part is not found as it
// is written, such as text that is folded over two lines. The caller checks
// what the edited file says: the scalar's own escapes are respected, and
// nothing more is known of it.
func (t *Text) Replace(scalar *yaml.Node, parts []Replacement) ([]Edit, bool) {
	at, ok := t.Offset(scalar)
	if !ok || scalar.Kind != yaml.ScalarNode {
		return nil, false
	}
	if scalar.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		at = t.LineEnd(at) // the indicators, and a comment behind them
	}
	escape := escapes(scalar.Style)
	var edits []Edit
	for _, part := range parts {
		old := escape(part.Old)
		found := bytes.Index(t.data[at:], []byte(old))
		if found < 0 {
			return nil, false
		}
		start := at + found
		at = start + len(old)
		edits = append(edits, Edit{Start: start, End: at, New: escape(part.New)})
	}
	return edits, true
}

// escapes returns how a text is written inside of a scalar.
func escapes(style yaml.Style) func(string) string {
	switch {
	case style&yaml.SingleQuotedStyle != 0:
		return func(text string) string { return strings.ReplaceAll(text, "'", "''") }
	case style&yaml.DoubleQuotedStyle != 0:
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace
	default:
		return func(text string) string { return text }
	}
}

// End returns where a scalar in one line ends, its quotes included. It returns
// false for every other node, and for a scalar with a tag or an anchor.
func (t *Text) End(scalar *yaml.Node) (int, bool) {
	start, ok := t.Offset(scalar)
	if !ok || scalar.Kind != yaml.ScalarNode || scalar.Anchor != "" || scalar.Style&yaml.TaggedStyle != 0 {
		return 0, false
	}
	rest := t.data[start:]
	if line := bytes.IndexAny(rest, "\r\n"); line >= 0 {
		rest = rest[:line]
	}
	switch {
	case scalar.Style&yaml.SingleQuotedStyle != 0:
		return endOfQuoted(rest, start, '\'')
	case scalar.Style&yaml.DoubleQuotedStyle != 0:
		return endOfQuoted(rest, start, '"')
	case scalar.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return 0, false
	}
	return start + len(scalar.Value), bytes.HasPrefix(rest, []byte(scalar.Value))
}

func endOfQuoted(rest []byte, start int, quote byte) (int, bool) {
	if len(rest) == 0 || rest[0] != quote {
		return 0, false
	}
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quote == '"':
			i++
		case rest[i] == quote && quote == '\'' && i+1 < len(rest) && rest[i+1] == quote:
			i++
		case rest[i] == quote:
			return start + i + 1, true
		}
	}
	return 0, false
}

// Set writes a scalar in one line anew.
func (t *Text) Set(scalar *yaml.Node, text string) (Edit, bool) {
	start, ok := t.Offset(scalar)
	end, inLine := t.End(scalar)
	return Edit{Start: start, End: end, New: text}, ok && inLine
}

// Plain writes a text as a scalar of one line, without quotes where it needs
// none.
func Plain(text string) string {
	var node yaml.Node
	node.SetString(text)
	if strings.ContainsAny(text, "\r\n") {
		node.Style = yaml.DoubleQuotedStyle
	}
	encoded, err := yaml.Marshal(&node)
	if err != nil {
		return `""`
	}
	line := strings.TrimRight(string(encoded), "\n")
	if strings.Contains(line, "\n") || strings.ContainsAny(line, "{}[],&*#?|<>=!%@`") && !strings.ContainsAny(line[:1], `"'`) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`
	}
	return line
}
