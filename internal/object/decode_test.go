package object_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
)

// lines renders objects as they are emitted.
func lines(t *testing.T, objects []object.Object) []string {
	t.Helper()
	var out []string
	for _, o := range objects {
		line, err := o.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(line))
	}
	return out
}

func TestDecodeMeansWhatArgoCDReads(t *testing.T) {
	documents := map[string]string{
		"YAML 1.1 booleans":      "a: yes\nb: no\nc: on\nd: Off\ne: TRUE\nf: y\n",
		"quoted words stay text": "a: 'yes'\nb: \"no\"\nc: !!str true\n",
		"octal and hexadecimal":  "a: 017\nb: 0o17\nc: 0x1F\nd: 0b11\n",
		"underscores":            "a: 1_000\n",
		"exact large integers":   "a: 9007199254740993\nb: -9223372036854775808\n",
		"floats":                 "a: 1.0\nb: 1e3\nc: 0.1\nd: 1e400\ne: .5\n",
		"sexagesimal":            "a: 1:30\nb: 190:20:30\n",
		"dates are text":         "a: 2001-01-01\nb: 2001-12-14t21:59:43.10-05:00\n",
		"nulls":                  "a: ~\nb: null\nc:\nd: Null\n",
		"keys that are no text":  "1: a\ntrue: b\n1.5: c\nyes2: d\n",
		"keys that are floats":   "-0.0: a\n1.23456789: b\n0.00001: c\n1e20: d\n1e21: e\n16777217.0: f\n",
		"block scalars":          "a: |\n  x: 1\n  y\nb: >-\n  one\n  two\n",
		"anchors":                "a: &x {k: [1, 2]}\nb: *x\n",
		"merge keys":             "base: &x {a: 1, b: 2}\nuse:\n  <<: *x\n  b: 3\n",
		"merge below a key":      "base: &x {a: 1, b: 2}\nuse:\n  b: 3\n  <<: *x\n",
		"merge of a list":        "p: &p {a: 1}\nq: &q {a: 2, b: 2}\nuse:\n  <<: [*p, *q]\n",
		"dashes and dots":        "a: ---\nb: ...\nd: .\n",
		"words like numbers":     "a: 1.2.3\nb: 10m\nc: 1Gi\nd: +1\ne: 0.0.0.0\nf: 12e03\ng: 08\n",
		"bare tag before text":   "a: ! word\nb: ! 'yes'\nc: ! [1]\nd: no ! tag\n",
		"image with digest":      "a: nginx@sha256:00aa\n",
		"unicode":                "a: \"\\u00e9\\U0001F600\"\nb: 日本語\n",
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			objects, err := object.Decode("f.yaml", []byte(document))
			if err != nil {
				t.Fatal(err)
			}
			want, err := yaml.YAMLToJSON([]byte(document))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{string(want)}, lines(t, objects)); diff != "" {
				t.Errorf("not what Argo CD's reader gives (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := map[string]struct {
		document string
		code     fault.Code
		line     int
	}{
		"tab indentation":             {"a:\n\tb: 1\n", fault.YAML, 2},
		"unclosed flow":               {"a: {b: 1\n", fault.YAML, 0},
		"a list":                      {"- a\n- b\n", fault.ObjectShape, 1},
		"a word":                      {"hello\n", fault.ObjectShape, 1},
		"Y3 duplicate key":            {"spec:\n  privileged: true\n  privileged: false\n", fault.YAMLDup, 3},
		"Y3 duplicate key by alias":   {"a: &k x\nx: 1\n*k : 2\n", fault.YAMLDup, 3},
		"Y3 duplicate key in JSON":    {"{\"a\": 1,\n \"a\": 2}", fault.YAMLDup, 2},
		"Y4 integer over 64 bits":     {"a: 18446744073709551616\n", fault.YAMLNumber, 1},
		"Y4 unsigned over int64":      {"a: 1\nb: 18446744073709551615\n", fault.YAMLNumber, 2},
		"Y4 not a number":             {"a: .nan\n", fault.YAMLNumber, 1},
		"Y4 infinite":                 {"a: -.inf\n", fault.YAMLNumber, 1},
		"Y4 integer over 64 in JSON":  {"{\"a\": 18446744073709551616}", fault.YAMLNumber, 1},
		"Y10 custom tag":              {"a: !!python/object:x {}\n", fault.YAMLTag, 1},
		"Y10 binary":                  {"a: !!binary aGVsbG8=\n", fault.YAMLTag, 1},
		"Y10 local tag":               {"a: !secret x\n", fault.YAMLTag, 1},
		"Y1 marker and comment":       {"a: b\n---#c: d\n", fault.YAML, 2},
		"Y1 marker and text":          {"a: b\n---d\n", fault.YAML, 2},
		"Y1 marker after CR":          {"a: b\n# c\r---\nc: d\n", fault.YAML, 3},
		"Y1 marker after NEL":         {"a: b\u0085---\nc: d\n", fault.YAML, 2},
		"Y1 marker after U+2028":      {"a: b\u2028...\n---\nc: d\n", fault.YAML, 2},
		"Y10 two byte order marks":    {"\ufeff\ufeffa: b\n", fault.YAMLEnc, 0},
		"Y10 joined files":            {"a: b\n---\n\ufeffc: d\n", fault.YAMLEnc, 0},
		"Y10 bare tag and NEL":        {"a: !\u0085\n", fault.YAMLTag, 1},
		"Y10 bare tag":                {"a: b\nc: ! yes\n", fault.YAMLTag, 2},
		"Y10 bare tag on nothing":     {"日本: !\n", fault.YAMLTag, 1},
		"Y10 bare tag and anchor":     {"a: [&x ! 1]\n", fault.YAMLTag, 1},
		"Y10 UTF-16":                  {"\xff\xfea\x00", fault.YAMLEnc, 0},
		"Y10 invalid UTF-8":           {"a: \xc3\x28\n", fault.YAMLEnc, 0},
		"K5 alias cycle in a mapping": {"data: &a\n  k: *a\n", fault.YAMLAlias, 2},
		"K5 alias cycle in a list":    {"a: &a [1, [*a]]\n", fault.YAMLAlias, 1},
		"K5 alias cycle by merge":     {"a: &a\n  <<: *a\n", fault.YAMLAlias, 2},
		"unknown anchor":              {"a: *nowhere\n", fault.YAML, 0},
		"list as a key":               {"? [a]\n: 1\n", fault.YAML, 1},
		"empty key":                   {"~: 1\n", fault.YAML, 1},
		"text after JSON":             {"{\"a\": 1} x", fault.YAML, 0},
		"merge of a word":             {"a:\n  <<: x\n", fault.YAML, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			objects, err := object.Decode("dir/f.yaml", []byte(test.document))
			if err == nil {
				t.Fatalf("decoded to %v, want %s", lines(t, objects), test.code)
			}
			got := fault.Of(err)[0]
			if got.Code != test.code || got.File != "dir/f.yaml" {
				t.Errorf("got %v, want %s in dir/f.yaml", got, test.code)
			}
			if test.line != 0 && got.Line != test.line {
				t.Errorf("line %d, want %d: %v", got.Line, test.line, got)
			}
		})
	}
}

// The smaller the file, the larger the surprise: each of these is under a few
// hundred kilobytes and would expand to gigabytes.
func TestDecodeBoundsExpansion(t *testing.T) {
	var bomb strings.Builder
	bomb.WriteString("x0: &x0 [a,a,a,a,a,a,a,a,a]\n")
	for i := 1; i < 10; i++ {
		previous := string(rune('0' + i - 1))
		current := string(rune('0' + i))
		bomb.WriteString("x" + current + ": &x" + current + " [" + strings.TrimSuffix(strings.Repeat("*x"+previous+",", 9), ",") + "]\n")
	}
	tests := map[string]string{
		"K6 billion laughs":   bomb.String(),
		"Y5 one long anchor":  "a: &a " + strings.Repeat("x", 100_000) + "\nb: [" + strings.TrimSuffix(strings.Repeat("*a,", 3000), ",") + "]\n",
		"Y6 500 deep flow":    strings.Repeat("[", 500) + strings.Repeat("]", 500),
		"Y6 10001 deep flow":  "a: " + strings.Repeat("[", 10_001),
		"Y6 500 deep in JSON": `{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}",
		"many aliases":        "a: &a 1\nb: [" + strings.TrimSuffix(strings.Repeat("*a,", 10_001), ",") + "]\n",
		"long scalar":         "a: " + strings.Repeat("x", object.MaxScalarBytes+1),
	}
	for name, document := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := object.Decode("f.yaml", []byte(document))
			if code := fault.CodeOf(err); code != fault.Limit && code != fault.YAMLAlias {
				t.Errorf("got %v, want a limit", err)
			}
		})
	}
	t.Run("fifty anchors are ordinary", func(t *testing.T) {
		document := "a: &a {k: v}\nb: [" + strings.TrimSuffix(strings.Repeat("*a,", 50), ",") + "]\n"
		if _, err := object.Decode("f.yaml", []byte(document)); err != nil {
			t.Error(err)
		}
	})
}

// Policies and Argo CD must see the same documents, however they are separated.
func TestY1DecodeFindsEveryDocument(t *testing.T) {
	tests := map[string]string{
		"comment behind the separator": "kind: A\n--- # x\nkind: B\n",
		"space behind the separator":   "kind: A\n--- \nkind: B\n",
		"content behind the separator": "kind: A\n--- {kind: B}\n",
		"one stray CRLF":               "kind: A\n---\r\nkind: B\n",
		"end marker":                   "kind: A\n...\n---\nkind: B\n",
		"empty documents":              "---\n---\nkind: A\n---\n# nothing\n---\nkind: B\n---\n",
		"byte order mark":              "\xef\xbb\xbfkind: A\n---\nkind: B\n",
	}
	for name, stream := range tests {
		t.Run(name, func(t *testing.T) {
			objects, err := object.Decode("f.yaml", []byte(stream))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{`{"kind":"A"}`, `{"kind":"B"}`}, lines(t, objects)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A file may end without a line break; for kubectl and Argo CD it has one.
func TestTheLastLineEnds(t *testing.T) {
	for file, want := range map[string]string{
		"a: x\r\r\n  y\r\n": `{"a":"x y"}`,
		"a: |\n  text":      `{"a":"text\n"}`, "a: |\n  text\n": `{"a":"text\n"}`, "a: |-\n  text": `{"a":"text"}`, "a: |+\n  text\n": `{"a":"text\n"}`, "a: text": `{"a":"text"}`,
	} {
		objects, err := object.Decode("f.yaml", []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		if got := lines(t, objects); got[0] != want {
			t.Errorf("%q is read as %s", file, got[0])
		}
	}
}

func TestDecodeKnowsWhereDocumentsBegin(t *testing.T) {
	objects, err := object.Decode("f.yaml", []byte("# first\nkind: A\n---\n\nkind: B\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := []int{objects[0].Line, objects[1].Line}
	if diff := cmp.Diff([]int{2, 5}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
