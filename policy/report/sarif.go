package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/url"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"

	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

const (
	toolName = "argocd-seal"
	toolURI  = "https://github.com/argocd-seal/argocd-seal-plugin"
)

// severities are GitHub's numbers for its words critical, high, medium and low.
var severities = map[string]string{"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}

// writeSARIF writes one run. Each rule stands once among the tool's rules, and a
// waived outcome is a suppressed result with its reason.
func writeSARIF(w io.Writer, results []Result, version string) error {
	report, err := sarif.New(sarif.Version210)
	if err != nil {
		return err
	}
	driver := sarif.NewSimpleTool(toolName).Driver.WithVersion(cmp.Or(strings.TrimPrefix(version, "v"), "0")).WithInformationURI(toolURI)
	run := sarif.NewRun(sarif.Tool{Driver: driver})
	for _, result := range results {
		for _, outcome := range result.outcomes() {
			addRule(run, outcome)
			run.AddResult(sarifResult(result.Path, outcome))
		}
	}
	report.AddRun(run)
	return report.PrettyWrite(w)
}

func addRule(run *sarif.Run, outcome verdict.Outcome) {
	title := cmp.Or(outcome.Title, outcome.Rule)
	rule := run.AddRule(outcome.Rule).WithDescription(title).
		WithShortDescription(sarif.NewMultiformatMessageString(title))
	if outcome.Fix != "" {
		rule.WithHelp(sarif.NewMultiformatMessageString(outcome.Fix))
	}
	if outcome.Reference != "" {
		rule.WithHelpURI(outcome.Reference)
	}
	properties := sarif.Properties{"tags": []string{"security", "kubernetes"}}
	if number, ok := severities[outcome.Severity]; ok {
		properties["security-severity"] = number
	}
	rule.WithProperties(properties)
}

func sarifResult(path string, outcome verdict.Outcome) *sarif.Result {
	line := max(outcome.Line, 1)
	uri := url.URL{Path: cmp.Or(outcome.File, path)}
	location := sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri.EscapedPath())).
		WithRegion(sarif.NewRegion().WithStartLine(line))
	level := map[verdict.Decision]string{verdict.Deny: "error", verdict.Warn: "warning", verdict.Waived: "note"}[outcome.Decision]
	result := sarif.NewRuleResult(outcome.Rule).WithLevel(level).
		WithMessage(sarif.NewTextMessage(sentence(outcome))).
		WithPartialFingerPrints(map[string]interface{}{"outcome/v1": fingerprint(path, outcome)})
	place := sarif.NewLocationWithPhysicalLocation(location)
	if outcome.Object != "" {
		place.WithLogicalLocations([]*sarif.LogicalLocation{sarif.NewLogicalLocation().WithName(outcome.Object).WithFullyQualifiedName(outcome.Object + " " + outcome.Field)})
	}
	result.AddLocation(place)
	if outcome.Waiver != nil {
		result.AddSuppression(suppression(path, outcome))
	}
	return result
}

// suppression says who waived the result. Every field is set, because the library
// writes null for those that are not, which the schema refuses.
func suppression(path string, outcome verdict.Outcome) *sarif.Suppression {
	waiver := outcome.Waiver
	uri := url.URL{Path: cmp.Or(waiver.File, path)}
	place := sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri.EscapedPath())).
		WithRegion(sarif.NewRegion().WithStartLine(max(waiver.Line, 1)))
	id := fingerprint(path, outcome)
	return sarif.NewSuppression("external").WithStatus("accepted").
		WithGuid(id[:8] + "-" + id[8:12] + "-5" + id[13:16] + "-8" + id[17:20] + "-" + id[20:32]).
		WithLocation(sarif.NewLocationWithPhysicalLocation(place)).
		WithJustifcation(waiver.Owner + " until " + waiver.Expires + ": " + waiver.Reason)
}

// fingerprint names a result across commits: lines move, the object and the
// field do not.
func fingerprint(path string, outcome verdict.Outcome) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{path, outcome.Rule, outcome.Object, outcome.Field, outcome.Message}, "\x00")))
	return hex.EncodeToString(sum[:16])
}
