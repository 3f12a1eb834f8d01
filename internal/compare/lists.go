package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// mergeKeys are the lists whose items Kubernetes tells apart by a key, by the
// name of their field, with the keys in the order in which they are tried. The
// order of such a list means nothing, but for initContainers, which run in it.
var mergeKeys = map[string][][]string{
	"containers":                {{"name"}},
	"initContainers":            {{"name"}},
	"ephemeralContainers":       {{"name"}},
	"env":                       {{"name"}},
	"volumes":                   {{"name"}},
	"volumeMounts":              {{"mountPath"}},
	"volumeDevices":             {{"devicePath"}},
	"volumeClaimTemplates":      {{"metadata.name"}},
	"imagePullSecrets":          {{"name"}},
	"secrets":                   {{"name"}},
	"ports":                     {{"name"}, {"containerPort", "protocol"}, {"port", "protocol"}},
	"hostAliases":               {{"ip"}},
	"topologySpreadConstraints": {{"topologyKey", "whenUnsatisfiable"}},
	"resourceClaims":            {{"name"}},
	"schedulingGates":           {{"name"}},
	"webhooks":                  {{"name"}},
}

// ordered are lists whose items have keys and whose order counts all the same.
var ordered = map[string]bool{"initContainers": true}

// optionalKeys are keys that have a default.
var optionalKeys = map[string]string{"protocol": "TCP"}

// keyed returns the keys of two lists' items, where all of them have one and no
// list has one twice. The order is that of the items.
func keyed(field string, before, after []any) (former, later []string, ok bool) {
	for _, names := range mergeKeys[field] {
		former, ok = keysOf(before, names)
		if !ok {
			continue
		}
		if later, ok = keysOf(after, names); ok {
			return former, later, true
		}
	}
	return nil, nil, false
}

func keysOf(items []any, names []string) ([]string, bool) {
	keys, seen := make([]string, len(items)), map[string]bool{}
	for i, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, false
		}
		parts := make([]string, 0, len(names))
		for _, name := range names {
			text, ok := scalarAt(fields, name)
			if !ok {
				text, ok = optionalKeys[name]
			}
			if !ok {
				return nil, false
			}
			if name != "protocol" || text != optionalKeys[name] {
				parts = append(parts, text)
			}
		}
		keys[i] = strings.Join(parts, "/")
		if seen[keys[i]] {
			return nil, false
		}
		seen[keys[i]] = true
	}
	return keys, true
}

// scalarAt returns a text or number at a path of an item.
func scalarAt(fields map[string]any, path string) (string, bool) {
	first, rest, deeper := strings.Cut(path, ".")
	switch value := fields[first].(type) {
	case map[string]any:
		if deeper {
			return scalarAt(value, rest)
		}
		return "", false
	case string:
		return value, !deeper
	case json.Number:
		return value.String(), !deeper
	default:
		return "", false
	}
}

// align returns after with the items of keyed lists in the order of before, and
// what is new behind them, so that what only moved differs in nothing. The result
// shares what it can with after, which is not changed.
func align(field string, before, after any) any {
	switch after := after.(type) {
	case map[string]any:
		former, ok := before.(map[string]any)
		if !ok {
			return after
		}
		aligned := make(map[string]any, len(after))
		for key, value := range after {
			aligned[key] = value
			if was, ok := former[key]; ok {
				aligned[key] = align(key, was, value)
			}
		}
		return aligned
	case []any:
		former, ok := before.([]any)
		if !ok {
			return after
		}
		return alignList(field, former, after)
	default:
		return after
	}
}

func alignList(field string, before, after []any) []any {
	former, later, ok := keyed(field, before, after)
	if !ok {
		return alignSequence(before, after)
	}
	at := map[string]int{}
	for i, key := range former {
		at[key] = i
	}
	aligned := make([]any, len(after))
	for i, item := range after {
		aligned[i] = item
		if was, ok := at[later[i]]; ok {
			aligned[i] = align("", before[was], item)
		}
	}
	if ordered[field] {
		return aligned
	}
	order := make([]int, len(after))
	for i := range order {
		order[i] = i
	}
	place := func(i int) int {
		if was, ok := at[later[i]]; ok {
			return was
		}
		return len(former) + i
	}
	slices.SortStableFunc(order, func(i, j int) int { return place(i) - place(j) })
	sorted := make([]any, len(after))
	for to, from := range order {
		sorted[to] = aligned[from]
	}
	return sorted
}

// alignSequence aligns the items of lists without keys: each with the one that it
// equals, or that stands in its place.
func alignSequence(before, after []any) []any {
	aligned := slices.Clone(after)
	for _, s := range spans(encoded(before), encoded(after)) {
		for k := range min(s.to-s.from, s.toAfter-s.fromAfter) {
			if was := before[s.from+k]; s.same {
				aligned[s.fromAfter+k] = was
			} else {
				aligned[s.fromAfter+k] = align("", was, after[s.fromAfter+k])
			}
		}
	}
	return aligned
}

// canonical returns a value with its keyed lists in the order of their keys, so
// that what differs by their order alone is the same.
func canonical(field string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		sorted := make(map[string]any, len(value))
		for key, one := range value {
			sorted[key] = canonical(key, one)
		}
		return sorted
	case []any:
		sorted := make([]any, len(value))
		for i, one := range value {
			sorted[i] = canonical("", one)
		}
		if keys, _, ok := keyed(field, value, nil); ok && !ordered[field] {
			at := map[string]any{}
			for i, key := range keys {
				at[key] = sorted[i]
			}
			slices.Sort(keys)
			for i, key := range keys {
				sorted[i] = at[key]
			}
		}
		return sorted
	default:
		return value
	}
}

// below is the path of a field of a mapping.
func below(path, key string) string {
	if key == "" || strings.ContainsAny(key, "./[]") {
		return path + "[" + key + "]"
	}
	return strings.TrimPrefix(path+"."+key, ".")
}

// item is the path of an item of a list, by its key or its place.
func item(path string, key any) string { return fmt.Sprintf("%s[%v]", path, key) }
