package query

import (
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// concerns tells whether an event is about the applications and sources that
// are asked for. It looks at nothing that one of them could change, so that the
// render before is found whatever became of it.
func (f *Filter) concerns(e *Record) bool {
	return f.apps.fit(e.App) && f.projects.fit(e.Project) && f.environments.fit(e.Environment) && f.paths.fit(e.Path) &&
		(len(f.repos) == 0 || slices.ContainsFunc(f.repos, func(r repo) bool { return r.match(e.Repo) }))
}

// answers tells whether an event that is of concern answers the question.
func (f *Filter) answers(e *Record, change Change) bool {
	return !(f.changed && change == Same) && f.within(e) &&
		(len(f.types) == 0 || slices.Contains(f.types, e.Type)) &&
		(len(f.revisions) == 0 || slices.ContainsFunc(f.revisions, func(r string) bool { return strings.HasPrefix(e.Revision, r) })) &&
		f.author(e.Author) && f.outcome(e) && f.decided(e) && f.ran(e) &&
		(len(f.secrets) == 0 || f.uses(e) && len(f.used(e)) > 0)
}

// uses tells whether the references of an event are uses of secrets. Other types
// of events tell of secrets too, and count where they are asked for.
func (f *Filter) uses(e *Record) bool { return len(f.types) > 0 || e.Type == audit.Render }

func (f *Filter) within(e *Record) bool {
	return (f.period.From.IsZero() || !e.Time.Before(f.period.From)) && (f.period.Until.IsZero() || e.Time.Before(f.period.Until))
}

func (f *Filter) author(name string) bool {
	if len(f.authors) == 0 {
		return true
	}
	name = strings.ToLower(name)
	return slices.ContainsFunc(f.authors, func(part string) bool { return strings.Contains(name, part) })
}

func (f *Filter) outcome(e *Record) bool {
	if len(f.outcomes) == 0 && len(f.codes) == 0 {
		return true
	}
	result := "failed"
	if e.Outcome == OK {
		result = "ok"
	}
	return slices.Contains(f.outcomes, result) || f.codes.match(e.Outcome) || slices.ContainsFunc(e.Codes, f.codes.match)
}

func (f *Filter) decided(e *Record) bool {
	if len(f.decisions) == 0 && len(f.rules) == 0 {
		return true
	}
	if e.Verdict == nil {
		return false
	}
	if len(f.rules) == 0 {
		return slices.Contains(f.decisions, e.Verdict.Decision)
	}
	return len(f.ruled(e)) > 0
}

// ruled returns the rules of an event that are asked for, each once.
func (f *Filter) ruled(e *Record) []string {
	if e.Verdict == nil {
		return nil
	}
	wanted := func(decision string) bool { return len(f.decisions) == 0 || slices.Contains(f.decisions, decision) }
	var rules []string
	add := func(rule string) {
		if f.rules.fit(rule) && !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	}
	if wanted("deny") {
		for _, rule := range e.Verdict.Denied {
			add(rule)
		}
	}
	if wanted("warn") {
		for _, rule := range e.Verdict.Warned {
			add(rule)
		}
	}
	if wanted("waived") {
		for _, waiver := range e.Verdict.Waived {
			add(waiver.Rule)
		}
	}
	return rules
}

// used returns the references of an event that are asked for.
func (f *Filter) used(e *Record) []audit.Reference {
	if len(f.secrets) == 0 {
		return e.References
	}
	var references []audit.Reference
	for _, reference := range e.References {
		if slices.ContainsFunc(f.secrets, func(s secret) bool { return s.match(reference) }) {
			references = append(references, reference)
		}
	}
	return references
}
