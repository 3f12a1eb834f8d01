package compare

import (
	"encoding/json"
	"strings"

	"sigs.k8s.io/yaml"
)

// Hunk is a run of lines of an object as YAML: some that differ, with those
// around them.
type Hunk struct {
	// Before and After are the numbers of the first line on each side, from 1; 0
	// where there is no object.
	Before, After int
	Lines         []Line
}

// Line is one line, without its end.
type Line struct {
	// Op is ' ' on both sides, '-' before and '+' after.
	Op   byte
	Text string
}

// contextLines is how many lines that do not differ are shown around.
const contextLines = 3

// hunks compares the two sides as YAML.
func (s sides) hunks() []Hunk {
	before, after := lines(s.before), lines(s.after)
	all := hunksOf(before, after, contextLines)
	for i := range all {
		if len(before) == 0 {
			all[i].Before = 0
		}
		if len(after) == 0 {
			all[i].After = 0
		}
	}
	return all
}

// lines gives a tree as the lines of a YAML document.
func lines(tree map[string]any) []string {
	if tree == nil {
		return nil
	}
	return yamlLines(tree)
}

func yamlLines(value any) []string {
	text, err := yaml.JSONToYAML([]byte(encode(value)))
	if err != nil {
		return []string{"(it cannot be shown)"}
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// Inline returns the two sides of a field as texts of one line each, and false
// where one of them needs several: then [Field.Lines] shows it.
func (f Field) Inline() (before, after string, ok bool) {
	before, simple := inline(f.Before)
	after, plain := inline(f.After)
	return before, after, simple && plain
}

// Lines returns a field as lines, those around a change left out.
func (f Field) Lines() []Line {
	var all []Line
	for _, hunk := range hunksOf(valueLines(f.Before), valueLines(f.After), 1) {
		all = append(all, hunk.Lines...)
	}
	return all
}

// maxInline is how long a list or mapping may be in one line.
const maxInline = 60

func inline(value any) (string, bool) {
	switch value := value.(type) {
	case nil:
		return "", true
	case string:
		return quoted(value), !strings.Contains(strings.TrimSuffix(value, "\n"), "\n")
	default:
		text := encode(value)
		return text, len(text) <= maxInline || !composed(value)
	}
}

func composed(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	default:
		return false
	}
}

// quoted shows where a text begins and ends if it would not be clear.
func quoted(text string) string {
	if text == "" || strings.TrimSpace(text) != text || text == "true" || text == "false" || text == "null" || json.Valid([]byte(text)) {
		return encode(text)
	}
	return text
}

func valueLines(value any) []string {
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		return strings.Split(strings.TrimSuffix(value, "\n"), "\n")
	default:
		return yamlLines(value)
	}
}
