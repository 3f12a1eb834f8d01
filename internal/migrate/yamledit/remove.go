package yamledit

import (
	"bytes"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Remove takes entries out of a mapping, by the index of their keys in its
// content. It returns false where an entry does not stand alone in its line, or
// in flow style where its end is not known.
func (t *Text) Remove(mapping *yaml.Node, keys []int) ([]Edit, bool) {
	if mapping.Kind != yaml.MappingNode || len(keys) == 0 {
		return nil, false
	}
	if mapping.Style&yaml.FlowStyle != 0 {
		return t.removeFlow(mapping, slices.Sorted(slices.Values(keys)))
	}
	var edits []Edit
	for _, i := range keys {
		edit, ok := t.removeLines(mapping.Content[i], mapping.Content[i+1])
		if !ok {
			return nil, false
		}
		edits = append(edits, edit)
	}
	return edits, true
}

// removeLines takes out the line of an entry, with a comment behind it.
func (t *Text) removeLines(key, value *yaml.Node) (Edit, bool) {
	start, known := t.Offset(key)
	end, inLine := t.endOf(value)
	if !known || !inLine || value.Line != key.Line {
		return Edit{}, false
	}
	first := t.LineStart(start)
	if len(bytes.TrimSpace(t.data[first:start])) > 0 {
		return Edit{}, false // behind a dash, or behind another key
	}
	return Edit{Start: first, End: t.LineEnd(end)}, true
}

// removeFlow takes entries out of a mapping in flow style, one run of neighbours
// at a time: a run goes with the comma behind it, the last one with the comma in
// front of it.
func (t *Text) removeFlow(mapping *yaml.Node, keys []int) ([]Edit, bool) {
	var edits []Edit
	for at := 0; at < len(keys); {
		run := at + 1
		for run < len(keys) && keys[run] == keys[run-1]+2 {
			run++
		}
		first, last := keys[at], keys[run-1]
		at = run
		start, known := t.Offset(mapping.Content[first])
		if !known {
			return nil, false
		}
		if last+2 < len(mapping.Content) {
			next, ok := t.Offset(mapping.Content[last+2])
			if !ok {
				return nil, false
			}
			edits = append(edits, Edit{Start: start, End: next})
			continue
		}
		end, ok := t.endOf(mapping.Content[last+1])
		if first > 0 {
			comma := bytes.LastIndexByte(t.data[:start], ',')
			ok = ok && comma >= 0 && len(bytes.TrimSpace(t.data[comma+1:start])) == 0
			start = comma
		}
		if !ok {
			return nil, false
		}
		edits = append(edits, Edit{Start: start, End: end})
	}
	return edits, true
}

// RemoveMapping takes out an entry whose value is a mapping, with all of it: the
// line of the key and one for each entry, or what is in flow style.
func (t *Text) RemoveMapping(mapping *yaml.Node, i int) ([]Edit, bool) {
	key, value := mapping.Content[i], mapping.Content[i+1]
	if value.Kind != yaml.MappingNode || value.Anchor != "" {
		return nil, false
	}
	if value.Style&yaml.FlowStyle != 0 {
		return t.Remove(mapping, []int{i})
	}
	start, ok := t.Offset(key)
	if !ok || key.Line == value.Line || mapping.Style&yaml.FlowStyle != 0 {
		return nil, false
	}
	first := t.LineStart(start)
	if len(bytes.TrimSpace(t.data[first:start])) > 0 {
		return nil, false
	}
	all := make([]int, 0, len(value.Content)/2)
	for at := 0; at < len(value.Content); at += 2 {
		all = append(all, at)
	}
	inner, ok := t.Remove(value, all)
	return append([]Edit{{Start: first, End: t.LineEnd(start)}}, inner...), ok
}

// endOf returns where a scalar of one line ends, or a mapping of such in flow
// style.
func (t *Text) endOf(node *yaml.Node) (int, bool) {
	if node.Kind == yaml.ScalarNode {
		return t.End(node)
	}
	if node.Kind != yaml.MappingNode || node.Style&yaml.FlowStyle == 0 || len(node.Content) == 0 || node.Anchor != "" {
		return 0, false
	}
	end, ok := t.endOf(node.Content[len(node.Content)-1])
	if !ok {
		return 0, false
	}
	for end < len(t.data) && bytes.IndexByte([]byte(" \t\r\n,"), t.data[end]) >= 0 {
		end++
	}
	return end + 1, end < len(t.data) && t.data[end] == '}'
}
