package main

import (
	"fmt"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/argocd-seal/argocd-seal-plugin/internal/reference"
)

// table lists every field of a document by its path, with its type, its default
// and its meaning.
func table(schema *jsonschema.Schema) string {
	var b strings.Builder
	b.WriteString("| field | type | default | meaning |\n| --- | --- | --- | --- |\n")
	rows(&b, "", schema)
	return b.String()
}

func rows(b *strings.Builder, prefix string, schema *jsonschema.Schema) {
	for pair := schema.Properties.Oldest(); pair != nil; pair = pair.Next() {
		path, property := prefix+pair.Key, pair.Value
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n",
			path, reference.Cell(typeOf(property)), reference.Cell(defaultOf(property)), reference.Cell(property.Description))
		switch {
		case property.Properties != nil && property.Properties.Len() > 0:
			rows(b, path+".", property)
		case property.Items != nil && objectIn(property.Items) != nil:
			rows(b, path+"[].", objectIn(property.Items))
		}
	}
}

// objectIn returns the object that a value may be, or nil.
func objectIn(schema *jsonschema.Schema) *jsonschema.Schema {
	for _, one := range append(schema.AnyOf, schema) {
		if one.Properties != nil {
			return one
		}
	}
	return nil
}

// typeOf names the type of a field, with its choices or its range.
func typeOf(property *jsonschema.Schema) string {
	switch {
	case property.Const != nil:
		return fmt.Sprintf("`%v`", property.Const)
	case property.Items != nil:
		return "list of " + typeOf(property.Items)
	case len(property.Enum) > 0:
		return reference.Choices(property.Enum)
	case objectIn(property) != nil && property.AnyOf != nil:
		return "text or object"
	case property.AnyOf != nil:
		return "size"
	case property.Minimum != "":
		return fmt.Sprintf("number from %s to %s", property.Minimum, property.Maximum)
	case property.Pattern != "":
		return "duration"
	case property.Type == "object" && property.Properties == nil && property.AdditionalProperties != nil && property.AdditionalProperties.Type == "string":
		return "map of text"
	case property.Type == "object" && property.Properties == nil:
		return "map"
	case property.Type == "string":
		return "text"
	case property.Type == "boolean":
		return "true or false"
	default:
		return property.Type
	}
}

func defaultOf(property *jsonschema.Schema) string {
	if property.Default == nil {
		return ""
	}
	return fmt.Sprintf("`%v`", property.Default)
}
