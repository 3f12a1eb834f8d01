package kyverno

import (
	"fmt"
	"maps"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/manifest"
)

// reader reads the fields of a document and collects what is wrong with them.
type reader struct {
	document manifest.Document
	faults   fault.List
}

// at is a value and where it stands.
type at struct {
	*reader
	path  []any
	value any
}

// refuse notes what is wrong with the value.
func (a at) refuse(fix, format string, args ...any) {
	f := a.document.FaultAt(a.path, format, args...)
	if fix != "" {
		f = f.WithFix("%s", fix)
	}
	a.faults = append(a.faults, f)
}

func (a at) in(step, value any) at {
	return at{reader: a.reader, path: append(slices.Clone(a.path), step), value: value}
}

// fields returns the fields of a mapping. Those that are not known are refused,
// and so are those that are known to be unsupported, with what to do instead.
func (a at) fields(known []string, unsupported map[string]string) map[string]at {
	mapping, ok := a.value.(map[string]any)
	if !ok {
		a.refuse("", "is not a mapping")
		return nil
	}
	found := map[string]at{}
	for _, name := range slices.Sorted(maps.Keys(mapping)) {
		field := a.in(name, mapping[name])
		fix, refused := unsupported[name]
		switch {
		case mapping[name] == nil:
		case refused:
			field.refuse(fix, "%s cannot be judged on rendered manifests", name)
		case slices.Contains(known, name):
			found[name] = field
		default:
			field.refuse(meant(name, slices.Concat(known, slices.Collect(maps.Keys(unsupported)))), "the field %s is not known", fault.Clean(name, 60))
		}
	}
	return found
}

func meant(name string, known []string) string {
	slices.Sort(known)
	if near := nearest.Of(name, known); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "remove it"
}

func (a at) list() []at {
	items, ok := a.value.([]any)
	if !ok {
		if a.value != nil {
			a.refuse("", "is not a list")
		}
		return nil
	}
	list := make([]at, len(items))
	for i, item := range items {
		list[i] = a.in(i, item)
	}
	return list
}

func (a at) text() string {
	s, ok := a.value.(string)
	if !ok && a.value != nil {
		a.refuse("put it in quotes", "is not a text")
	}
	return s
}

func (a at) texts() []string {
	var list []string
	for _, item := range a.list() {
		list = append(list, item.text())
	}
	return list
}

func (a at) bool() bool {
	b, ok := a.value.(bool)
	if !ok && a.value != nil {
		a.refuse("write true or false", "is not a truth value")
	}
	return b
}

func (a at) textMap() map[string]string {
	mapping, ok := a.value.(map[string]any)
	if !ok {
		a.refuse("", "is not a mapping")
	}
	texts := map[string]string{}
	for name, v := range mapping {
		texts[name] = a.in(name, v).text()
	}
	return texts
}

// template reads a text with variables.
func (a at) template(scope scope) text {
	t, err := parseText(a.text(), scope)
	if err != nil {
		a.refuse("", "%s", err)
	}
	return t
}

// content reads any value with variables in its texts. Names of fields are read
// as they are.
func (a at) content(scope scope) document {
	switch v := a.value.(type) {
	case string:
		t := a.template(scope)
		if variable, ok := t.variable(); ok && variable.fixed {
			return constantDocument(variable.constant)
		}
		return t
	case []any:
		list := make([]document, len(v))
		for i, item := range v {
			list[i] = a.in(i, item).content(scope)
		}
		return list
	case map[string]any:
		fields := make(map[string]document, len(v))
		for name, field := range v {
			fields[name] = a.in(name, field).content(scope)
		}
		return fields
	case int64:
		return float64(v)
	default:
		return v
	}
}

// constantDocument turns a value of the policy into a document without variables.
func constantDocument(v any) document {
	switch v := v.(type) {
	case string:
		return text{parts: []part{{literal: v}}}
	case []any:
		list := make([]document, len(v))
		for i, item := range v {
			list[i] = constantDocument(item)
		}
		return list
	case map[string]any:
		fields := make(map[string]document, len(v))
		for name, field := range v {
			fields[name] = constantDocument(field)
		}
		return fields
	default:
		return v
	}
}
