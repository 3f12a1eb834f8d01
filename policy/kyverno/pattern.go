package kyverno

import (
	"regexp"
	"slices"
	"strings"
)

// anchor says when the pattern of a field counts.
type anchor byte

const (
	plainField  anchor = 0
	conditional anchor = '('
	equality    anchor = '='
	existence   anchor = '^'
	negation    anchor = 'X'
	global      anchor = '<'
	addition    anchor = '+'
)

// anchored finds a name in parentheses, with the anchor's sign before them.
var anchored = regexp.MustCompile(`^([+<=X^]?)\((.+)\)$`)

func parseAnchor(key string) (anchor, string) {
	match := anchored.FindStringSubmatch(strings.TrimSpace(key))
	switch {
	case match == nil:
		return plainField, key
	case match[1] == "":
		return conditional, match[2]
	default:
		return anchor(match[1][0]), match[2]
	}
}

// pattern is what a value must look like: a mapping, a list or a scalar.
type pattern interface{ isPattern() }

// mapping is the pattern of an object. The anchored fields are judged first.
type mapping struct {
	anchors, fields []field
	// wild says that its names may hold wildcards, as those of labels and
	// annotations.
	wild bool
}

type field struct {
	anchor anchor
	name   string
	// anything is the pattern "*": the field is there and is not null.
	anything bool
	pattern  pattern
}

// each is the pattern of every item of a list.
type each struct{ item pattern }

// several is the patterns of the first items of a list, which are lists; of the
// anchor ^ it is the patterns that some item must fit.
type several struct{ items []pattern }

// scalar is the pattern of any other value: a comparison, or a text whose
// variables say with what.
type scalar struct {
	compare func(any) bool
	text    *text
}

func (mapping) isPattern() {}
func (each) isPattern()    {}
func (several) isPattern() {}
func (scalar) isPattern()  {}

// hasAnchors tells whether a pattern holds anchors anywhere: such a field is
// judged before those without.
func hasAnchors(p pattern) bool {
	switch p := p.(type) {
	case mapping:
		return len(p.anchors) > 0 || slices.ContainsFunc(p.fields, func(f field) bool { return f.anchor == global || hasAnchors(f.pattern) })
	case each:
		return hasAnchors(p.item)
	case several:
		return slices.ContainsFunc(p.items, hasAnchors)
	default:
		return false
	}
}

// inOrder sorts the fields of a mapping as Kyverno judges them: anchors by what
// stands there, then fields that hold anchors from the last to the first, then
// the others. The order decides where one field says that the rule does not
// apply and another one does not fit.
func inOrder(fields []field) mapping {
	var m mapping
	slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.written(), b.written()) })
	var first, rest []field
	for _, f := range fields {
		switch {
		case f.anchor != plainField && f.anchor != global:
			m.anchors = append(m.anchors, f)
		case f.anchor == global || hasAnchors(f.pattern):
			first = append(first, f)
		default:
			rest = append(rest, f)
		}
	}
	slices.Reverse(first)
	m.fields = append(first, rest...)
	return m
}

func (f field) written() string {
	switch f.anchor {
	case plainField:
		return f.name
	case conditional:
		return "(" + f.name + ")"
	default:
		return string(rune(f.anchor)) + "(" + f.name + ")"
	}
}
