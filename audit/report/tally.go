package report

import (
	"cmp"
	"slices"
	"time"
)

const (
	// maxRows bounds how many things of one kind are counted, maxSet how many
	// names are remembered of each.
	maxRows = 5000
	maxSet  = 500
	// maxDays bounds the days that are counted: some 27 years.
	maxDays = 10_000
)

// figures count what became of renders.
type figures struct{ Renders, Changed, Passed, Denied, Failed int }

func (f *figures) add(o figures) {
	f.Renders += o.Renders
	f.Changed += o.Changed
	f.Passed += o.Passed
	f.Denied += o.Denied
	f.Failed += o.Failed
}

// set is a bounded set of names.
type set struct {
	names map[string]bool
	// More tells that there are others.
	More bool
}

func (s *set) add(name string) {
	switch {
	case name == "" || s.names[name]:
	case len(s.names) >= maxSet:
		s.More = true
	default:
		if s.names == nil {
			s.names = map[string]bool{}
		}
		s.names[name] = true
	}
}

// Len is how many names there are, or at least are.
func (s set) Len() int { return len(s.names) }

// sorted returns the names in order.
func (s set) sorted() []string {
	names := make([]string, 0, len(s.names))
	for name := range s.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// row is what is counted of one thing.
type row struct {
	Name string
	figures
	// Count is how often it occurred.
	Count       int
	Apps        set
	First, Last time.Time
}

func (r *row) at(t time.Time) {
	if r.First.IsZero() || t.Before(r.First) {
		r.First = t
	}
	if t.After(r.Last) {
		r.Last = t
	}
}

// tally counts by name.
type tally struct {
	rows map[string]*row
	// left counts what found no place.
	left int
}

func (t *tally) add(name, app string, at time.Time, f figures) {
	counted := t.rows[name]
	if counted == nil {
		if len(t.rows) >= maxRows {
			t.left++
			return
		}
		if t.rows == nil {
			t.rows = map[string]*row{}
		}
		counted = &row{Name: name}
		t.rows[name] = counted
	}
	counted.Count++
	counted.figures.add(f)
	counted.Apps.add(app)
	counted.at(at)
}

// sorted puts the most frequent first.
func (t *tally) sorted(count func(*row) int) []*row {
	list := make([]*row, 0, len(t.rows))
	for _, one := range t.rows {
		if count(one) > 0 {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b *row) int { return cmp.Or(cmp.Compare(count(b), count(a)), cmp.Compare(a.Name, b.Name)) })
	return list
}

// latest keeps the last of many.
type latest[T any] struct {
	list []T
	next int
	// total counts all.
	total int
}

func (l *latest[T]) add(one T, limit int) {
	l.total++
	if len(l.list) < limit {
		l.list = append(l.list, one)
		return
	}
	l.list[l.next] = one
	l.next = (l.next + 1) % limit
}

// newestFirst returns what was kept.
func (l *latest[T]) newestFirst() []T {
	list := slices.Concat(l.list[l.next:], l.list[:l.next])
	slices.Reverse(list)
	return list
}
