// Package report writes verdicts for people and for the tools that read them:
// a table, JSON, SARIF, JUnit and GitHub's annotations. The last two are
// conftest's own formats, so that what reads conftest's output reads ours.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/open-policy-agent/conftest/output"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Format names a form of output.
type Format string

// The formats.
const (
	Table  Format = "table"
	JSON   Format = "json"
	SARIF  Format = "sarif"
	JUnit  Format = "junit"
	GitHub Format = "github"
)

// Formats lists the formats.
func Formats() []Format { return []Format{Table, JSON, SARIF, JUnit, GitHub} }

// Result is what the gate said of one application or overlay.
type Result struct {
	// Path is where it lies in the repository.
	Path    string          `json:"path"`
	Verdict verdict.Verdict `json:"verdict"`
	// Faults are why there is no verdict.
	Faults fault.List `json:"faults,omitempty"`
}

// Options say how a report looks.
type Options struct {
	// Color marks decisions in a table.
	Color bool
	// Version of the tool, for SARIF.
	Version string
}

// Write writes the results in a format.
func Write(w io.Writer, format Format, results []Result, options Options) error {
	switch format {
	case Table:
		return writeTable(w, results, options.Color)
	case JSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"results": results})
	case SARIF:
		return writeSARIF(w, results, options.Version)
	case JUnit:
		return output.NewJUnit(w, false).Output(CheckResults(results))
	case GitHub:
		return output.NewGitHub(w, true).Output(CheckResults(results))
	default:
		return fault.New(fault.Config, "there is no format %q", string(format)).WithFix("use table, json, sarif, junit or github")
	}
}

// outcomes returns the outcomes of a result, with one that denies for each
// fault and one that warns for each notice.
func (r Result) outcomes() []verdict.Outcome {
	all := slices.Clone(r.Verdict.Outcomes)
	add := func(f *fault.Error, decision verdict.Decision) {
		all = append(all, verdict.Outcome{
			Rule: string(f.Code), Title: f.Message, Decision: decision, Object: f.Object, File: f.File, Line: f.Line, Field: f.Field,
			Message: fault.Clean(f.Message, 2*verdict.MaxMessageBytes), Fix: f.Fix, Code: f.Code,
		})
	}
	for _, f := range r.Faults {
		add(f, verdict.Deny)
	}
	for _, f := range r.Verdict.Notices {
		add(f, verdict.Warn)
	}
	return all
}

// CheckResults gives results in conftest's form: one for each file, with the
// environment as the namespace.
func CheckResults(results []Result) output.CheckResults {
	var checks output.CheckResults
	for _, result := range results {
		byFile := map[string]*output.CheckResult{}
		var order []string
		check := func(file string) *output.CheckResult {
			if byFile[file] == nil {
				byFile[file] = &output.CheckResult{FileName: file, Namespace: result.Verdict.Environment}
				order = append(order, file)
			}
			return byFile[file]
		}
		failing := map[string]bool{}
		for _, outcome := range result.outcomes() {
			file := check(cmp.Or(outcome.File, result.Path))
			failing[outcome.Object] = true
			item := output.Result{
				Message:  sentence(outcome),
				Location: &output.Location{File: file.FileName, Line: json.Number(strconv.Itoa(max(outcome.Line, 1)))},
				Metadata: map[string]any{"rule": outcome.Rule, "severity": outcome.Severity, "object": outcome.Object},
			}
			switch outcome.Decision {
			case verdict.Deny:
				file.Failures = append(file.Failures, item)
			case verdict.Warn:
				file.Warnings = append(file.Warnings, item)
			default:
				file.Exceptions = append(file.Exceptions, item)
			}
		}
		check(result.Path).Successes += max(0, result.Verdict.Objects-len(failing))
		for _, file := range order {
			checks = append(checks, *byFile[file])
		}
	}
	return checks
}

// sentence gives an outcome as one line.
func sentence(outcome verdict.Outcome) string {
	text := outcome.Rule + ": " + outcome.Message
	if outcome.Object != "" {
		text = outcome.Object + ": " + text
	}
	if outcome.Waiver != nil {
		text += fmt.Sprintf(" (waived by %s until %s: %s)", outcome.Waiver.Owner, outcome.Waiver.Expires, outcome.Waiver.Reason)
	} else if outcome.Fix != "" {
		text += "; fix: " + outcome.Fix
	}
	return fault.Clean(text, 4*verdict.MaxMessageBytes)
}
