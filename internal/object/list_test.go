package object_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

func decode(t *testing.T, stream string) []object.Object {
	t.Helper()
	objects, err := object.Decode("f.yaml", []byte(stream))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestY2FlattenFindsWhatArgoCDWouldFind(t *testing.T) {
	tests := map[string]struct {
		stream string
		want   []string
	}{
		"list":                       {"kind: List\nitems: [{kind: A}, {kind: B}]\n", []string{"A", "B"}},
		"list by shape, not kind":    {"kind: ConfigMap\nitems: [{kind: ClusterRoleBinding}]\n", []string{"ClusterRoleBinding"}},
		"list of lists":              {"items: [{items: [{kind: A}]}, {kind: B}]\n", []string{"A", "B"}},
		"empty list":                 {"kind: List\nitems: []\n---\nkind: A\n", []string{"A"}},
		"null list":                  {"kind: List\nitems: null\n---\nkind: A\n", []string{"A"}},
		"items that are no array":    {"kind: A\nitems: {a: b}\n", []string{"A"}},
		"null items beside a spec":   {"kind: A\nitems: null\nspec: {}\n", []string{"A"}},
		"an object that has no list": {"kind: A\n", []string{"A"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			leaves, err := object.Flatten(decode(t, test.stream))
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, leaf := range leaves {
				kinds = append(kinds, leaf.Kind())
			}
			if diff := cmp.Diff(test.want, kinds); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	refused := map[string]string{
		"nine lists deep": strings.Repeat("{items: [", 9) + "{kind: A}" + strings.Repeat("]}", 9) + "\n",
		"null item":       "items: [null]\n",
		"scalar item":     "items: [{kind: A}, b]\n",
	}
	for name, stream := range refused {
		t.Run(name, func(t *testing.T) {
			if _, err := object.Flatten(decode(t, stream)); fault.CodeOf(err) != fault.ObjectShape {
				t.Errorf("got %v, want %s", err, fault.ObjectShape)
			}
		})
	}
}

func TestY7CheckNamesEveryProblem(t *testing.T) {
	refused := map[string]string{
		"no kind":              "apiVersion: v1\nmetadata: {name: a}\n",
		"no apiVersion":        "kind: A\nmetadata: {name: a}\n",
		"kind is a number":     "apiVersion: v1\nkind: 1\nmetadata: {name: a}\n",
		"kind with a newline":  "apiVersion: v1\nkind: \"A\\nB\"\nmetadata: {name: a}\n",
		"no metadata":          "apiVersion: v1\nkind: A\n",
		"metadata is a list":   "apiVersion: v1\nkind: A\nmetadata: []\n",
		"no name":              "apiVersion: v1\nkind: A\nmetadata: {}\n",
		"name is a number":     "apiVersion: v1\nkind: A\nmetadata: {name: 1}\n",
		"empty name":           "apiVersion: v1\nkind: A\nmetadata: {name: ''}\n",
		"name climbs":          "apiVersion: v1\nkind: A\nmetadata: {name: '..'}\n",
		"name with a slash":    "apiVersion: v1\nkind: A\nmetadata: {name: a/b}\n",
		"name with NUL":        "apiVersion: v1\nkind: A\nmetadata: {name: \"a\\0b\"}\n",
		"name with an escape":  "apiVersion: v1\nkind: A\nmetadata: {name: \"a\\e[31m\"}\n",
		"very long name":       "apiVersion: v1\nkind: A\nmetadata: {name: " + strings.Repeat("a", 254) + "}\n",
		"namespace is a list":  "apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: [b]}\n",
		"namespace with slash": "apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: b/c}\n",
	}
	for name, stream := range refused {
		t.Run(name, func(t *testing.T) {
			if err := object.Check(decode(t, stream)); fault.CodeOf(err) != fault.ObjectShape {
				t.Errorf("got %v, want %s", err, fault.ObjectShape)
			}
		})
	}
	accepted := map[string]string{
		"RBAC name":      "apiVersion: v1\nkind: A\nmetadata: {name: 'system:node-proxier'}\n",
		"generated name": "apiVersion: v1\nkind: A\nmetadata: {generateName: a-}\n",
		"null namespace": "apiVersion: v1\nkind: A\nmetadata: {name: a, namespace: }\n",
	}
	for name, stream := range accepted {
		t.Run(name, func(t *testing.T) {
			if err := object.Check(decode(t, stream)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestSortPutsFirstWhatOthersNeed(t *testing.T) {
	objects := decode(t, `
{apiVersion: v1, kind: Service, metadata: {name: b}}
---
{apiVersion: v1, kind: Service, metadata: {name: a}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: z}}
---
{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: x}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: first}}
`)
	object.Sort(objects)
	var got []string
	for _, o := range objects {
		got = append(got, o.String())
	}
	want := []string{"Namespace first", "CustomResourceDefinition x", "Service a", "Service b", "Deployment z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A line of JSON holds no document separator, whatever its strings hold.
func TestY8EmittedLineIsOneDocument(t *testing.T) {
	objects := decode(t, "kind: A\ndata: {x: \"a\\n---\\nkind: Pod <&>\\u2028\"}\n")
	got := lines(t, objects)
	want := []string{`{"data":{"x":"a\n---\nkind: Pod <&>\u2028"},"kind":"A"}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseLineGivesBackWhatWasEmitted(t *testing.T) {
	const line = `{"a":9007199254740993,"b":[true,null,0.5],"kind":"A"}`
	parsed, err := object.ParseLine([]byte(line), "f.yaml", 3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{line}, lines(t, []object.Object{parsed})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, hostile := range map[string]string{
		"two values":     line + line,
		"not an object":  `["kind"]`,
		"cut short":      line[:20],
		"duplicate key":  `{"kind":"A","kind":"B"}`,
		"no JSON at all": "panic: oh",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := object.ParseLine([]byte(hostile), "f.yaml", 3); err == nil {
				t.Error("accepted")
			}
		})
	}
}
