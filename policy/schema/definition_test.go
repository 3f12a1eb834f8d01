package schema_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/schema"
)

const feeds = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: feeds.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Feed, plural: feeds}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          metadata: {type: object, properties: {name: {type: string, maxLength: 5}}}
          spec:
            type: object
            required: [url, every]
            properties:
              url: {type: string, pattern: "^https://"}
              every: {type: string, default: 1h}
              retries: {type: integer, minimum: 1, maximum: 5}
              mode: {type: string, enum: [pull, push]}
              port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
              labels: {type: object, additionalProperties: {type: string}}
              at: {type: string, format: date-time}
              note: {type: string, nullable: true}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: integer}}}
              template: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
              tags: {type: array, maxItems: 2, items: {type: string, minLength: 2}}
            oneOf: [{required: [mode]}, {required: [retries]}]
  - {name: v1alpha1, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
---
`

const feed = `{apiVersion: example.com/v1, kind: Feed, metadata: {name: news}, spec: {url: "https://a", retries: 2, labels: {a: b}, free: {x: [1]}, port: http, note: null, tags: [ab]}}`

func TestCustomKindsFromTheRender(t *testing.T) {
	tests := map[string]struct {
		old, new string
		want     []string
	}{
		"good":                 {"", "", []string{}},
		"a misspelt field":     {"retries: 2", "retrys: 2, mode: pull", []string{`spec.retrys: unknown field "retrys"; did you mean "retries"?`}},
		"too much":             {"retries: 2", "retries: 9", []string{"spec.retries: must be at most 5"}},
		"not of the list":      {"retries: 2", "mode: pul", []string{`spec.mode: is not one of the values that the schema lists; did you mean "pull"?`}},
		"a pattern":            {"https://a", "http://a", []string{"spec.url: must match the pattern ^https://"}},
		"a reference for it":   {"https://a", "<vault:kv/a#url>", []string{}},
		"missing":              {`url: "https://a", `, "", []string{"spec.url: the field is missing"}},
		"a type":               {"labels: {a: b}", "labels: {a: 1}", []string{"spec.labels.a: must be a string, it is a number; put it in quotes"}},
		"integer or string":    {"port: http", "port: 1.5", []string{"spec.port: must be an integer or a string, it is a number with a fraction; put it in quotes"}},
		"kept, but known":      {"free: {x: [1]}", "free: {x: [1], known: a}", []string{"spec.free.known: must be an integer, it is a string"}},
		"embedded":             {"free: {x: [1]}", "template: {apiVersion: v1, metadata: {nam: a}}", []string{`spec.template.metadata.nam: unknown field "nam"; did you mean "name"?`, "spec.template.kind: the field is missing"}},
		"several alternatives": {"retries: 2", "retries: 2, mode: pull", []string{"spec: must meet exactly one of the 2 alternatives of oneOf in the schema, it meets several"}},
		"a format":             {"free: {x: [1]}", "at: yesterday", []string{"spec.at: must be of the format datetime"}},
		"metadata of all":      {"metadata: {name: news", "metadata: {name: news, lables: {}", []string{`metadata.lables: unknown field "lables"; did you mean "labels"?`}},
		"metadata of its own":  {"name: news", "name: newspaper", []string{"metadata.name: must have at most 5 characters, it has 9"}},
		"items":                {"tags: [ab]", "tags: [ab, c, de]", []string{"spec.tags[1]: must have at least 2 characters, it has 1", "spec.tags: must have at most 2 items, it has 3"}},
		"another version":      {"example.com/v1", "example.com/v2", []string{`apiVersion: the CustomResourceDefinition of Feed serves no version "v2"; did you mean "v1"?`}},
		"a version not served": {"example.com/v1", "example.com/v1alpha1", []string{`apiVersion: the CustomResourceDefinition of Feed serves no version "v1alpha1"; known here: v1`}},
		"another group":        {"example.com/v1", "example.org/v1", []string{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, said(t, "1.33.2", feeds+strings.Replace(feed, test.old, test.new, 1))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestADefinitionThatIsNotValidIsToldAndNothingElse(t *testing.T) {
	const root = "spec.versions[0].schema.openAPIV3Schema"
	const spec = root + ".properties.spec"
	tests := map[string]struct {
		old, new string
		want     []string
	}{
		"another address":    {"type: string, pattern: \"^https://\"", "$ref: 'https://example.com/s.json'", []string{spec + ".properties.url.$ref: is not supported in a CustomResourceDefinition", spec + ".properties.url.type: the type is missing"}},
		"a file":             {"type: string, pattern: \"^https://\"", "type: string, $ref: 'file:///etc/passwd'", []string{spec + ".properties.url.$ref: is not supported in a CustomResourceDefinition"}},
		"an unknown type":    {"retries: {type: integer", "retries: {type: int", []string{spec + ".properties.retries.type: is not a type; known here: array, boolean, integer, number, object, string"}},
		"a pattern":          {"^https://", "a(", []string{spec + ".properties.url.pattern: is not a regular expression: error parsing regexp: missing closing ): `a(`"}},
		"a keyword's type":   {"minimum: 1", `minimum: "1"`, []string{spec + ".properties.retries.minimum: must be a number, it is a string; write it without quotes"}},
		"in items":           {"items: {type: string", "items: {type: [string]", []string{spec + ".properties.tags.items.type: must be a string, it is a list"}},
		"a misspelt field":   {"scope: Namespaced", "scop: Namespaced", []string{`spec.scop: unknown field "scop"; did you mean "scope"?`, "spec.scope: the field is missing"}},
		"a type in a choice": {"[{required: [mode]}, ", "[{type: object}, ", []string{spec + ".oneOf[0].type: must not be set within allOf, anyOf, oneOf or not"}},
		"no schema":          {"schema: {openAPIV3Schema: {type: object}}", "", []string{}},
		"not an object":      {"openAPIV3Schema:\n        type: object", "openAPIV3Schema:\n        type: array\n        items: {type: string}", []string{root + ".type: must be object at the root"}},
		"versions":           {"versions:\n  - name: v1", "versions:\n  - nam: v1", []string{`spec.versions[0].nam: unknown field "nam"; did you mean "name"?`, "spec.versions[0].name: the field is missing"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(feeds, test.old) {
				t.Fatalf("the definition does not hold %q", test.old)
			}
			got := said(t, "1.33.2", strings.Replace(feeds, test.old, test.new, 1))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestADefinitionCannotTakeTheKindsOfKubernetes(t *testing.T) {
	taken := strings.NewReplacer("group: example.com", "group: networking.k8s.io", "kind: Feed", "kind: NetworkPolicy").Replace(feeds)
	got := said(t, "1.33.2", taken+"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {url: 'https://a', retries: 2}}")
	want := []string{`spec.retries: unknown field "retries"; known here: egress, ingress, podSelector, policyTypes`, `spec.url: unknown field "url"; known here: egress, ingress, podSelector, policyTypes`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// hostile is a definition of Widget with the schema of spec, and a Widget.
func hostile(spec, value string) string {
	return `{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: widgets.example.com}, spec: {group: example.com, scope: Namespaced,
  names: {kind: Widget, plural: widgets}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {spec: ` + spec + `}}}}]}}
---
{apiVersion: example.com/v1, kind: Widget, metadata: {name: a}, spec: ` + value + `}`
}

func TestHostileDefinitionsAreBounded(t *testing.T) {
	many := func(piece string, count int) string { return strings.TrimSuffix(strings.Repeat(piece, count), ",") }
	var properties strings.Builder
	for i := range 105_000 {
		fmt.Fprintf(&properties, "p%d: {type: string},", i)
	}
	tests := map[string]struct{ spec, value, want string }{
		"a pattern of repetitions":   {`{type: string, pattern: "` + strings.Repeat("(a{1,100}){1,10}", 30) + `"}`, "a", "the pattern repeats more than the check can take"},
		"repetitions of repetitions": {`{type: string, pattern: "((a{1,1000}){1,1000}){1,1000}"}`, "a", "is not a regular expression: error parsing regexp: invalid repeat count"},
		"a long pattern":             {`{type: string, pattern: "` + strings.Repeat("a", 5000) + `"}`, "a", "the pattern is longer than the check can take"},
		"backtracking":               {`{type: string, pattern: "^(a+)+$"}`, strings.Repeat("a", 60_000) + "b", "must match the pattern"},
		"a costly match":             {`{type: string, pattern: "(a{1,100}b?){1,9}c$"}`, strings.Repeat("a", 100_000), "is too long for the pattern of the schema to be tried"},
		"many patterns":              {"{type: object, properties: {" + many(`a%: {type: string, pattern: "(a{1,900}){1}b{900}c{900}"},`, 800) + "}}", "{}", "the patterns of the render are larger than the check can take"},
		"many schemas":               {"{type: object, properties: {" + properties.String() + "}}", "{}", "the definition has more schemas than the check can take"},
		"deep":                       {strings.Repeat("{type: array, items: ", 85) + "{type: string}" + strings.Repeat("}", 85), "[]", "the schema is nested deeper than the check can take"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for n := 0; strings.Contains(test.spec, "a%"); n++ {
				test.spec = strings.Replace(test.spec, "a%", fmt.Sprintf("a%d", n), 1)
			}
			start := time.Now()
			got := said(t, "1.33.2", hostile(test.spec, test.value))
			if len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), test.want) {
				t.Errorf("got %.300q, want %s", got, test.want)
			}
			if taken := time.Since(start); taken > 30*time.Second {
				t.Errorf("it took %v", taken)
			}
			for _, line := range got {
				if len(line) > 2000 {
					t.Errorf("a finding of %d bytes", len(line))
				}
			}
		})
	}
}

// TestAlternativesEndWithTheRequest multiplies alternatives by items: more than
// any request has time for.
func TestAlternativesEndWithTheRequest(t *testing.T) {
	spec := "{type: array, items: {type: integer, anyOf: [" + strings.Repeat("{minimum: 2, not: {maximum: 3}},", 20_000) + "{maximum: 1}]}}"
	objects := decode(t, hostile(spec, "["+strings.TrimSuffix(strings.Repeat("1,", 200_000), ",")+"]"))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	render, err := schema.NewRender(ctx, "1.33.2", objects, false)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_, err = render.Check(ctx, 1, objects[1])
	if fault.CodeOf(err) != fault.PolicyEngine || !strings.Contains(err.Error(), "longer than the request may") {
		t.Errorf("got %v", err)
	}
	if taken := time.Since(start); taken > 20*time.Second {
		t.Errorf("it took %v", taken)
	}
}

func TestACanceledRequestIsAFault(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := schema.NewRender(ctx, "1.33.2", decode(t, feeds), false); fault.CodeOf(err) != fault.Canceled {
		t.Errorf("got %v", err)
	}
}

// FuzzDefinition has definitions and objects of any form: nothing crashes, and
// every finding is bounded.
func FuzzDefinition(f *testing.F) {
	for _, seed := range []string{feeds + feed, hostile("{type: string}", "a"), hostile("{type: [a], items: [1], properties: 5, enum: {}, allOf: 1, not: 2, required: 1}", "{}"),
		hostile("{x-kubernetes-int-or-string: true, allOf: [{anyOf: [{type: integer}, {type: string}]}, {pattern: a}]}", "1"), deployment,
		"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: a}, spec: {versions: [1, {served: true}], names: []}}"} {
		f.Add([]byte(seed), "1.33")
	}
	f.Fuzz(func(t *testing.T, text []byte, kubeVersion string) {
		objects, err := object.Decode("a.yaml", text)
		if err != nil {
			return
		}
		render, err := schema.NewRender(t.Context(), kubeVersion, objects, false)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range objects {
			findings, err := render.Check(t.Context(), i, o)
			if err != nil || len(findings) > schema.MaxFindings {
				t.Fatalf("%d findings, %v", len(findings), err)
			}
			for _, finding := range findings {
				if finding.Message == "" || len(finding.Message) > 1000 {
					t.Errorf("the message %.100q", finding.Message)
				}
			}
		}
	})
}
