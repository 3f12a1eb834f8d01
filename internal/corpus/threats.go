package corpus

import (
	"fmt"
	"strings"
)

// YAML returns documents that were made to do harm to a reader of YAML: what
// expands without end or to a size that nobody expects, what two readers
// understand in two ways, and what is in no encoding. None has more than a few
// kilobytes.
func YAML() []string {
	return []string{
		"", "---", "--- ---\n", "\x00", "- a\n", "hello\n", "a: {b: 1\n", "a:\n\tb: 1\n", "a: [\n", "? [a]\n: b\n", "~: 1\n",
		// Aliases: cycles, none, many.
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: &a\n  k: *a\n", "a: &a [*a]\n", "a: &a [1, [*a]]\n", "a: &a\n  <<: *a\n", "a: *nowhere\n",
		"a: &a {k: *b}\nb: &b {k: *a}\n", Laughs(7, 9), "a: &a 1\nb: [" + strings.Repeat("*a,", 200) + "]\n", "&k x: 1\n*k : 2\n",
		"a: &a " + strings.Repeat("x", 1000) + "\nb: [" + strings.Repeat("*a,", 300) + "]\n",
		// Keys that stand twice, and merges that hide one.
		"spec:\n  privileged: true\n  privileged: false\n", `{"a":1,"a":2}`, "a: &k x\nx: 1\n*k : 2\n", "1: a\n\"1\": b\n", "true: a\nyes: b\n",
		"base: &x {a: 1}\nuse: {<<: *x, a: 2}\n", "base: &x {a: 1}\nuse: {a: 2, <<: *x}\n", "a: {<<: [{b: 1}, {b: 2}]}\n", "a: {<<: x}\n", "a: {\"<<\": {b: 1}}\n",
		// Scalars that two versions of YAML read in two ways.
		"a: yes\nb: 017\nc: 0o17\nd: 1_000\ne: 1e400\nf: 190:20:30\n", "a: .inf\nb: -.inf\nc: .nan\n", "a: 9007199254740993\n", "a: 18446744073709551616\n",
		"a: -9223372036854775809\n", "a: 08\nb: 0x1F\nc: 0b11\nd: +1\n", "a: 1.0\nb: 1.\nc: .5\nd: 1e3\ne: -0.0\n", "a: ~\nb: Null\nc:\n", "a: 2001-12-14t21:59:43.10-05:00\n",
		`{"a":1e999}`, `{"a":1.0,"b":-0,"c":01}`, `{"a":"\ud800"}`,
		// Tags, directives, encodings.
		"a: !!python/object:x {}\n", "a: !!binary aGVsbG8=\n", "a: !secret x\n", "a: !!str true\nb: !!int '3'\nc: !!float 1\n", "%YAML 1.2\n---\na: b\n", "%YAML 9.9\n---\na: b\n",
		"%TAG ! tag:x,2000:\n---\na: !b c\n", "\ufeffa: b\n", "\xff\xfea\x00:\x00 \x00b\x00", "\xfe\xff\x00a\x00:", "a: \xc3\x28\n", "a: \"\\x76ault\\u00e9\\U0001F600\"\n", "a: \u2028b\u0085c\n",
		// Where a document ends.
		"kind: A\n--- # x\nkind: B\n", "kind: A\n--- \nkind: B\n", "kind: A\n---\r\nkind: B\n", "kind: A\n...\n---\nkind: B\n", "kind: A\n--- {kind: B}\n", "a: b\r\n---\r\nc: d\r\n",
		"a: |\n  x\n  ---\n  kind: B\n", "a: 'x\n\n---\n\nkind: B'\n", "a: b\n---\n\n---\nnull\n---\n# nothing\n---\nc: d\n", "{\"kind\":\"A\"}\n{\"kind\":\"B\"}\n", "{\"kind\":\"A\"}\n---\n{\"kind\":\"B\"}\n",
		"kind: A\r---\rkind: B\n", "kind: A\u0085---\nkind: B\n", "kind: A\n---# x\nkind: B\n", "kind: A\n---\n\ufeffkind: B\n", "a: x\r\r\n  y\r\n", "a: |\n  x", "a: ! yes\n", "1.23456789: a\n",
		"{kind: A}\n", "{\"kind\":\"A\"} # x\n",
		// Depth.
		"a: " + strings.Repeat("[", 120) + strings.Repeat("]", 120), strings.Repeat("- ", 120) + "x\n", `{"a":` + strings.Repeat("[", 120) + strings.Repeat("]", 120) + "}",
		// What is a list for Argo CD.
		"kind: ConfigMap\nitems: [{kind: ClusterRoleBinding}]\n", "kind: List\nitems: [{kind: List, items: [{kind: A}]}, {kind: B}]\n", "kind: List\nitems: {}\n",
		"kind: List\nitems: null\n", "kind: List\nitems: [null, 1]\n", "kind: List\nitems: []\nspec: {}\n", "kind: PodList\nitems: null\nspec: {}\n",
		// Text that wants to leave its place.
		"kind: ConfigMap\ndata: {a: \"\\n---\\nkind: Pod\\n\"}\n", "a: \"\\u001b[31m\\u202e\"\n", "\"a\\nb\": c\n", "a: {{ .Values.x }}\n", "metadata: {name: \"a\\n{\\\"level\\\":\\\"info\\\"}\"}\n",
	}
}

// Laughs returns the document that is small and expands to width to the power
// of depth.
func Laughs(depth, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "x0: &x0 [%s]\n", strings.TrimSuffix(strings.Repeat("a,", width), ","))
	for i := 1; i < depth; i++ {
		fmt.Fprintf(&b, "x%d: &x%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*x%d,", i-1), width), ","))
	}
	return b.String()
}

// Paths returns spellings of paths with which a name leaves the place where it
// was checked, or means one file here and another one there.
func Paths() []string {
	return []string{
		"../x", "..", ".", "", "/", "/x", "a/../../x", "a/../b", "a/..", "a//b", "a/./b", "./a/b", "./../x", ".//x", "a/", "a/b/", `a\..\x`, `..\x`, "C:/x", "c:x",
		"%2e%2e/x", "%252e%252e/x", "a%2Fb", "a/.../b", "a/..;/b", "a;b", "a?b", "a#b", "a b", "a\nb", "a\x00b", "a\x7fb", "a\u2025b", "\uff0e\uff0e/x", "\u2024\u2024/x",
		"-x", "~/x", "$HOME/x", "a\xffb", "ä/b", "a\u0308/b", ".git/config", ".GIT/config", "a/.git/hooks/x", "sys/raw/x", "auth/token/create", "cubbyhole/x", "identity/oidc/token/x",
		strings.Repeat("n", 300), strings.Repeat("d/", 40) + "x", strings.Repeat("n", 1025),
	}
}
