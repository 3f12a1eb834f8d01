package kyverno

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// answer is what comparing a value with a pattern came to.
type answer struct {
	state state
	// field is where the value does not fit.
	field string
	// direct is set where an anchor of this very mapping says that the rule does
	// not apply, and not one further inside.
	direct bool
}

type state int

const (
	fits state = iota
	differs
	// skips says that a condition of the pattern does not hold, so that the rule
	// does not apply.
	skips
)

// matcher compares one object with patterns.
type matcher struct {
	// texts are the comparisons that texts with variables ask for.
	texts map[*text]func(any) bool
}

// newMatcher evaluates the variables of a rule's patterns, also of those parts
// that the comparison may not come to: a variable without an answer is one for
// the rule.
func newMatcher(texts []*text, facts facts) (*matcher, error) {
	m := &matcher{texts: map[*text]func(any) bool{}}
	for _, t := range texts {
		compare, err := comparing(t, facts)
		if err != nil {
			return nil, err
		}
		m.texts[t] = compare
	}
	return m, nil
}

func (m *matcher) match(p pattern, v any, path string) answer {
	switch p := p.(type) {
	case mapping:
		fields, ok := v.(map[string]any)
		if !ok {
			return answer{state: differs, field: path}
		}
		return m.mapping(p, fields, path)
	case each:
		items, ok := v.([]any)
		if !ok {
			return answer{state: differs, field: path}
		}
		if _, ok := p.item.(scalar); ok {
			return m.match(p.item, v, path)
		}
		return m.each(items, path, func(int) pattern { return p.item })
	case several:
		items, ok := v.([]any)
		if !ok || len(items) < len(p.items) {
			return answer{state: differs, field: path}
		}
		return m.each(items[:len(p.items)], path, func(i int) pattern { return p.items[i] })
	case scalar:
		return m.scalar(p, v, path)
	default:
		return answer{state: differs, field: path}
	}
}

// each compares items. The rule does not apply to a list where it applies to none
// of the items that there are.
func (m *matcher) each(items []any, path string, of func(int) pattern) answer {
	applied, skipped := 0, 0
	for i, item := range items {
		switch a := m.match(of(i), item, path+"["+strconv.Itoa(i)+"]"); a.state {
		case differs:
			return a
		case skips:
			skipped++
		default:
			applied++
		}
	}
	if applied == 0 && skipped > 0 {
		return answer{state: skips, field: path}
	}
	return answer{}
}

func (m *matcher) mapping(p mapping, fields map[string]any, path string) answer {
	applied, skipped, direct := 0, 0, false
	for _, f := range p.anchors {
		switch a := m.field(p, f, fields, path); a.state {
		case fits:
			applied++
		case skips:
			skipped++
			direct = direct || a.direct
		default:
			if !direct {
				return a
			}
		}
	}
	if skipped > 0 && (applied == 0 || direct) {
		return answer{state: skips, field: path}
	}
	for _, f := range p.fields {
		if a := m.field(p, f, fields, path); a.state != fits {
			return a
		}
	}
	return answer{}
}

// field compares a field, or each of the fields that a name with wildcards
// stands for: all of them must fit, and of a condition one.
func (m *matcher) field(p mapping, f field, fields map[string]any, path string) answer {
	name := own(f.name)
	if !p.wild || !name.wild() {
		return m.named(f, fields, f.name, path)
	}
	found := false
	var last answer
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !name.fits(key) {
			continue
		}
		found = true
		last = m.named(f, fields, key, path)
		if (last.state == fits) == (f.anchor == conditional) {
			return last
		}
	}
	if !found {
		return m.named(f, fields, f.name, path)
	}
	return last
}

func (m *matcher) named(f field, fields map[string]any, name, path string) answer {
	v, present := fields[name]
	at := inside(path, name)
	switch f.anchor {
	case conditional:
		if !present || m.match(f.pattern, v, at).state != fits {
			return answer{state: skips, field: at, direct: true}
		}
		return answer{}
	case global:
		if present && m.match(f.pattern, v, at).state != fits {
			return answer{state: skips, field: at, direct: true}
		}
		return answer{}
	case negation:
		if present {
			return answer{state: differs, field: at}
		}
		return answer{}
	case equality:
		if !present {
			return answer{}
		}
		return m.match(f.pattern, v, at)
	case existence:
		if !present {
			return answer{}
		}
		return m.exists(f.pattern, v, at)
	default:
		if f.anything {
			if v == nil {
				return answer{state: differs, field: at}
			}
			return answer{}
		}
		return m.match(f.pattern, v, at)
	}
}

// exists asks for an item of the list for each of the patterns.
func (m *matcher) exists(p pattern, v any, path string) answer {
	items, ok := v.([]any)
	wanted, isList := p.(several)
	if !ok || !isList {
		return answer{state: differs, field: path}
	}
	for _, want := range wanted.items {
		if !slices.ContainsFunc(items, func(item any) bool { return m.match(want, item, path).state == fits }) {
			return answer{state: differs, field: path}
		}
	}
	return answer{}
}

func (m *matcher) scalar(p scalar, v any, path string) answer {
	compare := p.compare
	if p.text != nil {
		compare = m.texts[p.text]
	}
	items, ok := v.([]any)
	if !ok && !compare(v) {
		return answer{state: differs, field: path}
	}
	for i, item := range items {
		if !compare(item) {
			return answer{state: differs, field: path + "[" + strconv.Itoa(i) + "]"}
		}
	}
	return answer{}
}

// comparing returns the comparison that a text with variables asks for.
func comparing(t *text, facts facts) (func(any) bool, error) {
	variable, ok := t.variable()
	if !ok {
		g, err := t.in(facts)
		return newChoice(g).fits, err
	}
	result, err := variable.evaluate(facts)
	if err != nil {
		return nil, err
	}
	switch result := result.(type) {
	case string:
		return newChoice(glob(result)).fits, nil
	case map[string]any, []any:
		return nil, fmt.Errorf("{{ %s }} gives more than one value", fault.Clean(variable.source, 80))
	default:
		return func(v any) bool { return fitsConstant(result, v) }, nil
	}
}

// inside names a field within another one, as other messages do.
func inside(path, name string) string {
	if name == "" || strings.ContainsAny(name, "./[]\" \t\n") {
		return path + "[" + fault.Clean(name, 120) + "]"
	}
	if path == "" {
		return fault.Clean(name, 120)
	}
	return path + "." + fault.Clean(name, 120)
}
