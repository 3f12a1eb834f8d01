package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar is a type that is written as one YAML scalar and checks its own form.
type scalar interface {
	// set parses the text; its error is a sentence part such as "is not a size".
	set(text string) error
	// example says how a value is written, as a sentence part such as "write 90s".
	example() string
}

// scalar reads a node into one of the package's own types.
func (r *reader) scalar(node *yaml.Node, leaf scalar, to target) {
	if node.Kind != yaml.ScalarNode || isNull(node) {
		r.refuse(to.path, leaf.example(), "expected a value, found %s", describe(node))
		return
	}
	if err := leaf.set(node.Value); err != nil {
		r.refuse(to.path, "", "%v", err)
		return
	}
	r.inRange(node.Value, to)
}

// plain reads a node into a string, bool or number.
func (r *reader) plain(node *yaml.Node, to target) {
	switch to.value.Kind() {
	case reflect.String:
		r.text(node, to)
	case reflect.Bool:
		var flag bool
		if node.Kind != yaml.ScalarNode || node.Tag != "!!bool" || node.Decode(&flag) != nil {
			r.refuse(to.path, "", "expected true or false, found %s", describe(node))
			return
		}
		to.value.SetBool(flag)
	case reflect.Int:
		number, err := strconv.Atoi(node.Value)
		if node.Kind != yaml.ScalarNode || node.Tag != "!!int" || err != nil {
			r.refuse(to.path, "", "expected a whole number, found %s", describe(node))
			return
		}
		to.value.SetInt(int64(number))
		r.inRange(node.Value, to)
	}
}

// text reads a string. A number or a boolean is not taken for one: argocd-cmp-server
// reads the version 1.10 as 1.1 and would listen on another socket.
func (r *reader) text(node *yaml.Node, to target) {
	if node.Kind != yaml.ScalarNode || node.Tag != "!!str" {
		fix := ""
		if node.Kind == yaml.ScalarNode && !isNull(node) {
			fix = fmt.Sprintf("put it in quotes: %q", node.Value)
		}
		r.refuse(to.path, fix, "expected text, found %s", describe(node))
		return
	}
	to.value.SetString(node.Value)
	if choices := to.tag.Get("enum"); choices != "" {
		known := strings.Split(choices, ",")
		for _, choice := range known {
			if choice == node.Value {
				return
			}
		}
		r.unknown(to.path, node.Value, known, "%q is not one of %s", node.Value, strings.Join(known, ", "))
	}
}

// inRange checks a number against the tag range, such as "1s..15m".
func (r *reader) inRange(text string, to target) {
	low, high, ok := strings.Cut(to.tag.Get("range"), "..")
	if !ok {
		return
	}
	if n := to.value.Int(); n < bound(to.value.Type(), low) || n > bound(to.value.Type(), high) {
		r.refuse(to.path, fmt.Sprintf("choose from %s to %s", low, high), "%s is out of range", text)
	}
}

// bound parses one end of a range as a value of the field's type.
func bound(of reflect.Type, text string) int64 {
	value := reflect.New(of)
	if leaf, ok := value.Interface().(scalar); ok {
		if err := leaf.set(text); err != nil {
			panic("config: internal error: malformed range " + text)
		}
		return value.Elem().Int()
	}
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("config: internal error: malformed range " + text)
	}
	return number
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// describe names what a node is, for people.
func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(node):
		return "nothing"
	case node.Tag == "!!int", node.Tag == "!!float":
		return "the number " + node.Value
	case node.Tag == "!!bool":
		return "the boolean " + node.Value
	default:
		return strconv.Quote(node.Value)
	}
}

// scalarField returns the text of a field of a mapping, and nothing where there
// is no such field or it is not a scalar.
func scalarField(node *yaml.Node, name string) string {
	for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name && node.Content[i+1].Kind == yaml.ScalarNode {
			return node.Content[i+1].Value
		}
	}
	return ""
}
