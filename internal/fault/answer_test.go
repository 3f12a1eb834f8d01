package fault_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// misspelt is a fault with everything that one can have.
func misspelt() *fault.Error {
	e := fault.New(fault.Config, "unknown field").In("plugin.yaml", 9).At("", "render.timout").
		Meant("timout", []string{"timeout", "workers"})
	e.Column = 3
	e.Quote = &fault.Quote{Line: 9, Text: "  timout: 30s", Column: 3, Width: 6}
	return e
}

func TestAnswer(t *testing.T) {
	const want = `E_CONFIG: plugin.yaml:9:3 render.timout: unknown field; fix: did you mean "timeout"?
  9 |   timout: 30s
    |   ^^^^^^
  expected: one of timeout, workers
  docs: https://github.com/argocd-seal/argocd-seal-plugin/blob/main/docs/errors.md#e_config`
	if diff := cmp.Diff(want, fault.Answer(fault.List{misspelt()})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := fault.Text(fault.List{misspelt()}); got != strings.SplitN(want, "\n", 2)[0] {
		t.Errorf("logs get %q", got)
	}
}

func TestTerminal(t *testing.T) {
	const want = `error[E_CONFIG]: unknown field
 --> plugin.yaml:9:3
  |
9 |   timout: 30s
  |   ^^^^^^
  = in: render.timout
  = expected: one of timeout, workers
  = did you mean: timeout?
  = docs: https://github.com/argocd-seal/argocd-seal-plugin/blob/main/docs/errors.md#e_config`
	if diff := cmp.Diff(want, fault.Terminal(fault.List{misspelt()}, fault.Style{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	colored := fault.Terminal(fault.List{misspelt()}, fault.Style{Color: true})
	plain := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[31m", "", "\x1b[36m", "").Replace(colored)
	if plain != want || !strings.Contains(colored, "\x1b[31m") {
		t.Errorf("in color it is %q", colored)
	}
}

// What does not fit is left out in an order: the quotes, the pages, the fixes, and
// only then a fault.
func TestAnswerLeavesOutTheLeastImportant(t *testing.T) {
	stages := []struct {
		count                    int
		quotes, docs, fixes, all bool
	}{{1, true, true, true, true}, {12, true, true, true, true}, {24, false, true, true, true}, {29, false, false, true, true}, {40, false, false, false, true}, {500, false, false, false, false}}
	for _, stage := range stages {
		var list fault.List
		for i := range stage.count {
			e := fault.New(fault.YAML, "a key stands twice").In(fmt.Sprintf("f%03d.yaml", i), 1).WithFix("remove one of the two")
			e.Quote = &fault.Quote{Line: 1, Text: "a: b", Column: 1, Width: 1}
			list = append(list, e)
		}
		text := fault.Answer(list)
		got := []bool{strings.Contains(text, " | a: b"), strings.Contains(text, "docs: "), strings.Contains(text, "; fix: "), strings.Count(text, "E_YAML: ") == stage.count}
		if len(text) > fault.MaxText || !cmp.Equal(got, []bool{stage.quotes, stage.docs, stage.fixes, stage.all}) {
			t.Errorf("%d faults: %d bytes, %v\n%s", stage.count, len(text), got, text)
		}
	}
}

// Whoever reads an answer by its first lines must find what there was before.
func TestFirstLinesAreStable(t *testing.T) {
	list := fault.List{misspelt(), fault.New(fault.Empty, "nothing").WithFix("look")}
	var lines []string
	for line := range strings.Lines(fault.Answer(list)) {
		if !strings.HasPrefix(line, "  ") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	if got := strings.Join(lines, "\n"); got != fault.Text(list) {
		t.Errorf("got\n%s\nwant\n%s", got, fault.Text(list))
	}
}
