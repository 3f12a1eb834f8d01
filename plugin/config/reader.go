package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxNodes bounds how many nodes are read, counting again what an alias repeats,
// and maxPaths the bytes of their paths together, since a long name stands in the
// path of all that is below it. How deep nodes are nested is bounded by the Go
// types, and by maxDepth where a field takes anything.
const (
	maxNodes = 100_000
	maxPaths = 16 << 20
	maxDepth = 20
)

// reader reads one document into a Go type by its json tags. It goes on after a
// fault, so that one run shows them all.
type reader struct {
	file   string
	faults fault.List
	// refused holds the fields that have a fault.
	refused map[string]bool
	// places says where each field stands that the document has.
	places map[string]place
	nodes  int
	paths  int
	// full is set where one of the bounds is passed: nothing more is read.
	full bool
}

type place struct{ line, column int }

func newReader(file string) *reader {
	return &reader{file: file, refused: map[string]bool{}, places: map[string]place{}}
}

func (r *reader) readRoot(root *yaml.Node, into any) {
	r.value(root, target{value: reflect.ValueOf(into).Elem()})
}

// refuse adds a fault about a field, with what to do about it where the message
// does not say so. A field that has a fault already gets no second one.
func (r *reader) refuse(field, fix, format string, args ...any) {
	problem := fault.New(fault.Config, format, args...)
	problem.Fix = fix
	r.add(field, problem)
}

// unknown adds a fault about a name that is none of those that are known.
func (r *reader) unknown(field, name string, known []string, format string, args ...any) {
	r.add(field, fault.New(fault.Config, format, args...).MeantWord(name, known))
}

func (r *reader) add(field string, problem *fault.Error) {
	if r.refused[field] {
		return
	}
	r.refused[field] = true
	at := r.placeOf(field)
	problem.File, problem.Line, problem.Column, problem.Field = r.file, at.line, at.column, field
	r.faults = append(r.faults, problem)
}

// once refuses a name that stood in the list before.
func (r *reader) once(seen map[string]bool, field, name string) {
	if seen[name] {
		r.refuse(field, "remove one of the two", "%q stands twice", name)
	}
	seen[name] = true
}

// placeOf says where a field stands; for one that is missing, the part of its
// path that is there.
func (r *reader) placeOf(field string) place {
	for ; field != ""; field = field[:max(strings.LastIndexAny(field, ".["), 0)] {
		if at, ok := r.places[field]; ok {
			return at
		}
	}
	return r.places[""]
}

// target is where a node is read into.
type target struct {
	value reflect.Value
	// path names the field, such as spec.parameters.static[2].name.
	path string
	// tag is that of the struct field; it holds for the items of a list too.
	tag reflect.StructTag
	// depth counts the levels below a field that takes anything.
	depth int
}

func (t target) child(value reflect.Value, path string) target {
	return target{value: value, path: path, tag: t.tag, depth: t.depth}
}

func (t target) join(name string) string {
	if t.path == "" {
		return name
	}
	return t.path + "." + name
}

func (r *reader) value(node *yaml.Node, to target) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	r.nodes, r.paths = r.nodes+1, r.paths+len(to.path)
	if r.nodes > maxNodes || r.paths > maxPaths {
		r.full = true
		r.refuse("", "write it without anchors and aliases, and with shorter names", "the document repeats too much")
		return
	}
	r.places[to.path] = place{node.Line, node.Column}
	if leaf, ok := to.value.Addr().Interface().(scalar); ok {
		r.scalar(node, leaf, to)
		return
	}
	switch to.value.Kind() {
	case reflect.Struct:
		r.structure(node, to)
	case reflect.Slice:
		r.list(node, to)
	case reflect.Map:
		r.mapping(node, to)
	case reflect.Interface:
		r.anything(node, to)
	default:
		r.plain(node, to)
	}
}

func (r *reader) structure(node *yaml.Node, to target) {
	if isNull(node) {
		return
	}
	known := fieldsOf(to.value.Type())
	for _, field := range known {
		if field.tag.Get("short") != "" && node.Kind == yaml.ScalarNode {
			r.value(node, target{value: to.value.Field(field.index), path: to.path, tag: field.tag})
			return
		}
	}
	r.pairs(node, to, func(key, value *yaml.Node) {
		for _, field := range known {
			if field.name == key.Value {
				at := target{value: to.value.Field(field.index), path: to.join(field.name), tag: field.tag}
				r.value(value, at)
				return
			}
		}
		path := to.join(key.Value)
		r.places[path] = place{key.Line, key.Column}
		r.unknown(path, key.Value, namesOf(known), "unknown field")
	})
}

func (r *reader) list(node *yaml.Node, to target) {
	if isNull(node) {
		return
	}
	if node.Kind != yaml.SequenceNode {
		r.refuse(to.path, "", "expected a list, found %s", describe(node))
		return
	}
	items := reflect.MakeSlice(to.value.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		if r.full {
			return
		}
		r.value(item, to.child(items.Index(i), fmt.Sprintf("%s[%d]", to.path, i)))
	}
	to.value.Set(items)
}

// mapping reads a map with string keys.
func (r *reader) mapping(node *yaml.Node, to target) {
	if isNull(node) {
		return
	}
	entries := reflect.MakeMap(to.value.Type())
	r.pairs(node, to, func(key, value *yaml.Node) {
		entry := reflect.New(to.value.Type().Elem()).Elem()
		r.value(value, to.child(entry, to.join(key.Value)))
		entries.SetMapIndex(reflect.ValueOf(key.Value), entry)
	})
	to.value.Set(entries)
}

// pairs calls visit for each pair of a mapping whose key is a name that does not
// stand twice.
func (r *reader) pairs(node *yaml.Node, to target, visit func(key, value *yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		r.refuse(to.path, "", "expected a mapping, found %s", describe(node))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content) && !r.full; i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		path := to.join(key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			r.places[path] = place{key.Line, key.Column}
			r.refuse(path, "write the fields out", "a key is not a plain name")
		case seen[key.Value]:
			r.places[path] = place{key.Line, key.Column}
			r.refuse(path, "remove one of the two", "stands twice")
		default:
			seen[key.Value] = true
			visit(key, value)
		}
	}
}
