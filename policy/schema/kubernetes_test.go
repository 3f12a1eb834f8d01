package schema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/randfill"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
)

// linked is the version of the types that this test is built with.
const linked = "1.33"

// mutations is how many changes are tried for each kind.
const mutations = 120

// TestKubernetesAgrees takes the Go types of Kubernetes as the reference. Every
// kind is filled in every field, written as JSON and then changed in single
// places; each text must be taken by both or refused by both, by the decoder that
// the API server uses for strict field validation and by the schema. What must be
// set is not a matter of decoding and left aside.
func TestKubernetesAgrees(t *testing.T) {
	types := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, apiextensions.AddToScheme} {
		if err := add(types); err != nil {
			t.Fatal(err)
		}
	}
	strict := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, types, types, serializer.SerializerOptions{Strict: true})
	kinds, taken, refused := 0, 0, 0
	for gvk := range types.AllKnownTypes() {
		typed, err := types.New(gvk)
		if err != nil || !isKind(typed) || gvk.Version == runtime.APIVersionInternal {
			continue
		}
		t.Run(gvk.String(), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(len(gvk.String()))))
			fields := filled(t, typed)
			fields["apiVersion"], fields["kind"] = gvk.GroupVersion().String(), gvk.Kind
			for i := range mutations {
				changed := object.Object{Fields: fields}.Clone()
				what := "unchanged"
				if i > 0 {
					what = mutate(random, changed.Fields)
				}
				text, err := json.Marshal(changed.Fields)
				if err != nil {
					t.Fatal(err)
				}
				_, _, theirs := strict.Decode(text, nil, nil)
				ours := refusals(t, changed)
				if i == 0 && len(ours) == 1 && strings.HasPrefix(ours[0], "apiVersion: Kubernetes "+linked+" has no ") {
					t.Skip("the type is left of a version that is no longer served")
				}
				if (theirs != nil) != (len(ours) > 0) && !bytesAsList(ours) {
					t.Errorf("%s: Kubernetes says %v, the schema says %v", what, theirs, ours)
				}
				if theirs == nil {
					taken++
				} else {
					refused++
				}
			}
			kinds++
		})
	}
	t.Logf("%d kinds; %d texts taken, %d refused", kinds, taken, refused)
	if kinds < 80 || taken < 1000 || refused < 1000 {
		t.Errorf("%d kinds, %d taken, %d refused: the comparison says little", kinds, taken, refused)
	}
}

// bytesAsList knows the one thing that is refused on purpose: Go reads bytes from
// a list of numbers as well, which nobody means.
func bytesAsList(ours []string) bool {
	return len(ours) == 1 && strings.HasSuffix(ours[0], ": must be a string, it is a list")
}

// isKind tells objects from lists and from what the API only answers with.
func isKind(o runtime.Object) bool {
	_, named := o.(metav1.ObjectMetaAccessor)
	return named
}

// filled gives an object of the type with a value in every field.
func filled(t *testing.T, typed runtime.Object) map[string]any {
	t.Helper()
	fill := randfill.NewWithSeed(7).NilChance(0).NumElements(1, 1).MaxDepth(18).Funcs(
		func(q *resource.Quantity, _ randfill.Continue) { *q = resource.MustParse("100m") },
		func(v *intstr.IntOrString, c randfill.Continue) { *v = intstr.FromInt32(c.Int31()) },
		func(v *metav1.Time, _ randfill.Continue) { v.Time = time.Unix(1_700_000_000, 0) },
		func(v *metav1.MicroTime, _ randfill.Continue) { v.Time = time.Unix(1_700_000_000, 1000) },
		func(v *metav1.FieldsV1, _ randfill.Continue) { v.Raw = []byte(`{"f:a":{}}`) },
		func(v *runtime.RawExtension, _ randfill.Continue) { v.Raw = []byte(`{"a":1}`) },
		func(v *apiextensions.JSON, _ randfill.Continue) { v.Raw = []byte(`"a"`) },
		func(v *apiextensions.JSONSchemaProps, _ randfill.Continue) {
			*v = apiextensions.JSONSchemaProps{Type: "object", Required: []string{"a"}, Properties: map[string]apiextensions.JSONSchemaProps{"a": {Type: "string", Pattern: "a"}}}
		},
		func(s *string, c randfill.Continue) { *s = fmt.Sprintf("text-%d", c.Int31()) },
	)
	fill.Fill(typed)
	text, err := json.Marshal(typed)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

func parse(t *testing.T, text []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// refusals are the findings about what is there.
func refusals(t *testing.T, o object.Object) []string {
	t.Helper()
	render, err := schema.NewRender(t.Context(), linked, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	findings, err := render.Check(t.Context(), 0, o)
	if err != nil {
		t.Fatal(err)
	}
	var refused []string
	for _, finding := range findings {
		if finding.Message != "the field is missing" {
			refused = append(refused, finding.Field+": "+finding.Message)
		}
	}
	return refused
}

// replacements are put in the place of values.
var replacements = []any{
	"x", "1", "", "100m", "Yg==", "2026-01-31T15:04:05Z", "true", json.Number("1"), json.Number("-1"), json.Number("1.5"), json.Number("3000000000"),
	true, nil, map[string]any{}, map[string]any{"a": "b"}, []any{}, []any{"a"}, []any{nil}, []any{map[string]any{}},
}

// mutate changes one place of an object, and says which and how.
func mutate(random *rand.Rand, fields map[string]any) string {
	at, path := any(fields), ""
	for {
		switch value := at.(type) {
		case map[string]any:
			names := slices.Sorted(maps.Keys(value))
			if path == "" {
				names = slices.DeleteFunc(names, func(name string) bool { return name == "apiVersion" || name == "kind" })
			}
			if len(names) == 0 || random.IntN(12) == 0 {
				value["unknownField"] = "a"
				return path + ": one more field"
			}
			name := names[random.IntN(len(names))]
			inner, nested := value[name], true
			switch inner := inner.(type) {
			case map[string]any:
			case []any:
				nested = len(inner) > 0
			default:
				nested = false
			}
			if nested && random.IntN(8) > 0 {
				at, path = inner, path+"."+name
				continue
			}
			if random.IntN(8) == 0 {
				delete(value, name)
				value[strings.ToUpper(name)] = inner
				return path + "." + name + ": in capitals"
			}
			value[name] = replacements[random.IntN(len(replacements))]
			return fmt.Sprintf("%s.%s: %#v", path, name, value[name])
		case []any:
			if inner, nested := value[0].(map[string]any); nested && random.IntN(4) > 0 {
				at, path = inner, path+"[0]"
				continue
			}
			value[0] = replacements[random.IntN(len(replacements))]
			return fmt.Sprintf("%s[0]: %#v", path, value[0])
		default:
			return path + ": nothing"
		}
	}
}
