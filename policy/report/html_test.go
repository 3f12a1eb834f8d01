package report_test

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/report"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Names and messages are a tenant's text: none may end an annotation and begin
// another command of the workflow, or become markup.
func TestHostileNamesStayText(t *testing.T) {
	hostile := []report.Result{{Path: "a", Verdict: verdict.Verdict{Outcomes: []verdict.Outcome{{
		Rule: "r", Decision: verdict.Deny, Object: "Pod x", File: "a::b,c%0A\n::error::.yaml", Line: 1,
		Message: "m%0A::set-output name=x::y\n::warning::z </td><script>alert(1)</script>", Reference: "javascript:alert(1)", Code: fault.Policy,
	}}}}}
	var annotations, page, junit bytes.Buffer
	for format, into := range map[report.Format]*bytes.Buffer{report.GitHub: &annotations, report.HTML: &page, report.JUnit: &junit} {
		if err := report.Write(into, format, hostile, report.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	want := `::error file=a%3A%3Ab%2Cc%250A%0A%3A%3Aerror%3A%3A.yaml,line=1::Pod x: r: m%250A::set-output name=x::y\n::warning::z </td><script>alert(1)</script>`
	if !strings.Contains(annotations.String(), want+"\n") {
		t.Errorf("%q is missing in:\n%s", want, annotations.String())
	}
	for line := range strings.Lines(annotations.String()) {
		if strings.HasPrefix(line, "::warning") || strings.HasPrefix(line, "::set-output") {
			t.Errorf("a command that nobody gave: %s", line)
		}
	}
	if text := page.String(); strings.Contains(text, "<script>") || strings.Contains(text, `"javascript:`) {
		t.Errorf("markup of a tenant:\n%s", text)
	}
	if err := xml.Unmarshal(junit.Bytes(), &struct{}{}); err != nil {
		t.Error(err)
	}
}

func TestHTMLStandsAlone(t *testing.T) {
	text := write(t, report.HTML, report.Options{Version: "v1.2.3"})
	for _, want := range []string{"<!DOCTYPE html>", "2 denied, 2 warnings, 1 waived, 1 error", "apps/web", `<a href="https://kubernetes.io/x"><code>pod-privileged</code></a>`, "v1.2.3"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	for _, loaded := range []string{"src=", "<link", "<script", "url(", "@import"} {
		if strings.Contains(text, loaded) {
			t.Errorf("the page loads something: %s", loaded)
		}
	}
}
