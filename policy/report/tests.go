package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// maxReasonBytes bounds what is shown of why a test did not pass.
const maxReasonBytes = 1000

// WriteTests writes the results of tests of policies, as a table or as JSON. The
// table shows those that did not pass, with what they printed, and the totals.
func WriteTests(w io.Writer, format Format, results []bundle.TestResult, options Options) error {
	switch format {
	case Table:
		return writeTestTable(w, results, options)
	case JSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"tests": results})
	default:
		return fault.New(fault.Parameter, "there is no format %q for tests", string(format)).WithFix("use table or json")
	}
}

var statusColors = map[bundle.Status]string{bundle.Failed: prose.Red, bundle.Errored: prose.Red, bundle.Skipped: prose.Cyan}

func writeTestTable(w io.Writer, results []bundle.TestResult, options Options) error {
	var b strings.Builder
	counts := map[bundle.Status]int{}
	for _, result := range results {
		counts[result.Status]++
		if result.Status == bundle.Passed {
			continue
		}
		fmt.Fprintf(&b, "%s  %s:%d  %s.%s\n", options.paint(statusColors[result.Status], fmt.Sprintf("%-5s", result.Status)),
			fault.Clean(result.File, 200), result.Line, strings.TrimPrefix(result.Package, "data."), result.Name)
		if result.Reason != "" {
			fmt.Fprintf(&b, "       %s\n", prose.Hang(fault.Clean(result.Reason, maxReasonBytes), "       ", options.Width))
		}
		for line := range strings.Lines(result.Output) {
			fmt.Fprintf(&b, "       print: %s\n", fault.Clean(strings.TrimRight(line, "\n"), maxReasonBytes))
		}
	}
	fmt.Fprintf(&b, "%d tests: %d passed, %d failed, %d errors, %d skipped\n", len(results),
		counts[bundle.Passed], counts[bundle.Failed], counts[bundle.Errored], counts[bundle.Skipped])
	_, err := io.WriteString(w, b.String())
	return err
}
