package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
)

// maxPairs bounds how many sources of applications are followed, and how many
// pairs of such a source and a version.
const maxPairs = 50_000

// secrets tells which version of which secret was used by whom.
type secrets struct {
	versions map[version]*secretUse
	// newest is the highest version of a path that was seen.
	newest map[string]int
	// last numbers the last render of each source, so that what a source does not
	// use any more is told from what it uses.
	last    map[source]int
	renders int
	pairs   int
	left    int
}

type version struct {
	path   string
	number int
}

type source struct{ app, environment, repo, path string }

type secretUse struct {
	use
	// within tells that it was used in the period.
	within bool
	// last numbers the last render of each source that used it.
	last map[source]int
}

// add takes events in order. within tells that they lie in the period.
func (s *secrets) add(e *audit.Event, within bool) {
	if s.newest == nil {
		s.versions, s.newest, s.last = map[version]*secretUse{}, map[string]int{}, map[source]int{}
	}
	rendered := e.Type == audit.Render && e.Outcome == query.OK
	of := source{e.App, e.Environment, e.Repo, e.Path}
	if rendered {
		s.renders++
		if _, known := s.last[of]; known || len(s.last) < maxPairs {
			s.last[of] = s.renders
		}
	}
	var seen []version
	for _, reference := range e.References {
		v := version{query.SecretName(audit.Reference{Store: reference.Store, Mount: reference.Mount, Path: reference.Path}), reference.Version}
		if slices.Contains(seen, v) {
			continue
		}
		seen = append(seen, v)
		if _, known := s.newest[v.path]; known || len(s.newest) < maxRows {
			s.newest[v.path] = max(s.newest[v.path], v.number)
		}
		// Another type of event tells of a secret, and uses none.
		if rendered {
			s.use(e, v, of, within)
		}
	}
}

func (s *secrets) use(e *audit.Event, v version, of source, within bool) {
	used := s.versions[v]
	if used == nil {
		if len(s.versions) >= maxRows {
			s.left++
			return
		}
		used = &secretUse{last: map[source]int{}}
		s.versions[v] = used
	}
	used.add(e.App, e.Time)
	used.within = used.within || within
	if _, known := used.last[of]; !known {
		if s.pairs >= maxPairs {
			s.left++
			return
		}
		s.pairs++
	}
	used.last[of] = s.renders
}

// now are the applications whose last render used a version.
func (s *secrets) now(used *secretUse) (apps set) {
	for of, number := range used.last {
		if s.last[of] == number {
			apps.add(of.app)
		}
	}
	return apps
}

// secretRow is one version of one secret.
type secretRow struct {
	Name    string
	Version int
	*use
	// Now are the applications whose last render used it.
	Now set
	// Newest is the highest version of the path that was seen.
	Newest int
	// Age is for how many days it has been used.
	Age int
}

// State names whether a version is in use, and whether it should be.
func (r secretRow) State() string {
	switch {
	case r.Now.Len() == 0:
		return "unused"
	case r.Version < r.Newest:
		return "behind"
	default:
		return "current"
	}
}

// sorted puts first what has been in use for the longest time, and last what is
// not used any more.
func (s *secrets) sorted(asOf time.Time) []secretRow {
	var list []secretRow
	for v, used := range s.versions {
		if used.within {
			list = append(list, secretRow{
				Name: v.path, Version: v.number, use: &used.use, Now: s.now(used), Newest: s.newest[v.path], Age: max(0, days(used.First, asOf)),
			})
		}
	}
	rank := func(r secretRow) int { return slices.Index([]string{"behind", "current", "unused"}, r.State()) }
	slices.SortFunc(list, func(a, b secretRow) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Age, a.Age), cmp.Compare(a.Name, b.Name), cmp.Compare(b.Version, a.Version))
	})
	return list
}
