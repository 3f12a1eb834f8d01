//go:generate go run ../internal/sample ../testdata

// Package query asks questions of the audit trail: who changed what, which
// applications used a secret, what was denied. It reads lines of JSON as they
// stand in the trail's files, in memory that does not grow with the trail.
package query

import (
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/period"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Question is what a person asks. Several texts for one thing are alternatives;
// different things must hold together. What is empty is not asked.
type Question struct {
	// Apps, Projects, Environments and Rules are patterns of package pattern.
	Apps, Projects, Environments, Rules []string
	// Repos are URLs, or the last segments of one: example/deploy.
	Repos []string
	// Paths are directories of a repository, with all that is below.
	Paths []string
	// Revisions are the beginnings of commits.
	Revisions []string
	// Authors are parts of a name or address, in any case.
	Authors []string
	// Outcomes are ok, failed, or codes as patterns: E_VAULT*.
	Outcomes []string
	// Decisions are deny, warn, waived and pass. With them, Rules are those that
	// decided so.
	Decisions []string
	// Secrets are MOUNT/PATH[#KEY][@VERSION], with patterns for path and key. They
	// are those that renders used; with Types, those that such events name.
	Secrets []string
	// Images are NAME, NAME@DIGEST or DIGEST of what renders had, with patterns for the
	// name.
	Images []string
	// Types are those of [audit.Type].
	Types []string
	// On, Since and Until are times of package period. On is both at once. Until
	// is up to the end of what it names.
	On, Since, Until string
	// Changed asks for renders that differ from the one before.
	Changed bool
}

// Filter tells which events answer a question. It is safe for concurrent use.
type Filter struct {
	apps, projects, environments, rules names
	repos                               []repo
	paths                               names
	revisions, authors, outcomes        []string
	codes                               names
	decisions                           []string
	secrets                             []secret
	images                              []image
	types                               []audit.Type
	period                              period.Period
	changed                             bool
}

// Compile reads a question whose relative times count from now. A text that
// means nothing is a fault with the code E_PARAMETER.
func Compile(q Question, now time.Time) (*Filter, error) {
	f := &Filter{changed: q.Changed}
	var faults fault.List
	note := func(err error) {
		if err != nil {
			faults = append(faults, fault.Of(err)...)
		}
	}
	note(f.apps.compile("--app", q.Apps))
	note(f.projects.compile("--project", q.Projects))
	note(f.environments.compile("--environment", q.Environments))
	note(f.rules.compile("--rule", q.Rules))
	note(f.compileSource(q))
	note(f.compileOutcomes(q.Outcomes))
	for _, text := range q.Secrets {
		asked, err := compileSecret(text)
		note(err)
		f.secrets = append(f.secrets, asked)
	}
	for _, text := range q.Images {
		asked, err := compileImage(text)
		note(err)
		f.images = append(f.images, asked)
	}
	for _, text := range q.Decisions {
		note(oneOf("--decision", text, "deny", "warn", "waived", "pass"))
		f.decisions = append(f.decisions, text)
	}
	for _, text := range q.Types {
		note(oneOf("--type", text, types()...))
		f.types = append(f.types, audit.Type(text))
	}
	var err error
	f.period, err = Period(q.On, q.Since, q.Until, now)
	note(err)
	return f, faults.OrNil()
}

func types() []string {
	var names []string
	for _, one := range audit.Types() {
		names = append(names, string(one))
	}
	return names
}

// Period is what three texts name together; an empty text leaves its end open,
// as the zero time.
func Period(on, since, until string, now time.Time) (asked period.Period, err error) {
	if on != "" {
		if since != "" || until != "" {
			return asked, fault.New(fault.Parameter, "--on names both ends of the time").WithFix("leave out --since and --until")
		}
		if asked, err = period.Parse(on, now); err == nil && asked.From.Equal(asked.Until) {
			err = fault.New(fault.Parameter, "--on %s is a moment", fault.Clean(on, 80)).WithFix("use --since")
		}
		return asked, err
	}
	if since != "" {
		first, err := period.Parse(since, now)
		if err != nil {
			return asked, err
		}
		asked.From = first.From
	}
	if until != "" {
		last, err := period.Parse(until, now)
		if err != nil {
			return asked, err
		}
		asked.Until = last.Until
	}
	if !asked.Until.IsZero() && !asked.Until.After(asked.From) {
		return asked, fault.New(fault.Parameter, "--until ends before --since begins")
	}
	return asked, nil
}

func oneOf(flag, text string, known ...string) error {
	if slices.Contains(known, text) {
		return nil
	}
	last := len(known) - 1
	return fault.New(fault.Parameter, "%s does not know %q", flag, fault.Clean(text, 80)).Like(text, known).
		WithFix("use %s or %s", strings.Join(known[:last], ", "), known[last])
}
