package report

import (
	"cmp"
	_ "embed"
	"html/template"
	"io"
	"sync"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

//go:embed report.html
var page string

// pageTemplate escapes by context: names and messages are tenants' text. It is
// parsed when it is needed, since every worker is this program too.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("report").Parse(page))
})

// pageData is what the page shows.
type pageData struct {
	Version      string
	Totals       string
	Denied       bool
	Applications []pageApplication
}

type pageApplication struct {
	Path, Environment string
	Objects           int
	Denied            bool
	Outcomes          []pageOutcome
}

type pageOutcome struct {
	verdict.Outcome
	Label, Why, Subject, Advice string
}

// writeHTML writes one page that needs no other file, script or font.
func writeHTML(w io.Writer, results []Result, options Options) error {
	why := map[string]string{}
	for _, rule := range options.Rules {
		why[rule.ID()] = rule.Meta.Description
	}
	data := pageData{Version: options.Version}
	counts := map[verdict.Decision]int{}
	objects := 0
	for _, result := range results {
		application := pageApplication{
			Path: result.Path, Environment: cmp.Or(result.Verdict.Environment, "no environment"), Objects: result.Verdict.Objects,
		}
		objects += result.Verdict.Objects
		for _, outcome := range result.outcomes() {
			counts[label(outcome)]++
			application.Denied = application.Denied || outcome.Decision == verdict.Deny
			outcome.Message = fault.Clean(outcome.Message, 2*verdict.MaxMessageBytes)
			application.Outcomes = append(application.Outcomes, pageOutcome{
				Outcome: outcome, Label: string(label(outcome)), Why: why[outcome.Rule], Subject: subject(outcome), Advice: advice(outcome),
			})
		}
		data.Denied = data.Denied || application.Denied
		data.Applications = append(data.Applications, application)
	}
	data.Totals = totals(objects, len(results), counts)
	return pageTemplate().Execute(w, data)
}
