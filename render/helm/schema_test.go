package helm

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestSchemaViolations(t *testing.T) {
	const sub = "-- app/charts/sub/Chart.yaml --\nname: sub\nversion: 1.0.0\n"
	tests := map[string]struct {
		source  string
		options Options
		want    string
	}{
		"field and chart": {
			source: "-- app/values.yaml --\nimage: {tag: 5}\n" +
				`-- app/values.schema.json --` + "\n" + `{"properties": {"image": {"properties": {"tag": {"type": "string"}}}}}` + "\n",
			want: "E_SCHEMA: app/values.schema.json image.tag: the value does not meet the schema of the chart app: got number, want string",
		},
		"values from parameters count": {
			source:  "-- app/values.schema.json --\n" + `{"properties": {"port": {"type": "integer", "maximum": 9}}}` + "\n",
			options: Options{Parameters: map[string]string{"port": "80"}},
			want:    "E_SCHEMA: app/values.schema.json port: the value does not meet the schema of the chart app: maximum: got 80, want 9",
		},
		"all violations": {
			source: "-- app/values.yaml --\na: 1\nb: 2\n-- app/values.schema.json --\n" +
				`{"properties": {"a": {"type": "string"}}, "required": ["c"], "additionalProperties": {"const": 3}}` + "\n",
			want: "E_SCHEMA: app/values.schema.json: the value does not meet the schema of the chart app: missing property 'c'\n" +
				"E_SCHEMA: app/values.schema.json a: the value does not meet the schema of the chart app: got number, want string\n" +
				"E_SCHEMA: app/values.schema.json b: the value does not meet the schema of the chart app: value must be 3",
		},
		"why no alternative fits": {
			source: "-- app/values.yaml --\na: 1\n-- app/values.schema.json --\n" +
				`{"properties": {"a": {"anyOf": [{"type": "string"}, {"minimum": 5}]}}}` + "\n",
			want: "E_SCHEMA: app/values.schema.json a: the value does not meet the schema of the chart app: 'anyOf' failed (got number, want string; minimum: got 1, want 5)",
		},
		"scoped values of an alias": {
			source: "-- app/requirements.yaml --\ndependencies: [{name: sub, version: '*', repository: '', alias: other}]\n" + sub +
				"-- app/values.yaml --\nother: {size: big}\n-- app/charts/sub/values.schema.json --\n" + `{"properties": {"size": {"type": "integer"}}}` + "\n",
			want: "E_SCHEMA: app/charts/sub/values.schema.json size: the value does not meet the schema of the chart app.other: got string, want integer",
		},
		"skipped": {
			source:  "-- app/values.schema.json --\n" + `{"required": ["c"], "$ref": "http://h/s"}` + "\n",
			options: Options{SkipSchemaValidation: true},
		},
		"not JSON": {
			source: "-- app/values.schema.json --\n{\n",
			want:   "E_CHART: app/values.schema.json: the file is not a JSON schema: unexpected EOF",
		},
		"not a schema": {
			source: "-- app/values.schema.json --\n" + `{"type": "text"}` + "\n",
			want:   "E_CHART: app/values.schema.json type: the file is not a JSON schema: 'anyOf' failed (value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'; got string, want array)",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.options.Dir, test.options.ReleaseName, test.options.QuoteErrors = "app", "web", true
			source := strings.Replace(plainChart, "apiVersion: v2", "apiVersion: v1", 1) + test.source
			_, _, err := Template(treeOf(source), ".", test.options)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("wrong faults (-want +got):\n%s", diff)
			}
		})
	}
}

// TestH3SchemasLoadNothing: Helm's own validation reads files and fetches URLs
// that a schema refers to and quotes them in its errors.
func TestH3SchemasLoadNothing(t *testing.T) {
	var hits atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		_, _ = w.Write([]byte(`{"const": "CANARY"}`))
	}))
	defer server.Close()
	secret := filepath.Join(t.TempDir(), "secret.json")
	if err := os.WriteFile(secret, []byte(`{"const": "CANARY"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	schemas := map[string]string{
		"http":           fmt.Sprintf(`{"$ref": %q}`, server.URL+"/s"),
		"file":           fmt.Sprintf(`{"$ref": "file://%s"}`, secret),
		"file fragment":  fmt.Sprintf(`{"$ref": "file://%s#/const"}`, secret),
		"process":        `{"$ref": "file:///proc/self/environ"}`,
		"relative":       `{"$ref": "other.json"}`,
		"urn":            `{"$ref": "urn:x"}`,
		"https":          `{"properties": {"a": {"$ref": "https://127.0.0.1:1/s"}}}`,
		"under an id":    fmt.Sprintf(`{"$id": %q, "$ref": "s"}`, server.URL+"/base"),
		"metaschema":     fmt.Sprintf(`{"$schema": %q}`, server.URL+"/meta"),
		"dynamic":        fmt.Sprintf(`{"$dynamicRef": %q}`, server.URL+"/s#x"),
		"in definitions": fmt.Sprintf(`{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": %q}}}`, server.URL+"/s"),
	}
	for name, schema := range schemas {
		t.Run(name, func(t *testing.T) {
			source := plainChart + "-- app/values.yaml --\na: 1\n-- app/values.schema.json --\n" + schema + "\n"
			_, _, err := Template(treeOf(source), ".", Options{Dir: "app", ReleaseName: "web", QuoteErrors: true})
			if fault.CodeOf(err) != fault.SchemaRef || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("got %v, want %s", err, fault.SchemaRef)
			}
		})
	}
	if hits.Load() != 0 {
		t.Errorf("%d requests were sent", hits.Load())
	}
}

// TestLongChainOfReferences: CVE-2025-32387 overflowed the stack.
func TestLongChainOfReferences(t *testing.T) {
	var schema strings.Builder
	schema.WriteString(`{"$ref": "#/$defs/d0", "$defs": {`)
	const length = 3_000
	for i := range length {
		fmt.Fprintf(&schema, `"d%d": {"$ref": "#/$defs/d%d"},`, i, i+1)
	}
	fmt.Fprintf(&schema, `"d%d": {"required": ["x"]}}}`, length)
	source := plainChart + "-- app/values.schema.json --\n" + schema.String() + "\n"
	_, _, err := Template(treeOf(source), ".", Options{Dir: "app", ReleaseName: "web"})
	if fault.CodeOf(err) != fault.Schema {
		t.Errorf("got %v, want %s", err, fault.Schema)
	}
}
