package kyverno

import (
	"strings"
)

// conditions hold where one of any does, if there are some, and all of all.
type conditions struct {
	any, all []condition
	hasAny   bool
}

type condition struct {
	key, value document
	operator   operator
	message    text
}

// document is a value of a policy with variables in its texts: nil, bool,
// float64, text, []document or map[string]document.
type document any

// substitute puts the values of variables into a document.
func substitute(d document, facts facts) (any, error) {
	switch d := d.(type) {
	case text:
		if variable, ok := d.variable(); ok {
			result, err := variable.evaluate(facts)
			return foreign(result), err
		}
		return d.in(facts)
	case []document:
		list := make([]any, len(d))
		for i, item := range d {
			var err error
			if list[i], err = substitute(item, facts); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]document:
		fields := make(map[string]any, len(d))
		for name, field := range d {
			var err error
			if fields[name], err = substitute(field, facts); err != nil {
				return nil, err
			}
		}
		return fields, nil
	default:
		return d, nil
	}
}

// foreign turns a variable's texts into ones without meaning.
func foreign(v any) any {
	switch v := v.(type) {
	case string:
		return glob(v)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = foreign(item)
		}
		return list
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = foreign(field)
		}
		return fields
	case int64:
		return float64(v)
	default:
		return v
	}
}

// held is what conditions came to.
type held struct {
	yes     bool
	message string
	// field is what the condition that decided is about; empty is unknown.
	field string
}

// hold evaluates conditions one after the other, until the answer is known.
func (c conditions) hold(facts facts) (held, error) {
	var result held
	var messages []string
	matched := !c.hasAny
	for i := range c.any {
		yes, err := c.any[i].holds(facts, &messages)
		if err != nil {
			return held{}, err
		}
		if yes {
			matched, result.field = true, c.any[i].field()
			break
		}
	}
	for i := range c.all {
		yes, err := c.all[i].holds(facts, &messages)
		if err != nil {
			return held{}, err
		}
		if !yes {
			return held{}, nil
		}
		if result.field == "" {
			result.field = c.all[i].field()
		}
	}
	result.yes, result.message = matched, strings.Join(messages, "; ")
	return result, nil
}

// holds adds the message of a condition that holds.
func (c condition) holds(facts facts, messages *[]string) (bool, error) {
	key, err := substitute(c.key, facts)
	if err != nil {
		return false, err
	}
	value, err := substitute(c.value, facts)
	if err != nil {
		return false, err
	}
	if !c.operator(key, value) {
		return false, nil
	}
	message, err := c.message.in(facts)
	if err == nil && len(message) > 0 {
		*messages = append(*messages, message.plain())
	}
	return true, nil
}

// field returns the field of the object that the key names.
func (c condition) field() string {
	if t, ok := c.key.(text); ok {
		if variable, ok := t.variable(); ok {
			return variable.field()
		}
	}
	return ""
}
