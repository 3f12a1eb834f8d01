package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// failed is how a table marks a fault: nothing was judged, so nothing denied.
const failed verdict.Decision = "error"

var colors = map[verdict.Decision]string{failed: prose.Red, verdict.Deny: prose.Red, verdict.Warn: prose.Yellow, verdict.Waived: prose.Cyan}

// paint colors a text for a terminal.
func (o Options) paint(color, text string) string {
	if !o.Color {
		return text
	}
	return prose.Paint(color, text)
}

// writeTable writes one block for each result with outcomes, by object and rule,
// and a last line with the totals.
func writeTable(w io.Writer, results []Result, options Options) error {
	var b strings.Builder
	counts := map[verdict.Decision]int{}
	objects := 0
	for _, result := range results {
		objects += result.Verdict.Objects
		outcomes := result.outcomes()
		for _, outcome := range outcomes {
			counts[label(outcome)]++
		}
		if options.Quiet {
			outcomes = slices.DeleteFunc(outcomes, func(o verdict.Outcome) bool { return o.Decision != verdict.Deny })
		}
		if len(outcomes) > 0 {
			title := fmt.Sprintf("%s (%s)", fault.Clean(result.Path, 200), cmp.Or(result.Verdict.Environment, "no environment"))
			b.WriteString(options.paint(prose.Bold, title) + "\n")
			writeOutcomes(&b, outcomes, options)
			b.WriteByte('\n')
		}
	}
	if !options.Quiet || counts[verdict.Deny]+counts[failed] > 0 {
		b.WriteString(totals(objects, len(results), counts) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func totals(objects, applications int, counts map[verdict.Decision]int) string {
	text := fmt.Sprintf("%s in %s: %d denied, %s, %d waived", prose.Several(objects, "object"), prose.Several(applications, "application"),
		counts[verdict.Deny], prose.Several(counts[verdict.Warn], "warning"), counts[verdict.Waived])
	if counts[failed] > 0 {
		text += ", " + prose.Several(counts[failed], "error")
	}
	return text
}

// label is the decision as a table shows it.
func label(outcome verdict.Outcome) verdict.Decision {
	if outcome.Decision == verdict.Deny && !outcome.Code.Denies() && outcome.Code != fault.PolicyEngine {
		return failed
	}
	return outcome.Decision
}

// writeOutcomes names each object once, and below it each rule once with its
// messages. Outcomes come sorted by object and rule.
func writeOutcomes(b *strings.Builder, outcomes []verdict.Outcome, options Options) {
	for i, outcome := range outcomes {
		first := i == 0 || subject(outcomes[i-1]) != subject(outcome)
		if first && subject(outcome) != "" {
			fmt.Fprintf(b, "  %s\n", subject(outcome))
		}
		if first || !sameRule(outcomes[i-1], outcome) {
			fmt.Fprintf(b, "    %s  %-8s  %s\n", options.paint(colors[label(outcome)], fmt.Sprintf("%-6s", label(outcome))),
				fault.Clean(cmp.Or(outcome.Severity, "-"), 20), fault.Clean(outcome.Rule, 120))
		}
		b.WriteString(detail(message(outcome), options.Width))
		b.WriteString(quoted(outcome.Quote, options))
		if last := i == len(outcomes)-1; last || subject(outcomes[i+1]) != subject(outcome) || !sameRule(outcome, outcomes[i+1]) {
			b.WriteString(detail(advice(outcome), options.Width))
		}
	}
}

// subject names the object and the place that an outcome speaks of.
func subject(outcome verdict.Outcome) string {
	place := fault.Clean(outcome.File, 200)
	if place != "" && outcome.Line > 0 {
		place = fmt.Sprintf("%s:%d", place, outcome.Line)
	}
	object := fault.Clean(outcome.Object, 200)
	if object != "" && place != "" {
		return object + "  " + place
	}
	return object + place
}

func sameRule(a, b verdict.Outcome) bool {
	return a.Rule == b.Rule && label(a) == label(b) && a.Severity == b.Severity && advice(a) == advice(b)
}

func message(outcome verdict.Outcome) string {
	text := fault.Clean(outcome.Message, 2*verdict.MaxMessageBytes)
	if outcome.Field != "" {
		text += " [" + fault.Clean(outcome.Field, 200) + "]"
	}
	return text
}

// advice says what to do about an outcome, or who decided that nothing need be.
func advice(outcome verdict.Outcome) string {
	switch {
	case outcome.Waiver != nil:
		return waived(outcome)
	case outcome.Fix != "":
		return "fix: " + fault.Clean(outcome.Fix, verdict.MaxMessageBytes)
	default:
		return ""
	}
}

func waived(outcome verdict.Outcome) string {
	waiver := outcome.Waiver
	text := "waived by " + waiver.Owner
	if waiver.Expires != "" {
		text += " until " + waiver.Expires
	}
	return fault.Clean(text+": "+waiver.Reason, 2*verdict.MaxMessageBytes)
}

// quoted shows the line that an outcome speaks of.
func quoted(quote *fault.Quote, options Options) string {
	if quote == nil {
		return ""
	}
	const indent = "        "
	line, caret := quote.Lines()
	return indent + line + "\n" + indent + options.paint(prose.Red, caret) + "\n"
}

func detail(text string, width int) string {
	const indent = "      "
	if text == "" {
		return ""
	}
	return indent + prose.Hang(text, indent+"  ", width) + "\n"
}
