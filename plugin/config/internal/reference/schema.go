package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// configPackage is the import path of the package in the current folder.
const configPackage = "github.com/argocd-seal/argocd-seal-plugin/plugin/config"

// documents returns the schema of each of the two documents.
func documents() (plugin, seal *jsonschema.Schema, err error) {
	reflector := &jsonschema.Reflector{
		Anonymous:                  true,
		DoNotReference:             true,
		RequiredFromJSONSchemaTags: true,
		Mapper:                     ownTypes,
	}
	if err := reflector.AddGoComments(configPackage, ".", jsonschema.WithFullComment()); err != nil {
		return nil, nil, fmt.Errorf("read the comments of %s: %w", configPackage, err)
	}
	plugin = reflector.Reflect(config.ConfigManagementPlugin{})
	seal = reflector.Reflect(config.SealConfig{})
	annotate(plugin, reflect.ValueOf(config.ConfigManagementPlugin{}))
	annotate(seal, reflect.ValueOf(config.Default()))
	fix(plugin, config.PluginAPIVersion, config.PluginKind)
	fix(seal, config.SealAPIVersion, config.SealKind)
	return plugin, seal, nil
}

// ownTypes describes the scalars that package config writes in its own way.
func ownTypes(of reflect.Type) *jsonschema.Schema {
	switch of {
	case reflect.TypeFor[config.Size]():
		return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
			{Type: "string", Pattern: config.SizePattern}, {Type: "integer"},
		}}
	case reflect.TypeFor[config.Duration]():
		return &jsonschema.Schema{Type: "string", Pattern: config.DurationPattern}
	default:
		return nil
	}
}

// annotate adds what the tags say and the defaults that value holds.
func annotate(schema *jsonschema.Schema, value reflect.Value) {
	schema.Version = ""
	schema.Description = oneLine(schema.Description)
	for i := range value.NumField() {
		field, at := value.Type().Field(i), value.Field(i)
		property, _ := schema.Properties.Get(field.Tag.Get("json"))
		property.Description = oneLine(property.Description)
		constrain(property, field)
		switch {
		case at.Kind() == reflect.Struct:
			annotate(property, at)
		case at.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			annotate(property.Items, reflect.Zero(field.Type.Elem()))
			if isShort(field.Type.Elem()) {
				property.Items = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, property.Items}}
			}
		case !at.IsZero() || property.Type == "boolean" || property.Type == "integer":
			property.Default = at.Interface()
		}
	}
}

// isShort tells whether a struct may be written as the text of one of its fields.
func isShort(of reflect.Type) bool {
	for i := range of.NumField() {
		if of.Field(i).Tag.Get("short") != "" {
			return true
		}
	}
	return false
}

// constrain adds the choices and the range of one field, or of its items.
func constrain(property *jsonschema.Schema, field reflect.StructField) {
	of := property
	if property.Items != nil {
		of = property.Items
	}
	if choices := field.Tag.Get("enum"); choices != "" {
		for choice := range strings.SplitSeq(choices, ",") {
			of.Enum = append(of.Enum, choice)
		}
	}
	low, high, ok := strings.Cut(field.Tag.Get("range"), "..")
	switch {
	case !ok:
	case of.Type == "integer":
		of.Minimum, of.Maximum = json.Number(low), json.Number(high)
	default:
		// A schema cannot compare sizes and durations; people can.
		property.Description += fmt.Sprintf(" From %s to %s.", low, high)
	}
}

// fix lets a document have only its own apiVersion and kind.
func fix(schema *jsonschema.Schema, apiVersion, kind string) {
	for name, text := range map[string]string{"apiVersion": apiVersion, "kind": kind} {
		property, _ := schema.Properties.Get(name)
		property.Const, property.Default = text, nil
	}
}

// encode joins both documents: editors apply one schema to every document of a
// file.
func encode(plugin, seal *jsonschema.Schema) ([]byte, error) {
	isSeal := jsonschema.NewProperties()
	isSeal.Set("kind", &jsonschema.Schema{Const: config.SealKind})
	both := &jsonschema.Schema{
		Version: jsonschema.Version,
		Title:   "argocd-seal-plugin: plugin.yaml",
		If:      &jsonschema.Schema{Properties: isSeal, Required: []string{"kind"}},
		Then:    seal,
		Else:    plugin,
	}
	encoded, err := json.MarshalIndent(both, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	return append(encoded, '\n'), nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
