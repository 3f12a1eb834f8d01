package yamlhint_test

import (
	"regexp"
	"strconv"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/yamlhint"
)

// What people get wrong most often has an advice in their words. The texts are
// the parser's own, so that a new version of it that says something else fails.
func TestCommonMistakesHaveAnAdvice(t *testing.T) {
	for name, text := range map[string]string{
		"a colon in a text":  "a: b: c\n",
		"an open list":       "a: [b\nc: d\n",
		"an open mapping":    "a: {b: c\nd: e\n",
		"a key too deep":     "a: b\n  c: d\n",
		"a key not so deep":  "  a: b\n c: d\n",
		"an item too deep":   "a:\n  - b\n - c\n",
		"a template":         "a: {{ b }}\n",
		"a tab":              "a:\n\tb: c\n",
		"a percent sign":     "a: %b\n",
		"an at sign":         "a: @b\n",
		"a missing colon":    "a:\n  b\n  c: d\ne\n",
		"an open quote":      "a: \"b\n",
		"an asterisk":        "a: *b\n",
		"a lone asterisk":    "a: * b\n",
		"a control sign":     "a: \x01\n",
		"a path of Windows":  "a: \"C:\\data\"\n",
		"a list in one line": "a: - b\n",
	} {
		var node yaml.Node
		err := yaml.Unmarshal([]byte(text), &node)
		if err == nil {
			var value any
			err = node.Decode(&value)
		}
		if err == nil {
			t.Logf("%s is no mistake", name)
			continue
		}
		if yamlhint.Fix(err.Error()) == "" {
			t.Errorf("%s: no advice for %v", name, err)
		}
	}
	if got := yamlhint.Fix("something else"); got != "" {
		t.Errorf("got %q", got)
	}
}

var numbered = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// The parser counts some lines from 0 and leaves the first out.
func TestLine(t *testing.T) {
	for text, want := range map[string]int{
		"a: {b: c\nd: e\n":               2,
		"x: y\na: {b: c\nd: e\n":         2,
		"x: y\na: [b, c\nd: e\n":         2,
		"x: y\na: b: c\n":                2,
		"a: b: c\n":                      1,
		"x:\n  - a\n - b\n":              3,
		"x: y\na:\n\tb: c\n":             3,
		"x: y\n\"a\": \"b\" c\nd: e\n":   2,
		"x: y\nz: y\n  - a\n  b: c\n":    4,
		"x: y\nz: @\n":                   2,
		"x: y\nz: [\n\n":                 2,
		"# first\n\nx:\n  y: z\n w: v\n": 3,
	} {
		var node yaml.Node
		err := yaml.Unmarshal([]byte(text), &node)
		if err == nil {
			t.Errorf("%q is read", text)
			continue
		}
		match := numbered.FindStringSubmatch(err.Error())
		number, _ := strconv.Atoi(match[1])
		if got := yamlhint.Line(match[2], number, []byte(text)); got != want {
			t.Errorf("%q: line %d, want %d (%v)", text, got, want, err)
		}
	}
}
