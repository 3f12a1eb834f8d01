package reference_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text string
		want reference.Reference
	}{
		{"<vault:kv/demo/db#password>", reference.Reference{Dialect: reference.Native, Path: "kv/demo/db", Key: "password"}},
		{"<vault:kv/demo/db#password@3>", reference.Reference{Dialect: reference.Native, Path: "kv/demo/db", Key: "password", Version: 3}},
		{"<vault:kv/demo/db>", reference.Reference{Dialect: reference.Native, Path: "kv/demo/db"}},
		{"<vault:kv/demo/db@2>", reference.Reference{Dialect: reference.Native, Path: "kv/demo/db", Version: 2}},
		{"<vault:kv/user@example/db#tls.key>", reference.Reference{Dialect: reference.Native, Path: "kv/user@example/db", Key: "tls.key"}},
		{"<vault:kv/data/db#a/b:c>", reference.Reference{Dialect: reference.Native, Path: "kv/data/db", Key: "a/b:c"}},
		{"<vault:kv/demo/db#json | jsonPath {.a}{'|'}{.b} | base64encode>", reference.Reference{
			Dialect: reference.Native, Path: "kv/demo/db", Key: "json",
			Modifiers: []reference.Modifier{{Name: "jsonPath", Args: "{.a}{'|'}{.b}"}, {Name: "base64encode"}},
		}},
		{"<vault:kv/demo/db#json|jsonPath {.a[?(@.x>1)].y}|indent 2>", reference.Reference{
			Dialect: reference.Native, Path: "kv/demo/db", Key: "json",
			Modifiers: []reference.Modifier{{Name: "jsonPath", Args: "{.a[?(@.x>1)].y}"}, {Name: "indent", Args: "2"}},
		}},
		{"<path:kv/data/demo/db#password>", reference.Reference{Dialect: reference.Path, Path: "kv/data/demo/db", Key: "password"}},
		{"<path:kv/data/demo/db#password#4 | base64encode>", reference.Reference{
			Dialect: reference.Path, Path: "kv/data/demo/db", Key: "password", Version: 4,
			Modifiers: []reference.Modifier{{Name: "base64encode"}},
		}},
		{"<path:kv/data/demo/db# my key >", reference.Reference{Dialect: reference.Path, Path: "kv/data/demo/db", Key: "my key"}},
	} {
		t.Run(test.text, func(t *testing.T) {
			got, err := reference.Parse(test.text)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Text = test.text
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestV1PathSpellings feeds the spellings with which a path can mean another
// one to the client, to a proxy or to Vault.
func TestV1PathSpellings(t *testing.T) {
	paths := []string{
		"kv/../kv2/x", "kv/./x", "kv/..", "kv//x", "/kv/x", "kv/x/", "kv/%2e%2e/x", "kv/%252e/x", "kv/a%2Fb",
		`kv/a\b`, "kv/a;b", "kv/a?b", "kv/a b", "kv/a\tb", "kv/a\x00b", "kv/a\u2025b", "kv/\uff0e\uff0e/x",
		"kv/" + strings.Repeat("a", 600), "", "kv", "kv/", "kv/-x", "kv/.x", "kv/...", "kv/a:b", "kv/é", "kv/a*b", "kv/a+b", "kv/+/x",
		"kv" + strings.Repeat("/a", 16),
		"sys/mounts", "auth/token", "cubbyhole/x", "identity/oidc", "SYS/raw",
	}
	for _, path := range paths {
		for _, text := range []string{"<vault:" + path + "#k>", "<path:" + path + "#k>", "<vault:" + path + ">"} {
			_, err := reference.Parse(text)
			if code := fault.CodeOf(err); code != fault.RefSyntax && code != fault.Forbidden {
				t.Errorf("Parse(%q) = %v, want E_REF_SYNTAX or E_FORBIDDEN", text, err)
			}
		}
		if _, err := reference.ParseAnnotations(map[string]string{"avp.kubernetes.io/path": path}); err == nil && path != "" {
			t.Errorf("the annotation takes the path %q", path)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"<vault:kv/db#>", "<vault:kv/db#a#b>", "<vault:kv/db#a@0>", "<vault:kv/db#a@>", "<vault:kv/db#a@99999999999>", "<vault:kv/db#a b>",
		"<vault:kv/db#k?namespace=root>x", "<vault: kv/db#a>", "<vault:kv/db #a>", "<vault:kv/db#a", "<vault:kv/db | base64encode>",
		"<vault:kv/db#a | >", "<vault:kv/db#a | nope>", "<vault:kv/db#a | Base64Encode>", "<vault:kv/db#a | base64encode x>",
		"<vault:kv/db#a | indent>", "<vault:kv/db#a | indent -1>", "<vault:kv/db#a | indent 999999>", "<vault:kv/db#a | jsonPath>", "<vault:kv/db#a | jsonPath {.a>",
		"<vault:kv/db#a" + strings.Repeat(" | sha256sum", 9) + ">", "<vault:kv/db#" + strings.Repeat("k", 300) + ">",
		"<path:kv/data/db>", "<path:kv/data/db#k#latest>", "<path:kv/data/db#k#1#2>", "<path:kv/data/db##1>", "vault:kv/db#a", "<other:kv/db#a>",
	} {
		if _, err := reference.Parse(text); err == nil {
			t.Errorf("Parse(%q) succeeds", text)
		}
	}
}

func TestFind(t *testing.T) {
	generic := reference.Annotations{Path: "kv/data/demo/db"}
	for _, test := range []struct {
		name        string
		text        string
		annotations reference.Annotations
		want        string
	}{
		{name: "whole", text: "<vault:kv/a#k>", want: "[<vault:kv/a#k>]"},
		{name: "inside a longer text", text: "postgres://<vault:kv/a#u>:<vault:kv/a#p>@db/x?a=b", want: "postgres://[<vault:kv/a#u>]:[<vault:kv/a#p>]@db/x?a=b"},
		{name: "lines", text: "a: <vault:kv/a#u>\nb: <path:kv/data/a#p>\n", want: "a: [<vault:kv/a#u>]\nb: [<path:kv/data/a#p>]\n"},
		{name: "adjacent", text: "<vault:kv/a#u><vault:kv/a#p>", want: "[<vault:kv/a#u>][<vault:kv/a#p>]"},
		{name: "other brackets", text: "<a><b>1</b> < 3 <path:x> <vault", want: ""},
		{name: "generic", text: "<user>:<pass | base64encode>", annotations: generic, want: "[<user>]:[<pass | base64encode>]"},
		{name: "generic beside a path", text: "<user>:<path:kv/data/b#p>", annotations: generic, want: "[<user>]:[<path:kv/data/b#p>]"},
		{name: "generic without annotation", text: "<user>:<pass>", want: ""},
		{name: "ignored", text: "<vault:kv/a#k> <path:kv/data/a#k>", annotations: reference.Annotations{Ignore: true}, want: ""},
		{name: "a filter with >", text: "x<vault:kv/a#k | jsonPath {.a[?(@.b>1)].c}>y", want: "x[<vault:kv/a#k | jsonPath {.a[?(@.b>1)].c}>]y"},
	} {
		t.Run(test.name, func(t *testing.T) {
			template, _, err := reference.Find(test.text, test.annotations)
			if err != nil {
				t.Fatal(err)
			}
			var shown strings.Builder
			for _, part := range template {
				shown.WriteString(part.Literal)
				if part.Ref != nil {
					shown.WriteString("[" + part.Ref.Text + "]")
				}
			}
			if diff := cmp.Diff(test.want, shown.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFindReportsAllFaults(t *testing.T) {
	_, _, err := reference.Find("<vault:kv/../x#k> <vault:kv/a#k> <vault:kv/b#k | nope> <Vault:kv/c#k> < vault :kv/c#k> <vault:kv/d#k", reference.Annotations{})
	var codes []fault.Code
	for _, f := range fault.Of(err) {
		codes = append(codes, f.Code)
	}
	want := []fault.Code{fault.RefSyntax, fault.Modifier, fault.RefSyntax, fault.RefSyntax, fault.RefSyntax}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("(-want +got):\n%s\n%v", diff, err)
	}
}

// A reference that does not end runs into the text behind it, which may hold a
// password, and the message is shown where many can read it.
func TestNoTextBehindAReferenceIsShown(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://<vault:kv/db#user:hunter2@db.example/x":            `"<vault:kv/db" has no closing > on its line`,
		"postgres://<vault:kv/db#user:hunter2@<vault:kv/db#host>:5432": `"<vault:kv/db" has no closing > on its line`,
		"<vault:kv:hunter2@host":                                       `"<vault:kv" has no closing > on its line`,
		"<vault:kv/db hunter2\n>":                                      `"<vault:kv/db" has no closing > on its line`,
	} {
		_, _, err := reference.Find(text, reference.Annotations{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Find(%q) says %v, want %s", text, err, want)
		}
	}
	if _, err := reference.Parse("<path:kv/data/db#user:hunter2@db"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Parse says %v", err)
	}
	_, looked, _ := reference.Find("<vаult:kv/db#hunter2", reference.Annotations{})
	if len(looked) != 1 || looked[0] != "<vаult:kv/db" {
		t.Errorf("Find remarks %q", looked)
	}
}

func TestR6LookalikeIsTextAndReported(t *testing.T) {
	for _, text := range []string{"<vаult:kv/a#k>", "<ｖault:kv/a#k>", "<vault：kv/a#k>", "<рath:kv/data/a#k>"} {
		template, looked, err := reference.Find(text, reference.Annotations{})
		if template != nil || err != nil || len(looked) != 1 {
			t.Errorf("Find(%q) = %v, %q, %v; want a text and one remark", text, template, looked, err)
		}
	}
	if _, looked, _ := reference.Find("<été: naïve> <ваult", reference.Annotations{}); len(looked) != 0 {
		t.Errorf("ordinary text is reported: %q", looked)
	}
}

func TestLogicalPaths(t *testing.T) {
	for text, want := range map[string][]string{
		"<vault:kv/data/db#k>":             {"kv/data/db"},
		"<path:kv/data/team/db#k>":         {"kv/data/team/db", "kv/team/db"},
		"<path:kv1/team/db#k>":             {"kv1/team/db"},
		"<path:secret/team/data/data/x#k>": {"secret/team/data/data/x", "secret/team/data/x", "secret/team/data/x"},
	} {
		ref, err := reference.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, ref.LogicalPaths()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestModifiers(t *testing.T) {
	text := func(s string) value.Value { return value.FromString(s) }
	object, err := value.FromJSON([]byte(`{"user":"u","n":12345678901,"f":1.50,"on":true,"list":[{"x":1,"y":"a"},{"x":2,"y":"b"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	number, _ := value.FromJSON([]byte("12345678901234567890"))
	for _, test := range []struct {
		name  string
		input value.Value
		chain string
		want  string
		kind  value.Kind
	}{
		{"base64encode", text("pass\x00\xff"), "base64encode", "cGFzcwD/", value.Text},
		{"base64encode of a number", number, "base64encode", base64.StdEncoding.EncodeToString([]byte("12345678901234567890")), value.Text},
		{"base64decode", text("cGFzcw=="), "base64decode", "pass", value.Text},
		{"round trip", text("x"), "base64encode | base64decode", "x", value.Text},
		{"sha256sum", text("foo"), "sha256sum", "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", value.Text},
		{"jsonPath on text", text(`{"a":{"b":"c"}}`), "jsonPath {.a.b}", "c", value.Text},
		{"jsonPath with literals", object, "jsonPath {.user}{':'}{.on}", "u:true", value.Text},
		{"jsonPath keeps numbers", object, "jsonPath {.n} {.f}", "12345678901 1.50", value.Text},
		{"jsonPath filter", object, "jsonPath {.list[?(@.x>1)].y}", "b", value.Text},
		{"jsonPath of an object", object, "jsonPath {.list[0]}", `{"x":1,"y":"a"}`, value.Text},
		{"jsonParse", text(`{"a": 1.0}`), "jsonParse", `{"a":1.0}`, value.Object},
		{"jsonParse of a number", text("3"), "jsonParse", "3", value.Number},
		{"yamlParse", text("a: 1\nb: [x]\n"), "yamlParse", `{"a":1,"b":["x"]}`, value.Object},
		{"yamlParse and jsonPath", text("user: u\npass: p\n"), "yamlParse | jsonPath {.user}{':'}{.pass}", "u:p", value.Text},
		{"yamlParse keeps digits", text("num: 9007199254740993"), "yamlParse", `{"num":9007199254740993}`, value.Object},
		{"yamlParse as Kubernetes reads it", text("[yes, 017, ~, 2024-01-02]"), "yamlParse", `[true,15,null,"2024-01-02"]`, value.List},
		{"indent", text("a\nb\nc"), "indent 2", "a\n  b\n  c", value.Text},
		{"indent keeps empty lines and depth", text("a:\n  b\n\nc\n"), "indent 2", "a:\n    b\n\n  c\n", value.Text},
	} {
		t.Run(test.name, func(t *testing.T) {
			ref, err := reference.Parse("<vault:kv/a#k | " + test.chain + ">")
			if err != nil {
				t.Fatal(err)
			}
			got, err := reference.Modify(test.input, ref.Modifiers)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Reveal()) != test.want || got.Kind() != test.kind {
				t.Errorf("got %s %q, want %s %q", got.Kind(), got.Reveal(), test.kind, test.want)
			}
		})
	}
}

// TestY9ModifierFaultsShowNoValue runs every modifier on values that it cannot
// take and looks for the value in what it says.
func TestY9ModifierFaultsShowNoValue(t *testing.T) {
	const canary = "hunter2pw1"
	object, _ := value.FromJSON([]byte(`{"` + canary + `":"` + canary + `"}`))
	for _, input := range []value.Value{value.FromString(canary + "!"), value.FromString("{" + canary), value.FromString("a: *" + canary), object} {
		for _, chain := range []string{"base64decode", "jsonParse", "yamlParse", "jsonPath {.missing}", "jsonPath {.a[5]}", "base64encode | jsonPath {.a}", "indent 2 | jsonParse"} {
			ref, err := reference.Parse("<vault:kv/a#k | " + chain + ">")
			if err != nil {
				t.Fatal(err)
			}
			if _, err = reference.Modify(input, ref.Modifiers); err != nil && strings.Contains(err.Error(), canary[:8]) {
				t.Errorf("%s shows the value: %v", chain, err)
			}
		}
	}
}
