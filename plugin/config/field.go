package config

import "reflect"

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

func namesOf(fields []field) []string {
	names := make([]string, len(fields))
	for i, field := range fields {
		names[i] = field.name
	}
	return names
}
