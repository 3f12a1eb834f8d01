package same_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/avp"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/same"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

const (
	secret    = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
	annotated = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {avp.kubernetes.io/path: kv/data/a/b}}\n"
)

// TestCompare: what comes to the same value is the same, and everything that
// makes another value is seen.
func TestCompare(t *testing.T) {
	tests := map[string]struct {
		before, after string
		want          []string
	}{
		"a path":                             {secret + "stringData: {k: '<path:kv/data/a/b#k>'}", secret + "stringData: {k: '<vault:kv/a/b#k>'}", nil},
		"a key, and its annotation":          {annotated + "stringData: {k: '<k>'}", secret + "stringData: {k: '<vault:kv/a/b#k>'}", nil},
		"another path":                       {secret + "stringData: {k: '<path:kv/data/a/b#k>'}", secret + "stringData: {k: '<vault:kv/a/c#k>'}", []string{"stringData.k"}},
		"another key":                        {secret + "stringData: {k: '<path:kv/data/a/b#k>'}", secret + "stringData: {k: '<vault:kv/a/b#l>'}", []string{"stringData.k"}},
		"another version":                    {secret + "stringData: {k: '<path:kv/data/a/b#k#2>'}", secret + "stringData: {k: '<vault:kv/a/b#k@3>'}", []string{"stringData.k"}},
		"a version that is lost":             {secret + "stringData: {k: '<path:kv/data/a/b#k#2>'}", secret + "stringData: {k: '<vault:kv/a/b#k>'}", []string{"stringData.k"}},
		"a modifier that is lost":            {secret + "stringData: {k: '<path:kv/data/a/b#k | sha256sum>'}", secret + "stringData: {k: '<vault:kv/a/b#k>'}", []string{"stringData.k"}},
		"modifiers in another order":         {secret + "stringData: {k: '<path:kv/data/a/b#k | sha256sum | base64encode>'}", secret + "stringData: {k: '<vault:kv/a/b#k | base64encode | sha256sum>'}", []string{"stringData.k"}},
		"text around it":                     {secret + "stringData: {k: 'a <path:kv/data/a/b#k>'}", secret + "stringData: {k: 'b <vault:kv/a/b#k>'}", []string{"stringData.k"}},
		"an annotation that is missed":       {annotated + "stringData: {k: '<k>'}", secret + "stringData: {k: '<k>'}", []string{"stringData.k"}},
		"what may be missing":                {"apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {avp.kubernetes.io/path: kv/data/a/b, avp.kubernetes.io/remove-missing: 'true'}}\nstringData: {k: '<k>'}", secret + "stringData: {k: '<vault:kv/a/b#k>'}", []string{"stringData.k"}},
		"base64 of its own, under data":      {secret + "data: {k: '<path:kv/data/a/b#k>'}", secret + "data: {k: '<vault:kv/a/b#k | base64decode>'}", nil},
		"the same without decoding":          {secret + "data: {k: '<path:kv/data/a/b#k>'}", secret + "data: {k: '<vault:kv/a/b#k>'}", []string{"data.k"}},
		"encoded, under data":                {secret + "data: {k: '<path:kv/data/a/b#k | base64encode>'}", secret + "data: {k: '<vault:kv/a/b#k | base64encode>'}", nil},
		"encoded, and not said":              {secret + "data: {k: '<path:kv/data/a/b#k | base64encode>'}", secret + "data: {k: '<vault:kv/a/b#k>'}", nil},
		"encoded twice":                      {secret + "data: {k: '<path:kv/data/a/b#k | base64encode>'}", secret + "data: {k: '<vault:kv/a/b#k | base64encode | base64encode>'}", []string{"data.k"}},
		"in base64":                          {secret + "data: {k: PHBhdGg6a3YvZGF0YS9hL2Ijaz4=}", secret + "data: {k: PHZhdWx0Omt2L2EvYiNrPg==}", nil},
		"put together, under data":           {secret + "data: {k: '<path:kv/data/a/b#k><path:kv/data/a/b#l>'}", secret + "data: {k: '<vault:kv/a/b#k><vault:kv/a/b#l>'}", []string{"data.k"}},
		"an object that is gone":             {secret + "stringData: {k: a}", "", []string{""}},
		"a field that is new":                {secret + "stringData: {k: a}", secret + "stringData: {k: a, l: b}", []string{"stringData.l"}},
		"a number that is a text now":        {"apiVersion: x/v1\nkind: T\nmetadata: {name: t}\na: 1", "apiVersion: x/v1\nkind: T\nmetadata: {name: t}\na: '1'", []string{"a"}},
		"an empty map that is gone":          {"apiVersion: x/v1\nkind: T\nmetadata: {name: t}\na: {}", "apiVersion: x/v1\nkind: T\nmetadata: {name: t}", []string{"a"}},
		"a name that kustomize has given":    {"apiVersion: v1\nkind: Secret\nmetadata: {name: s-bcdfghkmt2}\n---\napiVersion: x/v1\nkind: T\nmetadata: {name: t}\na: s-bcdfghkmt2", "apiVersion: v1\nkind: Secret\nmetadata: {name: s-2456789bcd}\n---\napiVersion: x/v1\nkind: T\nmetadata: {name: t}\na: s-2456789bcd", nil},
		"names that kustomize does not give": {"apiVersion: v1\nkind: Secret\nmetadata: {name: s-production}", "apiVersion: v1\nkind: Secret\nmetadata: {name: s-monitoring}", []string{"", ""}},
		"KV version 1 by annotation":         {"apiVersion: v1\nkind: Secret\nmetadata: {name: s, annotations: {avp.kubernetes.io/kv-version: '1'}}\nstringData: {k: '<path:old/data/b#k#3>'}", secret + "stringData: {k: '<vault:old/data/b#k>'}", nil},
		"data outside of a Secret":           {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: PHBhdGg6a3YvZGF0YS9hL2Ijaz4=}", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: PHZhdWx0Omt2L2EvYiNrPg==}", []string{"data.k"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var fields []string
			for _, difference := range (same.Reader{Mounts: avp.Mounts{}}).Compare(decode(t, test.before), decode(t, test.after)) {
				fields = append(fields, difference.Field)
			}
			if diff := cmp.Diff(test.want, fields); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, text string) []object.Object {
	t.Helper()
	objects, err := object.Decode("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
