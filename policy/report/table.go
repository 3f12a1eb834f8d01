package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// The escape sequences of the decisions.
var colors = map[verdict.Decision]string{verdict.Deny: "\x1b[31m", verdict.Warn: "\x1b[33m", verdict.Waived: "\x1b[36m"}

const reset = "\x1b[0m"

// writeTable writes one block for each result with outcomes, and a last line
// with the totals.
func writeTable(w io.Writer, results []Result, color bool) error {
	var b strings.Builder
	counts := map[verdict.Decision]int{}
	objects := 0
	for _, result := range results {
		objects += result.Verdict.Objects
		outcomes := result.outcomes()
		if len(outcomes) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s (%s)\n", fault.Clean(result.Path, 200), cmp.Or(result.Verdict.Environment, "no environment"))
		table := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
		for _, outcome := range outcomes {
			counts[outcome.Decision]++
			place := fault.Clean(outcome.File, 120)
			if place != "" && outcome.Line > 0 {
				place = fmt.Sprintf("%s:%d", place, outcome.Line)
			}
			subject := strings.Join(slices.DeleteFunc([]string{outcome.Rule, fault.Clean(outcome.Object, 120), place}, func(part string) bool { return part == "" }), "  ")
			fmt.Fprintf(table, "  %s\t%s\t%s\n", outcome.Decision, cmp.Or(outcome.Severity, "-"), subject)
			fmt.Fprintf(table, "\t\t%s\n", detail(outcome))
		}
		if err := table.Flush(); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%d objects in %d applications: %d denied, %d warnings, %d waived\n",
		objects, len(results), counts[verdict.Deny], counts[verdict.Warn], counts[verdict.Waived])
	text := b.String()
	if color {
		text = paint(text)
	}
	_, err := io.WriteString(w, text)
	return err
}

func detail(outcome verdict.Outcome) string {
	text := fault.Clean(outcome.Message, 2*verdict.MaxMessageBytes)
	if outcome.Field != "" {
		text += " [" + fault.Clean(outcome.Field, 200) + "]"
	}
	switch {
	case outcome.Waiver != nil:
		text += fmt.Sprintf("; waived by %s until %s: %s", outcome.Waiver.Owner, outcome.Waiver.Expires, outcome.Waiver.Reason)
	case outcome.Fix != "":
		text += "; fix: " + outcome.Fix
	}
	return fault.Clean(text, 4*verdict.MaxMessageBytes)
}

// paint colors the decision at the start of a line, after the columns have been
// aligned: a tab writer would count escape sequences as width.
func paint(text string) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		for decision, escape := range colors {
			if rest, ok := strings.CutPrefix(line, "  "+string(decision)+" "); ok {
				lines[i] = "  " + escape + string(decision) + reset + " " + rest
			}
		}
	}
	return strings.Join(lines, "")
}
