package schema_test

import "math/rand/v2"

// randomSchema makes a schema; one in a few is not valid.
func randomSchema(r *rand.Rand, depth int) map[string]any {
	s := map[string]any{}
	forms := []string{"string", "integer", "number", "boolean", "object", "array", "map", "intOrString", "open", "embedded"}
	if depth == 0 {
		forms = forms[:4]
	}
	form := forms[r.IntN(len(forms))]
	if form == "embedded" {
		return map[string]any{"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}
	}
	describe(r, s, form, depth)
	for range r.IntN(3) {
		restrict(r, s, form)
	}
	if form != "open" && s["enum"] == nil && r.IntN(10) == 0 {
		s["nullable"] = true
	}
	if form == "string" && s["enum"] == nil && s["format"] == nil && s["pattern"] == nil && s["maxLength"] == nil && s["oneOf"] == nil && s["allOf"] == nil && s["not"] == nil && r.IntN(4) == 0 {
		s["default"] = "a"
	}
	if r.IntN(15) == 0 {
		spoil(r, s)
	}
	return s
}

// describe gives a schema the type of a form.
func describe(r *rand.Rand, s map[string]any, form string, depth int) {
	switch form {
	case "object", "open":
		properties := map[string]any{}
		for _, name := range []string{"a", "b", "c"} {
			if r.IntN(3) > 0 {
				properties[name] = randomSchema(r, depth-1)
			}
		}
		s["type"], s["properties"] = "object", properties
		if r.IntN(3) == 0 {
			s["required"] = []any{"a"}
		}
		if form == "open" {
			s["x-kubernetes-preserve-unknown-fields"] = true
			if r.IntN(3) == 0 {
				delete(s, "type")
			}
		}
	case "map":
		s["type"], s["additionalProperties"] = "object", any(randomSchema(r, depth-1))
		if r.IntN(6) == 0 {
			s["additionalProperties"] = true
		}
	case "array":
		s["type"], s["items"] = "array", randomSchema(r, depth-1)
	case "intOrString":
		s["x-kubernetes-int-or-string"] = true
		if r.IntN(2) == 0 {
			s["anyOf"] = []any{map[string]any{"type": "integer"}, map[string]any{"type": "string"}}
		}
	default:
		s["type"] = form
	}
}

// restrict adds a restriction that suits the form.
func restrict(r *rand.Rand, s map[string]any, form string) {
	switch r.IntN(7) {
	case 0:
		s["enum"] = [][]any{{"a", "b"}, {1, 2}, {true}}[r.IntN(3)]
	case 1:
		s["minimum"], s["exclusiveMinimum"] = r.IntN(3), r.IntN(2) == 0
	case 2:
		s["maxLength"], s["minItems"], s["maxProperties"] = r.IntN(4)+1, r.IntN(2), r.IntN(3)+1
	case 3:
		s["pattern"] = []string{"^[a-z]+$", "b", `^\d{1,3}$`}[r.IntN(3)]
	case 4:
		if form == "boolean" || form == "array" || form == "map" || form == "object" || form == "open" {
			return
		}
		s["format"] = []string{"date-time", "ipv4", "byte", "int32", "nonsense", "uuid", "duration"}[r.IntN(7)]
	case 5:
		s[[]string{"oneOf", "allOf"}[r.IntN(2)]] = []any{nested(r, form), nested(r, form)}
	case 6:
		if form != "intOrString" {
			s["not"] = nested(r, form)
		}
	}
	if form == "integer" && r.IntN(4) == 0 {
		s["multipleOf"] = 2
	}
}

func nested(r *rand.Rand, form string) map[string]any {
	switch {
	case form == "object" || form == "open":
		return map[string]any{"required": []any{[]string{"a", "b", "c"}[r.IntN(3)]}}
	case r.IntN(2) == 0:
		return map[string]any{"minimum": r.IntN(3), "maxLength": r.IntN(4)}
	default:
		return map[string]any{"enum": []any{"a", 1, true}}
	}
}

// spoil makes a schema that the API server refuses.
func spoil(r *rand.Rand, s map[string]any) {
	switch r.IntN(10) {
	case 0:
		s["$ref"] = "https://example.com/schema.json"
	case 1:
		s["type"] = "text"
	case 2:
		delete(s, "type")
		delete(s, "x-kubernetes-preserve-unknown-fields")
		delete(s, "x-kubernetes-int-or-string")
	case 3:
		s["pattern"] = "a("
	case 4:
		s["uniqueItems"] = true
	case 5:
		s["definitions"] = map[string]any{"a": map[string]any{"type": "string"}}
	case 6:
		s["properties"], s["additionalProperties"] = map[string]any{"a": map[string]any{"type": "string"}}, map[string]any{"type": "string"}
	case 7:
		s["type"] = "array"
		delete(s, "items")
	case 8:
		s["oneOf"] = []any{map[string]any{"type": "string"}, map[string]any{"default": 1}}
	case 9:
		s["x-kubernetes-embedded-resource"] = true
	}
}

// randomValue makes a value that fits a schema more often than not.
func randomValue(r *rand.Rand, s map[string]any, depth int) any {
	if r.IntN(12) == 0 || depth == 0 {
		return []any{"a", "bb", "2026-01-31T15:04:05Z", "10.0.0.1", 1, 4.5, -3, true, nil, map[string]any{}, []any{}, map[string]any{"a": 1, "z": nil}, []any{nil}}[r.IntN(13)]
	}
	switch {
	case s["x-kubernetes-int-or-string"] == true:
		return []any{1, "a", 7, "50%"}[r.IntN(4)]
	case s["type"] == "string":
		return []any{"a", "b", "abc", "12", "", "2026-01-31T15:04:05Z", "10.0.0.1", "Yg==", "5m"}[r.IntN(9)]
	case s["type"] == "integer":
		return r.IntN(5)
	case s["type"] == "number":
		return []any{1, 4.5, 0, 100}[r.IntN(4)]
	case s["type"] == "boolean":
		return r.IntN(2) == 0
	case s["type"] == "array":
		items, _ := s["items"].(map[string]any)
		list := []any{}
		for range r.IntN(3) {
			list = append(list, randomValue(r, items, depth-1))
		}
		return list
	}
	fields := map[string]any{}
	if s["x-kubernetes-embedded-resource"] == true {
		fields["apiVersion"], fields["kind"], fields["data"] = "v1", "ConfigMap", map[string]any{"a": "b"}
		fields["metadata"] = map[string]any{"name": "a", []string{"labels", "lables", "finalizers"}[r.IntN(3)]: map[string]any{"a": "b"}}
		if r.IntN(5) == 0 {
			delete(fields, "kind")
		}
		return fields
	}
	if more, ok := s["additionalProperties"].(map[string]any); ok {
		fields["x"] = randomValue(r, more, depth-1)
		return fields
	}
	properties, _ := s["properties"].(map[string]any)
	for _, name := range []string{"a", "b", "c"} {
		if of, ok := properties[name].(map[string]any); ok && r.IntN(4) > 0 {
			fields[name] = randomValue(r, of, depth-1)
		}
	}
	if r.IntN(10) == 0 {
		fields["other"] = "a"
	}
	return fields
}
