package reference_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/reference"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// references are all of the guide to references and of the examples, and what
// people may mistake for one: the seeds of the fuzzer.
func references(t testing.TB) []string {
	t.Helper()
	guides := append(corpus.Files(t, "docs/references.md"), corpus.Files(t, "examples/**/*.yaml")...)
	found := regexp.MustCompile("<(?:vault|path|aws-sm|gcp-sm|azure-kv):[^>\n]*>").FindAllString(strings.Join(guides, "\n"), -1)
	if len(found) < 10 {
		t.Fatalf("the guide and the examples have %d references", len(found))
	}
	for _, path := range corpus.Paths() {
		found = append(found, "<vault:kv/"+path+"#k>", "<path:kv/data/"+path+"#k>", "<aws-sm:"+path+"#k>", "<gcp-sm:projects/shop-prod/secrets/"+path+">", "<azure-kv:"+path+">")
	}
	return append(found,
		"<vault:kv/a#k>", "<vault:kv/a#k@1 | jsonPath {.a} | base64encode>", "<path:kv/data/a#k#1>", "x<vault:kv/a>y", "<user>", "<user | base64encode>",
		"< vault:a>", "<Vault:kv/a#k>", "<vаult:kv/a#k>", "<vault：kv/a#k>", "<vault:kv/a#k | jsonPath {'>'}>", "<vault:kv/a#k | jsonPath {.a[?(@.x>1)].y}>",
		"<vault:kv/a#k | jsonPath {.a\\}>", "<vault:kv/a#k", "<vault:kv/../a#k>", "<vault:kv/%2e%2e/a#k>", "<vault:kv//a#k>", "<vault:sys/raw/x#k>",
		"<vault:kv/a#k@4294967297>", "<path:kv/data/data/a#k#latest | indent 65>", "<vault:kv/a#k><vault:kv/b#k>", "<<vault:kv/a#k>>", "<a>\n<vault:kv/a#k>",
		"<vault:kv/user@example/db@3#k@2>", "<vault:kv/a\x00b#k>", "<vault:kv/a#k | base64encode | base64decode | sha256sum>",
		// Half references, and references that stand in each other.
		"<vault:", "<path:kv/data/a", "<vault:kv/a#k\n>", "<vault:kv/a#k |\nbase64encode>", "<path:kv/data/a\n#k>", "<vault:kv/<vault:kv/a#k>#k>", "<vault:kv/a#k | jsonPath {>", "<path:kv/data/a#k <vault:kv/a#k>",
		"https://h/?t=<vault:kv/a#k>&u=<path:kv/data/b#k>", "<vault:kv/a#k> ", "<vault:kv/a#k>\n", "<user<vault:kv/a#k>", "<SYS:raw/x#k>", "<vault:SYS/raw/x#k>", "<path:sys/data/x#k>",
		// Other stores.
		"<aws-sm:team-a/db#password>", "<aws-sm:"+completeARN+"#k#AWSPREVIOUS>", "<aws-sm:a##"+awsVersion+">", "<gcp-sm:a#k#3>", "<gcp-sm:projects/shop-prod/secrets/a>", "<azure-kv:a#k#"+azureVersion+">",
		"<aws-sm:a#k | jsonPath {.a[?(@.x>1)].y}>", "<aws_sm:a#k>", "<AWS-SM:a>", "< azure-kv :a>", "<gcp-ms:a>", "<aws-sm:", "<aws-sm:a<gcp-sm:b>", "<vault:kv/a#k><aws-sm:b#k>", "<аws-sm:a>", "<aws-sm:a\n>",
		"<vault:kv/a#k"+strings.Repeat(" | base64encode", 9)+">", "<vault:kv/"+strings.Repeat("a/", 20)+"b#k>", "<vault:kv/a#"+strings.Repeat("k", 3000)+">",
	)
}

// sound is a path that no client cleans and no server reads in another way.
var sound = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._@-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9._@-]{0,127})+$`)

// pointing is how a reference to another store begins, and plain what its name and
// version consist of.
var (
	pointing = regexp.MustCompile(`^<(?:aws-sm|gcp-sm|azure-kv):`)
	plain    = regexp.MustCompile(`^[A-Za-z0-9/_+=.@:-]+$`)
)

// FuzzFind looks for references in any text. What it cuts out is a reference by
// itself and refers to a sound path, all parts together are the text, nothing
// that is left over is a reference, and what stands around a reference changes
// nothing about it.
func FuzzFind(f *testing.F) {
	corpus.Add(f, references(f)...)
	f.Fuzz(func(t *testing.T, text string) {
		for _, annotations := range []reference.Annotations{{}, {Path: "kv/data/a"}} {
			template, _, err := reference.Find(text, annotations)
			if err != nil {
				checkFault(t, err)
				continue
			}
			var joined strings.Builder
			for _, part := range template {
				if part.Ref == nil {
					joined.WriteString(part.Literal)
					checkLiteral(t, part.Literal, annotations)
					continue
				}
				joined.WriteString(part.Ref.Text)
				checkReference(t, part.Ref, annotations)
			}
			if template != nil && joined.String() != text {
				t.Errorf("the parts of %q give %q", text, joined.String())
			}
		}
	})
}

func checkFault(t *testing.T, err error) {
	t.Helper()
	for _, one := range fault.Of(err) {
		if one.Code != fault.RefSyntax && one.Code != fault.Forbidden && one.Code != fault.Modifier || one.Fix == "" {
			t.Errorf("the fault %v", one)
		}
	}
	if text := err.Error(); len(text) > fault.MaxText || !utf8.ValidString(text) {
		t.Errorf("the fault has %d bytes: %q", len(text), text)
	}
}

func checkLiteral(t *testing.T, literal string, annotations reference.Annotations) {
	t.Helper()
	if template, _, err := reference.Find(literal, annotations); template != nil || err != nil {
		t.Errorf("the literal text %q is more than that: %v, %v", literal, template, err)
	}
}

func checkReference(t *testing.T, ref *reference.Reference, annotations reference.Annotations) {
	t.Helper()
	for _, path := range ref.LogicalPaths() {
		mount, _, _ := strings.Cut(strings.ToLower(path), "/")
		if !sound.MatchString(path) || strings.Count(path, "/") >= reference.MaxSegments || slices.Contains([]string{"sys", "auth", "identity", "cubbyhole"}, mount) {
			t.Errorf("%q refers to the path %q", ref.Text, path)
		}
	}
	if ref.Points() != pointing.MatchString(ref.Text) || ref.Points() && (len(ref.Modifiers) > 0 || !plain.MatchString(ref.Name()+ref.Label)) {
		t.Errorf("%q points to %q of %q at %q", ref.Text, ref.Name(), ref.Store, ref.Label)
	}
	if (ref.Dialect == reference.Native || ref.Points()) && strings.Contains(ref.Text, "\n") {
		t.Errorf("%q is a reference over two lines", ref.Text)
	}
	if ref.Dialect != reference.Generic {
		again, err := reference.Parse(ref.Text)
		if diff := cmp.Diff(ref, again); err != nil || diff != "" {
			t.Errorf("%q alone: %v\n%s", ref.Text, err, diff)
		}
	}
	for _, around := range []struct{ before, after string }{{"a: \"", "\"\n"}, {">", "<"}, {"}'", "{'"}, {"", ">"}} {
		template, _, err := reference.Find(around.before+ref.Text+around.after, annotations)
		if refs := template.References(); err != nil || len(refs) != 1 || cmp.Diff(ref, refs[0]) != "" {
			t.Errorf("%q between %q and %q: %v, %v", ref.Text, around.before, around.after, err, refs)
		}
	}
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
