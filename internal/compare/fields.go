package compare

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Field is one change of an object. Before and After are JSON values; the one
// that is missing is nil.
type Field struct {
	Status Status `json:"status"`
	// Path is where in the object, such as spec.containers[app].image: items of
	// lists are named by their key where Kubernetes has one.
	Path   string `json:"path"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
	// Said is set where a note of the object says the same.
	Said bool `json:"-"`
}

// fields lists what differs between the two sides.
func (s sides) fields() []Field {
	if s.before == nil || s.after == nil {
		return nil
	}
	var c comparison
	c.mappings("", s.before, s.after)
	return c.fields
}

type comparison struct{ fields []Field }

func (c *comparison) add(status Status, path string, before, after any) {
	c.fields = append(c.fields, Field{Status: status, Path: path, Before: before, After: after})
}

// values compares two values; field is the name of the field that they stand in.
func (c *comparison) values(path, field string, before, after any) {
	switch was := before.(type) {
	case map[string]any:
		if now, ok := after.(map[string]any); ok {
			c.mappings(path, was, now)
			return
		}
	case []any:
		if now, ok := after.([]any); ok {
			c.lists(path, field, was, now)
			return
		}
	}
	if !reflect.DeepEqual(before, after) {
		c.add(Changed, path, before, after)
	}
}

func (c *comparison) mappings(path string, before, after map[string]any) {
	keys := map[string]bool{}
	for key := range before {
		keys[key] = true
	}
	for key := range after {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		was, had := before[key]
		now, has := after[key]
		switch at := below(path, key); {
		case !had:
			c.add(Added, at, nil, now)
		case !has:
			c.add(Removed, at, was, nil)
		default:
			c.values(at, key, was, now)
		}
	}
}

func (c *comparison) lists(path, field string, before, after []any) {
	if former, later, ok := keyed(field, before, after); ok {
		c.keyed(path, field, before, after, former, later)
		return
	}
	c.sequences(path, before, after)
}

// keyed compares lists whose items have keys, whatever their order.
func (c *comparison) keyed(path, field string, before, after []any, former, later []string) {
	at := map[string]int{}
	for i, key := range later {
		at[key] = i
	}
	kept := map[string]bool{}
	for i, key := range former {
		if now, ok := at[key]; ok {
			kept[key] = true
			c.values(item(path, key), "", before[i], after[now])
		} else {
			c.add(Removed, item(path, key), before[i], nil)
		}
	}
	for i, key := range later {
		if !kept[key] {
			c.add(Added, item(path, key), nil, after[i])
		}
	}
	if ordered[field] {
		was, now := only(former, kept), only(later, kept)
		if !slices.Equal(was, now) {
			c.add(Changed, path+" (order)", names(was), names(now))
		}
	}
}

func only(keys []string, kept map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !kept[key] })
}

func names(keys []string) []any {
	values := make([]any, len(keys))
	for i, key := range keys {
		values[i] = key
	}
	return values
}

// sequences compares lists by their order: what is equal on both sides stays
// together, and items that stand in the same place between are compared.
func (c *comparison) sequences(path string, before, after []any) {
	for _, s := range spans(encoded(before), encoded(after)) {
		if s.same {
			continue
		}
		was, now := before[s.from:s.to], after[s.fromAfter:s.toAfter]
		for k := range max(len(was), len(now)) {
			switch {
			case k >= len(was):
				c.add(Added, item(path, s.fromAfter+k), nil, now[k])
			case k >= len(now):
				c.add(Removed, item(path, s.from+k), was[k], nil)
			default:
				c.values(item(path, s.fromAfter+k), "", was[k], now[k])
			}
		}
	}
}

// encoded gives each item as JSON in its canonical order, so that items can be
// compared as texts.
func encoded(items []any) []string {
	texts := make([]string, len(items))
	for i, one := range items {
		texts[i] = encode(canonical("", one))
	}
	return texts
}

// encode gives a value as JSON in one line, as people write it.
func encode(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "" // an object's tree can be encoded, see [object.Object]
	}
	return strings.TrimSuffix(b.String(), "\n")
}
