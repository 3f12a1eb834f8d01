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
	randomSchemas = 700
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
			if counts[fmt.Sprintf("%s %t", kind, refused)] < 50 {
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
