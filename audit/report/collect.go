package report

import (
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// maxChanges and maxOccasions bound the newest that are listed.
	maxChanges   = 1000
	maxOccasions = 200
)

// change is a render whose output was not the one before.
type change struct {
	Time                                     time.Time
	App, Environment, Revision, Author, What string
	By                                       query.Change
}

// occasion is what happened to the plugin itself.
type occasion struct {
	Time                    time.Time
	Type, Outcome, Instance string
	Message                 string
}

// add counts one event of the period.
func (r *Report) add(e *query.Record, by query.Change) {
	if r.first.IsZero() {
		r.first = e.Time
	}
	r.last = e.Time
	switch e.Type {
	case audit.Render:
		r.render(e, by)
	case audit.Config, audit.Policies, audit.Start, audit.Stop, audit.Recovery:
		r.platform.add(occasion{e.Time, string(e.Type), e.Outcome, e.Instance, e.Message}, maxOccasions)
	}
}

func (r *Report) render(e *query.Record, by query.Change) {
	counted := figures{Renders: 1}
	denied := e.Verdict != nil && e.Verdict.Decision == "deny"
	switch {
	case denied:
		counted.Denied = 1
	case e.Outcome == query.OK:
		counted.Passed = 1
	default:
		counted.Failed = 1
	}
	if by != query.Same {
		counted.Changed = 1
		r.changes.add(change{e.Time, e.App, e.Environment, e.Revision, e.Author, e.Subject, by}, maxChanges)
		if by != query.BySecrets && by != query.BySettings {
			r.authors.add(e.Author, e.App, e.Time, counted)
		}
	}
	r.totals.add(counted)
	r.apps.add(e.App)
	r.day(e.Time).add(counted)
	r.environments.add(e.Environment, e.App, e.Time, counted)
	r.projects.add(e.Project, e.App, e.Time, counted)
	if e.Verdict != nil {
		for _, rule := range e.Verdict.Denied {
			r.rules.add(rule, e.App, e.Time, counted)
		}
		r.waivers.add(&e.Event)
	}
	r.failed(e)
}

// failed counts the codes of a request. That a policy denied is told elsewhere.
func (r *Report) failed(e *query.Record) {
	codes := e.Codes
	if len(codes) == 0 && e.Outcome != query.OK {
		codes = []string{e.Outcome}
	}
	for _, code := range codes {
		if !fault.Code(code).Denies() {
			r.codes.add(code, e.App, e.Time, figures{})
		}
	}
}

// day returns the figures of the day that t lies in.
func (r *Report) day(t time.Time) *figures {
	day := midnight(t, r.options.Location)
	counted := r.days[day]
	if counted == nil {
		counted = &figures{}
		if len(r.days) < maxDays {
			r.days[day] = counted
		}
	}
	return counted
}

func midnight(t time.Time, location *time.Location) time.Time {
	year, month, day := t.In(location).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, location)
}
