// Package report writes verdicts for people and for the tools that read them:
// a table, a page of HTML, JSON, SARIF, JUnit and GitHub's annotations. The last
// two are conftest's own formats, so that what reads conftest's output reads
// ours.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
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
	HTML   Format = "html"
)

// Formats lists the formats.
func Formats() []Format { return []Format{Table, JSON, SARIF, JUnit, GitHub, HTML} }

// Known returns the format with a name, or a fault that lists those there are.
func Known(name string) (Format, error) {
	if slices.Contains(Formats(), Format(name)) {
		return Format(name), nil
	}
	var names []string
	for _, format := range Formats() {
		names = append(names, string(format))
	}
	last := len(names) - 1
	return "", fault.New(fault.Parameter, "there is no format %q", fault.Clean(name, 80)).Like(name, names).
		WithFix("%s", fmt.Sprintf("use %s or %s", strings.Join(names[:last], ", "), names[last]))
}

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
	// Width is how many characters a line of a table holds; 0 breaks no line.
	Width int
	// Quiet leaves out of a table what does not stop a request.
	Quiet bool
	// Version of the tool, for SARIF.
	Version string
	// Rules are those that were asked, for formats that explain them.
	Rules []bundle.Rule
}

// Write writes the results in a format.
func Write(w io.Writer, format Format, results []Result, options Options) error {
	switch format {
	case Table:
		return writeTable(w, results, options)
	case JSON:
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]any{"results": results})
	case SARIF:
		return writeSARIF(w, results, options)
	case JUnit:
		return writeJUnit(w, results)
	case GitHub:
		return writeGitHub(w, results)
	case HTML:
		return writeHTML(w, results, options)
	default:
		_, err := Known(string(format))
		return err
	}
}

// outcomes returns the outcomes of a result, with one that denies for each
// fault and one that warns for each notice.
func (r Result) outcomes() []verdict.Outcome {
	all := slices.Clone(r.Verdict.Outcomes)
	add := func(f *fault.Error, decision verdict.Decision) {
		all = append(all, verdict.Outcome{
			Rule: string(f.Code), Title: f.Message, Decision: decision, Object: f.Object, File: f.File, Line: f.Line, Field: f.Field,
			Message: fault.Clean(f.Message, 2*verdict.MaxMessageBytes), Fix: f.Advice(), Code: f.Code, Quote: f.Quote,
		})
	}
	for _, f := range r.Faults {
		add(f, verdict.Deny)
	}
	for _, f := range slices.Concat(r.Verdict.Approvals, r.Verdict.Notices) {
		add(f, verdict.Warn)
	}
	return all
}
