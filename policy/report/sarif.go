package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v2/sarif"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

const (
	toolName = "argocd-seal"
	toolURI  = "https://github.com/argocd-seal/argocd-seal-plugin"
	// sourceRoot is the base of all paths: the root of the repository, wherever it
	// is checked out.
	sourceRoot = "%SRCROOT%"
)

// severities are GitHub's numbers for its words critical, high, medium and low.
var severities = map[string]string{"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}

// writeSARIF writes one run. Each rule stands once among the tool's rules, and a
// waived outcome is a suppressed result with its reason. What is said of one
// place in a base by several overlays is one result.
func writeSARIF(w io.Writer, results []Result, options Options) error {
	report, err := sarif.New(sarif.Version210)
	if err != nil {
		return err
	}
	driver := sarif.NewSimpleTool(toolName).Driver.WithVersion(cmp.Or(strings.TrimPrefix(options.Version, "v"), "0")).WithInformationURI(toolURI)
	run := sarif.NewRun(sarif.Tool{Driver: driver})
	run.OriginalUriBaseIDs = map[string]*sarif.ArtifactLocation{
		sourceRoot: sarif.NewArtifactLocation().WithDescription(sarif.NewTextMessage("the root of the repository")),
	}
	known := map[string]bundle.Rule{}
	for _, rule := range options.Rules {
		known[rule.ID()] = rule
	}
	said := map[string]*sarif.Result{}
	for _, result := range results {
		for _, outcome := range result.outcomes() {
			id := fingerprint(result.Path, outcome)
			if said[id] == nil {
				addRule(run, outcome, known[outcome.Rule].Meta)
				said[id] = sarifResult(result.Path, outcome)
				run.AddResult(said[id])
			}
			addApplication(said[id], result.Path)
		}
	}
	report.AddRun(run)
	return report.PrettyWrite(w)
}

// addApplication notes that a result holds for an application.
func addApplication(result *sarif.Result, path string) {
	if result.Properties == nil {
		result.Properties = sarif.Properties{}
	}
	paths, _ := result.Properties["applications"].([]string)
	if !slices.Contains(paths, path) {
		result.Properties["applications"] = append(paths, path)
	}
}

func addRule(run *sarif.Run, outcome verdict.Outcome, meta bundle.Metadata) {
	title, why, fix := cmp.Or(outcome.Title, outcome.Rule), meta.Description, cmp.Or(meta.Fix, outcome.Fix)
	for _, code := range fault.Codes() {
		if string(code.Code) == outcome.Rule {
			title, why, fix = code.Title, code.Cause, code.Fix
		}
	}
	why = cmp.Or(why, title)
	rule := run.AddRule(outcome.Rule).WithDescription(title).
		WithFullDescription(sarif.NewMultiformatMessageString(why)).
		WithHelp(help(why, fix, outcome.Reference))
	if outcome.Reference != "" {
		rule.WithHelpURI(outcome.Reference)
	}
	properties := sarif.Properties{"tags": []string{"security", "kubernetes"}}
	if number, ok := severities[outcome.Severity]; ok {
		properties["security-severity"] = number
	}
	rule.WithProperties(properties)
}

// help is what a person reads beside a result: why, and what to do.
func help(why, fix, reference string) *sarif.MultiformatMessageString {
	text, markdown := why, why
	if fix != "" {
		text += "\n\nFix: " + fix
		markdown += "\n\n**Fix:** " + fix
	}
	if reference != "" {
		text += "\n\nReference: " + reference
		markdown += fmt.Sprintf("\n\n**Reference:** <%s>", reference)
	}
	return sarif.NewMultiformatMessageString(text).WithMarkdown(markdown)
}

// physical is a place in a file below the root of the repository.
func physical(file string, line int) *sarif.PhysicalLocation {
	uri := url.URL{Path: file}
	return sarif.NewPhysicalLocation().
		WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri.String()).WithUriBaseId(sourceRoot)).
		WithRegion(sarif.NewRegion().WithStartLine(max(line, 1)))
}

func sarifResult(path string, outcome verdict.Outcome) *sarif.Result {
	level := map[verdict.Decision]string{verdict.Deny: "error", verdict.Warn: "warning", verdict.Waived: "note"}[outcome.Decision]
	id := fingerprint(path, outcome)
	result := sarif.NewRuleResult(outcome.Rule).WithLevel(level).
		WithMessage(sarif.NewTextMessage(sentence(outcome))).
		// GitHub reads the first alone, and would otherwise make one of the line's
		// text, which is the same for all that is said of one object.
		WithPartialFingerPrints(map[string]interface{}{"primaryLocationLineHash": id + ":1", "outcome/v1": id})
	place := sarif.NewLocationWithPhysicalLocation(physical(cmp.Or(outcome.File, path), outcome.Line))
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
	id := fingerprint(path, outcome)
	return sarif.NewSuppression("external").WithStatus("accepted").
		WithGuid(id[:8] + "-" + id[8:12] + "-5" + id[13:16] + "-8" + id[17:20] + "-" + id[20:32]).
		WithLocation(sarif.NewLocationWithPhysicalLocation(physical(cmp.Or(waiver.File, path), waiver.Line))).
		WithJustifcation(waived(outcome))
}

// fingerprint names a result across commits: lines move, the object and the
// field do not. The application takes part only where no file is known.
func fingerprint(path string, outcome verdict.Outcome) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{
		cmp.Or(outcome.File, path), string(outcome.Decision), outcome.Rule, outcome.Object, outcome.Field, outcome.Message,
	}, "\x00")))
	return hex.EncodeToString(sum[:16])
}
