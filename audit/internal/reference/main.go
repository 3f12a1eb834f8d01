// Command reference writes what people and programs read about a line of the
// audit trail from the Go types: docs/audit.schema.json and the table of
// docs/audit.md. It runs in the folder of package audit, where it finds the
// comments of the fields, and takes the folder docs as its argument.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/reference"
)

const (
	auditPackage = "github.com/argocd-seal/argocd-seal-plugin/audit"
	schemaFile   = "audit.schema.json"
	guideFile    = "audit.md"
)

func main() { reference.Main(schemaFile, guideFile, generate) }

// generate returns what the two files must hold. Of the guide it replaces the
// table only.
func generate(docs string) (schema, guide []byte, err error) {
	line, err := reflectLine()
	if err != nil {
		return nil, nil, err
	}
	if schema, err = json.MarshalIndent(line, "", "  "); err != nil {
		return nil, nil, fmt.Errorf("encode the schema: %w", err)
	}
	guide, err = os.ReadFile(filepath.Join(docs, guideFile))
	if err != nil {
		return nil, nil, err
	}
	guide, err = reference.Replace(guide, "fields", table(line))
	return append(schema, '\n'), guide, err
}

// reflectLine returns the schema of a line. It lets unknown fields pass, since
// fields are added within a version.
func reflectLine() (*jsonschema.Schema, error) {
	reflector := &jsonschema.Reflector{
		Anonymous:                 true,
		DoNotReference:            true,
		AllowAdditionalProperties: true,
		Mapper: func(of reflect.Type) *jsonschema.Schema {
			if of != reflect.TypeFor[audit.Type]() {
				return nil
			}
			types := &jsonschema.Schema{Type: "string"}
			for _, one := range audit.Types() {
				types.Enum = append(types.Enum, one)
			}
			return types
		},
	}
	if err := reflector.AddGoComments(auditPackage, ".", jsonschema.WithFullComment()); err != nil {
		return nil, fmt.Errorf("read the comments of %s: %w", auditPackage, err)
	}
	schema := reflector.Reflect(audit.Record{})
	schema.Title = "argocd-seal-plugin: a line of the audit trail"
	clean(schema)
	return schema, nil
}

// subject is how a comment in Go begins, which repeats the name of the field.
var subject = regexp.MustCompile(`^[A-Z][A-Za-z]* (is|are) `)

// clean writes each description as one line that does not repeat the field's name.
func clean(schema *jsonschema.Schema) {
	text := subject.ReplaceAllString(strings.Join(strings.Fields(schema.Description), " "), "")
	if text != "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	schema.Description = text
	if schema.Items != nil {
		clean(schema.Items)
	}
	for pair := schema.Properties.Oldest(); pair != nil; pair = pair.Next() {
		clean(pair.Value)
	}
}

func table(schema *jsonschema.Schema) string {
	var b strings.Builder
	b.WriteString("| field | type | meaning |\n| --- | --- | --- |\n")
	rows(&b, "", schema)
	return b.String()
}

func rows(b *strings.Builder, prefix string, schema *jsonschema.Schema) {
	for pair := schema.Properties.Oldest(); pair != nil; pair = pair.Next() {
		path, property := prefix+pair.Key, pair.Value
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", path, typeOf(property), reference.Cell(property.Description))
		switch {
		case property.Properties != nil:
			rows(b, path+".", property)
		case property.Items != nil && property.Items.Properties != nil:
			rows(b, path+"[].", property.Items)
		}
	}
}

func typeOf(property *jsonschema.Schema) string {
	switch {
	case property.Items != nil:
		return "list of " + typeOf(property.Items)
	case len(property.Enum) > 0:
		return reference.Choices(property.Enum)
	case property.Format == "date-time":
		return "time"
	case property.Type == "object" && property.Properties == nil && property.AdditionalProperties != nil:
		return "map of " + typeOf(property.AdditionalProperties)
	case property.Type == "string":
		return "text"
	case property.Type == "integer", property.Type == "number":
		return "number"
	default:
		return property.Type
	}
}
