package kyverno

import (
	"strings"
)

// maxPatternDepth bounds how deep patterns may be nested.
const maxPatternDepth = 50

// patternReader reads patterns, and keeps the texts whose variables need values.
type patternReader struct {
	scope scope
	texts []*text
}

func (r *patternReader) read(a at, depth int) pattern {
	if depth > maxPatternDepth {
		a.refuse("", "the pattern is nested more than %d deep", maxPatternDepth)
		return mapping{}
	}
	switch v := a.value.(type) {
	case map[string]any:
		return r.mapping(a, v, depth, false)
	case []any:
		return r.list(a, v, depth)
	case string:
		return r.text(a, depth)
	default:
		return scalar{compare: func(value any) bool { return fitsConstant(v, value) }}
	}
}

func (r *patternReader) text(a at, depth int) pattern {
	t := a.template(r.scope)
	if variable, ok := t.variable(); ok && variable.fixed {
		return r.read(at{reader: a.reader, path: a.path, value: variable.constant}, depth+1)
	}
	if s, ok := t.static(); ok {
		return scalar{compare: newChoice(own(s)).fits}
	}
	r.texts = append(r.texts, &t)
	return scalar{text: &t}
}

// list reads the pattern of a list. Kyverno reads the first item only, unless the
// items are lists; what would not be judged is refused.
func (r *patternReader) list(a at, items []any, depth int) pattern {
	if len(items) == 0 {
		a.refuse("write one item that every item of the list must look like", "is an empty list, which nothing fits")
		return several{}
	}
	if _, nested := items[0].([]any); nested {
		return several{items: r.items(a, items, depth)}
	}
	if len(items) > 1 {
		a.in(1, nil).refuse("put more patterns into rules of their own, or use the anchor ^()", "only the first item of a list would be judged")
	}
	return each{item: r.read(a.in(0, items[0]), depth+1)}
}

func (r *patternReader) items(a at, items []any, depth int) []pattern {
	patterns := make([]pattern, len(items))
	for i, item := range items {
		patterns[i] = r.read(a.in(i, item), depth+1)
	}
	return patterns
}

// mapping reads the pattern of an object. Within metadata, the names of labels
// and annotations may hold wildcards.
func (r *patternReader) mapping(a at, values map[string]any, depth int, metadata bool) pattern {
	var fields []field
	for key, v := range values {
		at := a.in(key, v)
		var f field
		f.anchor, f.name = parseAnchor(key)
		switch {
		case f.anchor == addition:
			at.refuse("use =() or a plain name", "the anchor +() changes objects, which a gate does not")
			continue
		case strings.Contains(key, "{{"):
			at.refuse("write the names of fields as they are", "the name of a field holds a variable")
			continue
		case f.anchor == existence:
			f.pattern = r.existence(at, depth)
		default:
			f.anything = f.anchor == plainField && v == "*"
			f.pattern = r.within(at, f.name, depth, metadata)
		}
		fields = append(fields, f)
	}
	return inOrder(fields)
}

// within reads the pattern of a field.
func (r *patternReader) within(a at, name string, depth int, metadata bool) pattern {
	values, ok := a.value.(map[string]any)
	switch {
	case ok && depth >= maxPatternDepth:
		return r.read(a, depth+1)
	case ok && name == "metadata":
		return r.mapping(a, values, depth+1, true)
	case ok && metadata && (name == "labels" || name == "annotations"):
		m, _ := r.mapping(a, values, depth+1, false).(mapping)
		m.wild = true
		return m
	default:
		return r.read(a, depth+1)
	}
}

func (r *patternReader) existence(a at, depth int) pattern {
	items, ok := a.value.([]any)
	for _, item := range items {
		_, isMapping := item.(map[string]any)
		ok = ok && isMapping
	}
	if !ok {
		a.refuse("write a list of mappings, of which each must fit some item", "the anchor ^() is for lists of mappings")
		return several{}
	}
	return several{items: r.items(a, items, depth)}
}
