package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/jstemmer/go-junit-report/formatter"
	"github.com/jstemmer/go-junit-report/parser"
	"github.com/open-policy-agent/conftest/output"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

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
		text += fmt.Sprintf(" (%s)", waived(outcome))
	} else if outcome.Fix != "" {
		text += "; fix: " + outcome.Fix
	}
	return fault.Clean(text, 4*verdict.MaxMessageBytes)
}

// writeGitHub writes conftest's annotations. conftest escapes the name of the
// file but not the message, in which GitHub would read %0A as a new line; and it
// takes the message for a format string.
func writeGitHub(w io.Writer, results []Result) error {
	checks := CheckResults(results)
	for _, check := range checks {
		for _, list := range [][]output.Result{check.Failures, check.Warnings, check.Exceptions} {
			for i := range list {
				list[i].Message = strings.ReplaceAll(list[i].Message, "%", "%%25")
			}
		}
	}
	return output.NewGitHub(w, true).Output(checks)
}

// writeJUnit writes what conftest would, by the same library, but always in the
// same order: conftest ranges over a map.
func writeJUnit(w io.Writer, results []Result) error {
	var report parser.Report
	for _, check := range CheckResults(results) {
		name := "conftest." + check.Namespace
		at := slices.IndexFunc(report.Packages, func(p parser.Package) bool { return p.Name == name })
		if at < 0 {
			at = len(report.Packages)
			report.Packages = append(report.Packages, parser.Package{Name: name})
		}
		suite := &report.Packages[at]
		for _, item := range slices.Concat(check.Warnings, check.Failures) {
			suite.Tests = append(suite.Tests, &parser.Test{Name: check.FileName + " - " + item.Message, Result: parser.FAIL, Output: []string{item.Message}})
		}
		for range check.Successes {
			suite.Tests = append(suite.Tests, &parser.Test{Name: check.FileName, Result: parser.PASS})
		}
	}
	return formatter.JUnitReportXML(&report, false, runtime.Version(), w)
}
