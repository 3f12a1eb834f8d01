package schema_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crd "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
)

// The comparison with the API server's own code for custom kinds: so many
// schemas, each with so many objects.
const (
	randomSchemas = 1000
	randomObjects = 12
)

// TestTheAPIServerAgreesOnCustomKinds makes schemas at random, some of them not
// valid, and objects that nearly fit. The API server's library and the check must
// take or refuse the same definitions and the same objects.
func TestTheAPIServerAgreesOnCustomKinds(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 10))
	counts := map[string]int{}
	for i := range randomSchemas {
		spec := randomSchema(random, 3)
		root := map[string]any{"type": "object", "properties": map[string]any{"spec": spec}}
		definition := widgets(root)
		theirs := newReference(t, definition)
		ours := check(t, definition)
		counts[fmt.Sprintf("schema refused %t", theirs.problem != "")]++
		if (theirs.problem != "") != (len(ours) > 0) {
			t.Errorf("schema %d: the API server says %q, the check says %v\n%s", i, theirs.problem, ours, asJSON(root))
			continue
		}
		if theirs.problem != "" {
			continue
		}
		for range randomObjects {
			widget := map[string]any{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "a"}, "spec": randomValue(random, spec, 4)}
			refused := theirs.refuses(t, widget)
			found := check(t, definition, widget)
			counts[fmt.Sprintf("object refused %t", len(refused) > 0)]++
			if (len(refused) > 0) != (len(found) > 0) && !listAsFormat(found) {
				t.Errorf("schema %d: the API server says %v, the check says %v\n%s\n%s", i, refused, found, asJSON(root), asJSON(widget))
			}
		}
	}
	t.Log(counts)
	for _, kind := range []string{"schema refused", "object refused"} {
		for _, refused := range []bool{true, false} {
			if counts[fmt.Sprintf("%s %t", kind, refused)] < 100 {
				t.Errorf("too few cases of %q %t: %v", kind, refused, counts)
			}
		}
	}
}

// listAsFormat knows what the check refuses on purpose: where a format is set, the
// API server takes a list for a string. It also takes 2.5 where an enum has 2, and
// refuses null for a nullable enum; no such objects are made here.
func listAsFormat(found []string) bool {
	return len(found) == 1 && strings.HasSuffix(found[0], "must be a string, it is a list")
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// widgets is the definition of a kind with a schema.
func widgets(root any) map[string]any {
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "widgets.example.com"},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced",
			"names":    map[string]any{"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": root}}},
		},
	}
}

// check gives what is found in objects that are read from JSON.
func check(t *testing.T, documents ...map[string]any) []string {
	t.Helper()
	var objects []object.Object
	for _, document := range documents {
		o, err := object.ParseLine([]byte(asJSON(document)), "objects.yaml", 1)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	render, err := schema.NewRender(t.Context(), linked, objects, false)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for i, o := range objects {
		findings, err := render.Check(t.Context(), i, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range findings {
			found = append(found, finding.Field+": "+finding.Message)
		}
	}
	return found
}

// reference is the API server's code for one definition.
type reference struct {
	problem    string
	structural *structural.Structural
	validator  validation.SchemaValidator
}

func newReference(t *testing.T, definition map[string]any) reference {
	t.Helper()
	var typed apiextensionsv1.CustomResourceDefinition
	if err := json.Unmarshal([]byte(asJSON(definition)), &typed); err != nil {
		return reference{problem: err.Error()}
	}
	var internal apiextensions.CustomResourceDefinition
	types := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(types); err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(&typed)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&typed.Spec)
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&typed, &internal, nil); err != nil {
		return reference{problem: err.Error()}
	}
	internal.Status.StoredVersions = []string{"v1"}
	if faults := crd.ValidateCustomResourceDefinition(t.Context(), &internal); len(faults) > 0 {
		return reference{problem: faults.ToAggregate().Error()}
	}
	props, err := apiextensions.GetSchemaForVersion(&internal, "v1")
	if err != nil {
		t.Fatal(err)
	}
	r := reference{}
	if r.structural, err = structural.NewStructural(props.OpenAPIV3Schema); err != nil {
		t.Fatal(err)
	}
	if r.validator, _, err = validation.NewSchemaValidator(props.OpenAPIV3Schema); err != nil {
		t.Fatal(err)
	}
	return r
}

// refuses does what the API server does with an object that is created with
// strict field validation.
func (r reference) refuses(t *testing.T, object map[string]any) []string {
	t.Helper()
	var fields map[string]any
	if err := utiljson.Unmarshal([]byte(asJSON(object)), &fields); err != nil {
		t.Fatal(err)
	}
	fault, unknown := objectmeta.CoerceWithOptions(nil, fields, r.structural, true, objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
	if fault != nil {
		return []string{fault.Error()}
	}
	unknown = append(unknown, pruning.PruneWithOptions(fields, r.structural, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})...)
	defaulting.PruneNonNullableNullsWithoutDefaults(fields, r.structural)
	defaulting.Default(fields, r.structural)
	var refused []string
	for _, path := range unknown {
		refused = append(refused, path+": unknown")
	}
	for _, fault := range validation.ValidateCustomResource(nil, fields, r.validator) {
		refused = append(refused, fault.Error())
	}
	for _, fault := range objectmeta.Validate(nil, fields, r.structural, true) {
		refused = append(refused, fault.Error())
	}
	return refused
}

// randomSchema makes a schema; one in a few is not valid.
func randomSchema(r *rand.Rand, depth int) map[string]any {
	s := map[string]any{}
	forms := []string{"string", "integer", "number", "boolean", "object", "array", "map", "intOrString", "open", "embedded"}
	if depth == 0 {
		forms = forms[:4]
	}
	form := forms[r.IntN(len(forms))]
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
	case "embedded":
		return map[string]any{"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}
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
