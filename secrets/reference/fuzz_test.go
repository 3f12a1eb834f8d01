package reference_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// references are all of the guide to references, and what people may mistake
// for one: the seeds of the fuzzer.
func references(t testing.TB) []string {
	t.Helper()
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "references.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("<(?:vault|path):[^>\n]*>").FindAllString(string(guide), -1)
	if len(found) < 5 {
		t.Fatalf("the guide has %d references", len(found))
	}
	return append(found,
		"<vault:kv/a#k>", "<vault:kv/a#k@1 | jsonPath {.a} | base64encode>", "<path:kv/data/a#k#1>", "x<vault:kv/a>y", "<user>", "<user | base64encode>",
		"< vault:a>", "<Vault:kv/a#k>", "<vаult:kv/a#k>", "<vault：kv/a#k>", "<vault:kv/a#k | jsonPath {'>'}>", "<vault:kv/a#k | jsonPath {.a[?(@.x>1)].y}>",
		"<vault:kv/a#k | jsonPath {.a\\}>", "<vault:kv/a#k", "<vault:kv/../a#k>", "<vault:kv/%2e%2e/a#k>", "<vault:kv//a#k>", "<vault:sys/raw/x#k>",
		"<vault:kv/a#k@4294967297>", "<path:kv/data/data/a#k#latest | indent 65>", "<vault:kv/a#k><vault:kv/b#k>", "<<vault:kv/a#k>>", "<a>\n<vault:kv/a#k>",
		"<vault:kv/user@example/db@3#k@2>", "<vault:kv/a\x00b#k>", "<vault:kv/a#k | base64encode | base64decode | sha256sum>",
	)
}

func FuzzFind(f *testing.F) {
	seeds := references(f)
	if len(seeds) < 20 {
		f.Fatalf("%d seeds", len(seeds))
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, annotations := range []reference.Annotations{{}, {Path: "kv/data/a"}} {
			template, _, err := reference.Find(text, annotations)
			var joined strings.Builder
			for _, part := range template {
				if part.Ref == nil {
					joined.WriteString(part.Literal)
					continue
				}
				joined.WriteString(part.Ref.Text)
				for _, path := range part.Ref.LogicalPaths() {
					if strings.Contains(path, "..") && strings.Contains("/"+path+"/", "/../") || strings.Contains(path, "//") {
						t.Errorf("%q refers to the path %q", text, path)
					}
				}
			}
			if template != nil && err == nil && joined.String() != text {
				t.Errorf("the parts of %q give %q", text, joined.String())
			}
			if err != nil && len(err.Error()) > fault.MaxText {
				t.Errorf("the fault has %d bytes", len(err.Error()))
			}
		}
	})
}

// FuzzModify runs chains over any value: whatever it is, there is a result or a
// fault that does not show it.
func FuzzModify(f *testing.F) {
	chains := []string{
		"base64encode", "base64decode", "jsonParse", "yamlParse", "jsonPath {.a}", "jsonPath {range .a[*]}{.b}{end}", "indent 3", "sha256sum",
		"yamlParse | jsonPath {.a[0]}", "base64decode | jsonParse | jsonPath {..b}", "jsonPath {.a[?(@.b>1)].c}",
	}
	for _, seed := range []string{"", "text", "cGFzcw==", `{"a":[{"b":2,"c":"x"}]}`, "a: &x [1, *x]\n", "a: 1\na: 2\n", "- 1\n---\n- 2\n", "\xff\x00", "1e999", "[[[[", "a: !!binary x"} {
		for i := range chains {
			f.Add(seed, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, text string, number uint8) {
		ref, err := reference.Parse("<vault:kv/a#k | " + chains[int(number)%len(chains)] + ">")
		if err != nil {
			t.Fatal(err)
		}
		_, err = reference.Modify(value.FromString(text), ref.Modifiers)
		if err != nil && len(text) >= 8 && !strings.Contains(ref.Text, text) && strings.Contains(err.Error(), text) {
			t.Errorf("the fault shows the value: %v", err)
		}
	})
}
