package kyverno

import (
	"encoding/json"
	"slices"
)

// quantifier decides from which of the keys are in the values.
type quantifier func(found []bool) bool

func someIn(found []bool) bool  { return slices.Contains(found, true) }
func someOut(found []bool) bool { return slices.Contains(found, false) }
func allIn(found []bool) bool   { return !slices.Contains(found, false) }
func allOut(found []bool) bool  { return !slices.Contains(found, true) }

// in looks the keys up: in a list, in a range, or in a list that is written as
// text in JSON. A side that is none of these holds for no operator.
func in(enough quantifier) operator {
	return func(key, value any) bool {
		found, ok := lookup(key, value, false)
		return ok && enough(found)
	}
}

// oldIn and oldNotIn are what Kyverno deprecates: a list must be a subset of the
// values, or not be one, with no wildcards and no ranges.
func oldIn(key, value any) bool {
	found, ok := lookup(key, value, true)
	return ok && allIn(found)
}

func oldNotIn(key, value any) bool {
	found, ok := lookup(key, value, true)
	return ok && someOut(found)
}

// lookup tells for each key whether it is among the values.
func lookup(key, value any, old bool) (found []bool, ok bool) {
	keys, ok := texts(key)
	if !ok {
		return nil, false
	}
	_, set := key.([]any)
	among, ok := candidates(value, keys, set, old)
	if !ok {
		return nil, false
	}
	found = make([]bool, len(keys))
	for i, k := range keys {
		found[i] = among(k)
	}
	return found, true
}

// texts returns the keys as texts: one for a scalar, and those of a list.
func texts(key any) ([]glob, bool) {
	switch key := key.(type) {
	case []any:
		list := make([]glob, len(key))
		for i, item := range key {
			list[i] = textOf(item)
		}
		return list, true
	case nil, map[string]any:
		return nil, false
	default:
		return []glob{textOf(key)}, true
	}
}

func textOf(v any) glob {
	if g, ok := v.(glob); ok {
		return g
	}
	return glob(written(bare(v)))
}

// candidates returns the comparison of a key with what a condition names. Set
// says that the keys are a list.
func candidates(value any, keys []glob, set, old bool) (func(glob) bool, bool) {
	list, isList := value.([]any)
	if isList {
		items, _ := texts(list)
		if set && old {
			return among(items, false), true
		}
		return among(items, true), true
	}
	text, ok := value.(glob)
	switch _, _, inside, isRange := rangeOf(text); {
	case !ok:
		return nil, false
	case len(keys) == 1 && (text.plain() == keys[0].plain() || !set && text.fits(keys[0].plain())):
		return func(glob) bool { return true }, true
	case isRange && inside && !old:
		c := newChoice(text)
		return func(key glob) bool { return c.fits(key.plain()) }, true
	}
	items, ok := listed(text, old)
	return among(items, set && !old), ok
}

// among looks a key up in a list. Wildcards count on either side, where the policy
// wrote them; both sides may be long lists of a tenant, which have none.
func among(items []glob, wildcards bool) func(glob) bool {
	plain := make(map[string]bool, len(items))
	var wild []glob
	for _, item := range items {
		plain[item.plain()] = true
		if item.wild() {
			wild = append(wild, item)
		}
	}
	return func(key glob) bool {
		written := key.plain()
		if plain[written] || !wildcards {
			return plain[written]
		}
		if slices.ContainsFunc(wild, func(item glob) bool { return item.fits(written) }) {
			return true
		}
		return key.wild() && slices.ContainsFunc(items, func(item glob) bool { return key.fits(item.plain()) })
	}
}

// listed reads a text as a list in JSON, or as its only item.
func listed(value glob, old bool) ([]glob, bool) {
	plain := []byte(value.plain())
	if !json.Valid(plain) {
		return []glob{value}, !old
	}
	var items []string
	if err := json.Unmarshal(plain, &items); err != nil {
		return nil, false
	}
	list := make([]glob, len(items))
	for i, item := range items {
		list[i] = glob(item)
	}
	return list, true
}
