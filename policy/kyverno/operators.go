package kyverno

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/blang/semver/v4"
)

// operator compares the two sides of a condition, which hold nil, bool, float64,
// glob, []any and map[string]any.
type operator func(key, value any) bool

// operators are those of conditions, by name.
var operators = map[string]operator{
	"Equals": equals, "Equal": equals, "NotEquals": notEquals, "NotEqual": notEquals,
	"In": oldIn, "NotIn": oldNotIn,
	"AnyIn": in(someIn), "AllIn": in(allIn), "AnyNotIn": in(someOut), "AllNotIn": in(allOut),
	"GreaterThan": ordered(greater), "GreaterThanOrEquals": ordered(greaterEqual),
	"LessThan": ordered(less), "LessThanOrEquals": ordered(lessEqual),
	"DurationGreaterThan": lasting(greater), "DurationGreaterThanOrEquals": lasting(greaterEqual),
	"DurationLessThan": lasting(less), "DurationLessThanOrEquals": lasting(lessEqual),
}

func operatorNames() []string { return slices.Sorted(maps.Keys(operators)) }

func equals(key, value any) bool { return sameness(key, value) == same }

// notEquals is not the contrary of equals: a key that is null, and a quantity
// beside a text that is none, are neither.
func notEquals(key, value any) bool { return sameness(key, value) == different }

// relation is what the comparison of two sides gives.
type relation int

const (
	neither relation = iota
	same
	different
)

func relationOf(equal bool) relation {
	if equal {
		return same
	}
	return different
}

func sameness(key, value any) relation {
	switch key := key.(type) {
	case nil:
		return neither
	case glob:
		return textSameness(key, value)
	case float64:
		switch value := value.(type) {
		case float64:
			return relationOf(key == value)
		case glob:
			n, err := strconv.ParseFloat(value.plain(), 64)
			return relationOf(err == nil && n == key)
		default:
			return different
		}
	default:
		return relationOf(reflect.DeepEqual(bare(key), bare(value)))
	}
}

func textSameness(key glob, value any) relation {
	if k, v, ok := durations(key, value); ok {
		return relationOf(k == v)
	}
	pattern, ok := value.(glob)
	if !ok {
		return different
	}
	if k, ok := quantity(key.plain()); ok {
		if v, ok := quantity(pattern.plain()); ok {
			return relationOf(k.Cmp(v) == 0)
		} else if len(pattern) > 0 {
			return neither
		}
	}
	return relationOf(pattern.fits(key.plain()))
}

// bare turns the texts of a value into strings.
func bare(v any) any {
	switch v := v.(type) {
	case glob:
		return v.plain()
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = bare(item)
		}
		return list
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = bare(field)
		}
		return fields
	default:
		return v
	}
}

// durations reads both sides as durations, of which one must be written as such;
// the other may be a number of seconds.
func durations(key, value any) (k, v time.Duration, ok bool) {
	k, written := duration(key)
	v, written2 := duration(value)
	if written == written2 && !written {
		return 0, 0, false
	}
	if !written {
		if k, ok = seconds(key); !ok {
			return 0, 0, false
		}
	}
	if !written2 {
		if v, ok = seconds(value); !ok {
			return 0, 0, false
		}
	}
	return k, v, true
}

func duration(v any) (time.Duration, bool) {
	g, ok := v.(glob)
	if !ok || g.plain() == "0" {
		return 0, false
	}
	d, err := time.ParseDuration(g.plain())
	return d, err == nil
}

func seconds(v any) (time.Duration, bool) {
	n, ok := v.(float64)
	return time.Duration(n) * time.Second, ok
}

func ordered(compared comparison) operator {
	return func(key, value any) bool {
		if k, v, ok := durations(key, value); ok {
			return compared.holds(int(sign(k - v)))
		}
		if g, ok := key.(glob); ok {
			if pattern, ok := value.(glob); ok {
				if order, ok := textOrder(g.plain(), pattern.plain()); ok {
					return compared.holds(order)
				}
			}
		}
		k, ok := float(key)
		if k, v, both := durations(k, value); ok && both {
			return compared.holds(int(sign(k - v)))
		}
		v, ok2 := float(value)
		return ok && ok2 && compared.holds(order(k, v))
	}
}

// textOrder compares quantities, and versions.
func textOrder(key, value string) (int, bool) {
	if k, ok := quantity(key); ok {
		v, ok := quantity(value)
		return k.Cmp(v), ok
	}
	if k, err := semver.Parse(key); err == nil {
		v, err := semver.Parse(value)
		return k.Compare(v), err == nil
	}
	return 0, false
}

func order(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case glob:
		n, err := strconv.ParseFloat(v.plain(), 64)
		return n, err == nil && n == n
	default:
		return 0, false
	}
}

func lasting(compared comparison) operator {
	length := func(v any) (time.Duration, bool) {
		if g, ok := v.(glob); ok {
			d, err := time.ParseDuration(g.plain())
			return d, err == nil
		}
		return seconds(v)
	}
	return func(key, value any) bool {
		k, ok := length(key)
		v, ok2 := length(value)
		return ok && ok2 && compared.holds(int(sign(k-v)))
	}
}
