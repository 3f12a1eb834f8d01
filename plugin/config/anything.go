package config

import (
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"
)

// anything reads a node into a field that takes any value: text, a boolean, a
// number, nothing, a list or a mapping.
func (r *reader) anything(node *yaml.Node, to target) {
	if to.depth++; to.depth > maxDepth {
		r.refuse(to.path, "", "is nested more than %d levels deep", maxDepth)
		return
	}
	switch node.Kind {
	case yaml.MappingNode:
		value := reflect.New(reflect.TypeFor[map[string]any]()).Elem()
		r.mapping(node, to.child(value, to.path))
		to.value.Set(value)
	case yaml.SequenceNode:
		value := reflect.New(reflect.TypeFor[[]any]()).Elem()
		r.list(node, to.child(value, to.path))
		to.value.Set(value)
	default:
		r.leaf(node, to)
	}
}

// leaf reads what stands at the end of a branch. Dates and tags of somebody's
// own are refused: policies know neither.
func (r *reader) leaf(node *yaml.Node, to target) {
	var value any
	known := slices.Contains([]string{"!!str", "!!bool", "!!int", "!!float", "!!null"}, node.Tag)
	if !known || node.Decode(&value) != nil {
		r.refuse(to.path, "put it in quotes", "%q is not text, a number or a boolean", node.Value)
		return
	}
	if value != nil {
		to.value.Set(reflect.ValueOf(value))
	}
}
