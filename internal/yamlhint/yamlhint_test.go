package yamlhint_test

import (
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
