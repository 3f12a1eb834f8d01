package schema

// values reads what a schema asks of a value beside its type.
// Typed says that alternatives may name a type, as in the two forms that say
// again that a value is an integer or a string.
func (c *compiler) values(schema map[string]any, typed bool) *values {
	v := &values{
		minimum: c.number(schema, "minimum"), maximum: c.number(schema, "maximum"), multipleOf: c.number(schema, "multipleOf"),
		above: c.flag(schema, "exclusiveMinimum"), below: c.flag(schema, "exclusiveMaximum"),
		minLength: c.integer(schema, "minLength"), maxLength: c.integer(schema, "maxLength"),
		minItems: c.integer(schema, "minItems"), maxItems: c.integer(schema, "maxItems"),
		minFields: c.integer(schema, "minProperties"), maxFields: c.integer(schema, "maxProperties"),
	}
	if v.multipleOf != nil && *v.multipleOf <= 0 {
		c.refuse("multipleOf", "must be more than 0")
	}
	if format := normalized(c.text(schema, "format")); formats[format] {
		v.format = format
	}
	c.pattern(schema, v)
	c.enum(schema, v)
	v.allOf, v.anyOf, v.oneOf = c.alternatives(schema, "allOf", typed), c.alternatives(schema, "anyOf", typed), c.alternatives(schema, "oneOf", false)
	if schema["not"] != nil {
		c.at("not", func() { v.not = c.alternative(schema["not"], false) })
	}
	return v
}

func (v *values) empty() bool {
	return v.enum == nil && v.minimum == nil && v.maximum == nil && v.multipleOf == nil && v.minLength == nil && v.maxLength == nil &&
		v.minItems == nil && v.maxItems == nil && v.minFields == nil && v.maxFields == nil && v.pattern == nil && v.format == "" &&
		len(v.required)+len(v.fields)+len(v.allOf)+len(v.anyOf)+len(v.oneOf)+len(v.types) == 0 && v.items == nil && v.not == nil
}

func (c *compiler) pattern(schema map[string]any, v *values) {
	source := c.text(schema, "pattern")
	if source == "" {
		return
	}
	pattern, problem := newPattern(source)
	if problem == "" {
		if *c.patterns += pattern.size; *c.patterns > maxPatterns {
			problem = "the patterns of the render are larger than the check can take"
		}
	}
	if problem != "" {
		c.refuse("pattern", "%s", problem)
		return
	}
	v.pattern = pattern
}

func (c *compiler) enum(schema map[string]any, v *values) {
	choices := c.list(schema, "enum")
	if choices == nil {
		return
	}
	v.enum = make(map[string]bool, len(choices))
	for _, choice := range choices {
		v.enum[canonical(choice)] = true
		if word, ok := choice.(string); ok && len(v.choices) <= maxListed {
			v.choices = append(v.choices, word)
		}
	}
}

// alternatives reads the schemas of allOf, anyOf or oneOf.
func (c *compiler) alternatives(schema map[string]any, keyword string, typed bool) []*values {
	list := c.list(schema, keyword)
	if len(list) == 0 {
		return nil
	}
	all := make([]*values, len(list))
	c.at(keyword, func() {
		for i, item := range list {
			c.path = append(c.path, step{index: i, item: true})
			all[i] = c.alternative(item, typed)
			c.path = c.path[:len(c.path)-1]
		}
	})
	return all
}

// alternative reads a schema that asks of what the schema around it describes,
// and describes nothing itself.
func (c *compiler) alternative(value any, typed bool) *values {
	defer func() { c.depth-- }()
	if !c.enter() {
		return &values{}
	}
	schema := c.schema(value)
	v := c.values(schema, typed)
	v.bare = schema["type"] == nil
	c.nested(schema, v)
	switch named, _ := schema["type"].(string); {
	case schema["type"] == nil:
	case !typed:
		c.refuse("type", "must not be set within allOf, anyOf, oneOf or not")
	case named != "integer" && named != "string":
		c.refuse("type", "must be integer or string here")
	default:
		v.types = []form{namedForms[named]}
	}
	return v
}

// nested reads what an alternative asks of fields and items.
func (c *compiler) nested(schema map[string]any, v *values) {
	for _, keyword := range forbidden {
		if value := schema[keyword]; value != nil && value != false && value != "" {
			c.refuse(keyword, "must not be set within allOf, anyOf, oneOf or not")
		}
	}
	v.required = c.texts(schema, "required")
	properties := c.mapping(schema, "properties")
	c.at("properties", func() {
		for _, name := range keys(properties) {
			c.at(name, func() {
				v.fields = append(v.fields, fieldValues{name, c.alternative(properties[name], false)})
			})
		}
	})
	if items := schema["items"]; items != nil {
		c.at("items", func() { v.items = c.alternative(items, false) })
	}
}
