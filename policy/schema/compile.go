package schema

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// The bounds of one CustomResourceDefinition's schemas.
const (
	maxSchemas = 100_000
	maxNesting = 80
)

// compiler turns the schemas of one CustomResourceDefinition into nodes, and
// collects what is wrong with them. The rules are those of the API server for
// structural schemas: nothing refers to another place.
type compiler struct {
	kubernetes *version
	path       []step
	problems   []Finding
	schemas    int
	depth      int
	// patterns counts the size of all patterns of the render.
	patterns *int
}

// unsupported are keywords of JSON Schema that the API server refuses.
var unsupported = []string{"$ref", "definitions", "dependencies", "patternProperties", "additionalItems", "id"}

// forbidden are keywords that describe a value, which alternatives must not.
var forbidden = slices.Concat(unsupported, []string{
	"additionalProperties", "default", "description", "title", "nullable", "uniqueItems", "x-kubernetes-preserve-unknown-fields",
	"x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-map-type",
})

var namedForms = map[string]form{
	"string": text, "boolean": boolean, "integer": integer64, "number": number, "array": list, "object": mapping,
}

// enter counts a schema, and tells whether there may be one more.
func (c *compiler) enter() bool {
	c.schemas++
	c.depth++
	switch {
	case c.schemas == maxSchemas+1:
		c.problem("the definition has more schemas than the check can take", "")
	case c.depth == maxNesting+1:
		c.problem("the schema is nested deeper than the check can take", "")
	}
	return c.schemas <= maxSchemas && c.depth <= maxNesting
}

// node reads a schema that gives a value its type.
func (c *compiler) node(schema map[string]any) *node {
	defer func() { c.depth-- }()
	if !c.enter() {
		return unread
	}
	for _, keyword := range unsupported {
		if schema[keyword] != nil {
			c.refuse(keyword, "is not supported in a CustomResourceDefinition")
		}
	}
	if schema["uniqueItems"] == true {
		c.refuse("uniqueItems", "must not be true")
	}
	n := &node{open: c.flag(schema, "x-kubernetes-preserve-unknown-fields"), embedded: c.flag(schema, "x-kubernetes-embedded-resource")}
	n.form = c.form(schema, n.open)
	n.nullable = c.flag(schema, "nullable")
	n.refusesNull = n.form != anything && !n.nullable && schema["default"] == nil
	if n.embedded && n.form != mapping {
		c.refuse("type", "must be object where x-kubernetes-embedded-resource is true")
	}
	c.properties(schema, n)
	c.items(schema, n)
	if v := c.values(schema, n.form == integerOrText); !v.empty() {
		v.bare = n.form == anything
		n.values = v
	}
	if n.embedded {
		if schema["additionalProperties"] != nil {
			c.refuse("additionalProperties", "must not be used where x-kubernetes-embedded-resource is true")
		}
		if !n.open && n.fields == nil {
			c.refuse("properties", "must not be empty where x-kubernetes-embedded-resource is true and unknown fields are not kept")
		}
		c.embed(n)
	}
	return n
}

// form reads the type of a schema.
func (c *compiler) form(schema map[string]any, open bool) form {
	if c.flag(schema, "x-kubernetes-int-or-string") {
		if schema["type"] != nil {
			c.refuse("type", "must not be set where x-kubernetes-int-or-string is true")
		}
		return integerOrText
	}
	switch named := schema["type"].(type) {
	case string:
		if form, known := namedForms[named]; known {
			return form
		}
		c.at("type", func() { c.problem("is not a type", suggest(named, keys(namedForms))) })
	case nil:
		if !open {
			c.refuse("type", "the type is missing")
		}
	default:
		c.refuse("type", "must be a string, it is %s", object.Describe(named))
	}
	return anything
}

// properties reads the schemas of fields.
func (c *compiler) properties(schema map[string]any, n *node) {
	properties := c.mapping(schema, "properties")
	if len(properties) > 0 {
		n.fields, n.defaults = make(map[string]*node, len(properties)), map[string]any{}
	}
	c.at("properties", func() {
		for _, name := range keys(properties) {
			c.at(name, func() {
				if of := c.schema(properties[name]); of != nil {
					n.fields[name] = c.node(of)
					if of["default"] != nil {
						n.defaults[name] = of["default"]
					}
				}
			})
		}
	})
	switch more := schema["additionalProperties"].(type) {
	case nil:
	case bool:
		if more {
			n.rest = &node{}
		} else if len(properties) > 0 {
			c.refuse("additionalProperties", "must not stand beside properties")
		}
	default:
		if len(properties) > 0 {
			c.refuse("additionalProperties", "must not stand beside properties")
		}
		c.at("additionalProperties", func() {
			if of := c.schema(more); of != nil {
				n.rest = c.node(of)
			}
		})
	}
	for _, name := range c.texts(schema, "required") {
		// What is missing gets its default.
		if n.defaults[name] == nil {
			n.required = append(n.required, name)
		}
	}
}

// items reads the schema of a list's items.
func (c *compiler) items(schema map[string]any, n *node) {
	items := schema["items"]
	if items == nil {
		if n.form == list {
			c.refuse("items", "the schema of the items is missing")
		}
		return
	}
	c.at("items", func() {
		of := c.schema(items)
		if of == nil {
			return
		}
		n.items = c.node(of)
		if n.open && !n.items.open {
			// Unknown fields are kept through lists, not through mappings.
			opened := *n.items
			opened.open = true
			n.items = &opened
		}
	})
}

// schema reads a schema's mapping; nil was told of.
func (c *compiler) schema(value any) map[string]any {
	schema, ok := value.(map[string]any)
	if !ok {
		c.problem("must be a schema, it is "+object.Describe(value), "")
	}
	return schema
}

func (c *compiler) flag(schema map[string]any, keyword string) bool {
	set, ok := schema[keyword].(bool)
	if schema[keyword] != nil && !ok {
		c.refuse(keyword, "must be true or false, it is %s", object.Describe(schema[keyword]))
	}
	return set
}

func (c *compiler) mapping(schema map[string]any, keyword string) map[string]any {
	set, ok := schema[keyword].(map[string]any)
	if schema[keyword] != nil && !ok {
		c.refuse(keyword, "must be a mapping, it is %s", object.Describe(schema[keyword]))
	}
	return set
}

func (c *compiler) list(schema map[string]any, keyword string) []any {
	set, ok := schema[keyword].([]any)
	if schema[keyword] != nil && !ok {
		c.refuse(keyword, "must be a list, it is %s", object.Describe(schema[keyword]))
	}
	return set
}

func (c *compiler) texts(schema map[string]any, keyword string) []string {
	var texts []string
	for _, item := range c.list(schema, keyword) {
		text, ok := item.(string)
		if !ok {
			c.refuse(keyword, "must be a list of strings, it holds %s", object.Describe(item))
			return nil
		}
		texts = append(texts, text)
	}
	return texts
}

func (c *compiler) text(schema map[string]any, keyword string) string {
	set, ok := schema[keyword].(string)
	if schema[keyword] != nil && !ok {
		c.refuse(keyword, "must be a string, it is %s", object.Describe(schema[keyword]))
	}
	return set
}

func (c *compiler) integer(schema map[string]any, keyword string) *int64 {
	if schema[keyword] == nil {
		return nil
	}
	if set, ok := schema[keyword].(json.Number); ok {
		if value, err := set.Int64(); err == nil {
			return &value
		}
	}
	c.refuse(keyword, "must be an integer, it is %s", object.Describe(schema[keyword]))
	return nil
}

func (c *compiler) number(schema map[string]any, keyword string) *float64 {
	if schema[keyword] == nil {
		return nil
	}
	if set, ok := schema[keyword].(json.Number); ok {
		if value, err := set.Float64(); err == nil {
			return &value
		}
	}
	c.refuse(keyword, "must be a number, it is %s", object.Describe(schema[keyword]))
	return nil
}

// normalized is a format's name as the API server looks it up.
func normalized(format string) string { return strings.ReplaceAll(format, "-", "") }
