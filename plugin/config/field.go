package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/agnivade/levenshtein"
)

// field is one name that a struct is written with.
type field struct {
	name  string
	index int
	tag   reflect.StructTag
}

// fieldsOf returns the fields of a struct by their json names.
func fieldsOf(of reflect.Type) []field {
	var fields []field
	for i := range of.NumField() {
		at := of.Field(i)
		fields = append(fields, field{name: at.Tag.Get("json"), index: i, tag: at.Tag})
	}
	return fields
}

// suggestField says what a name that is not known may have meant.
func suggestField(name string, known []field) string {
	names := make([]string, len(known))
	for i, field := range known {
		names[i] = field.name
	}
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "known here: " + strings.Join(names, ", ")
}

// suggest says which choice a word may have meant, or nothing.
func suggest(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// maxNameBytes bounds names that are compared: comparing costs the product of
// both lengths.
const maxNameBytes = 64

// minPrefix is how many letters two names must share to be alike for having one
// start as the other does, as warning and warn.
const minPrefix = 4

// nearest returns the known name that a misspelt one is most like, or nothing
// where none is close: a third of the letters may differ, one name may go on
// where the other ends, and case does not count.
func nearest(name string, known []string) string {
	if len(name) > maxNameBytes {
		return ""
	}
	name = strings.ToLower(name)
	best, distance := "", max(len(name)/3, 1)+1
	for _, candidate := range known {
		lower := strings.ToLower(candidate)
		d := levenshtein.ComputeDistance(name, lower)
		if short := min(len(name), len(lower)); short >= minPrefix && name[:short] == lower[:short] {
			d = 1
		}
		if d < distance {
			best, distance = candidate, d
		}
	}
	return best
}
