package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

const good = "package main\ndeny contains \"no\" if input.bad\n"

func files(pairs ...string) []bundle.Source {
	fs := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fs[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return []bundle.Source{{Name: "p", FS: fs}}
}

func TestP1PoliciesThatCouldNeverDenyDoNotLoad(t *testing.T) {
	tests := map[string]struct{ policy, want string }{
		"deny is true":             {"package main\ndeny := true if input.bad", "the type boolean"},
		"deny defaults to false":   {"package main\ndefault deny := false\ndeny if input.bad", "the type boolean"},
		"v1 deny without contains": {"package main\ndeny if input.bad", "the type boolean"},
		"v0 deny without a key":    {"package main\ndeny { input.bad }", "the type boolean"},
		"deny[msg] with if":        {"package main\ndeny[msg] if { input.bad; msg := \"m\" }", "instead of a set of messages"},
		"deny is an object":        {"package main\ndeny := {\"msg\": \"x\"} if input.bad", "the type object"},
		"deny is a string":         {"package main\ndeny := \"x\" if input.bad", "the type string"},
		"deny contains a number":   {"package main\ndeny contains 5", "the type number"},
		"deny contains true":       {"package main\ndeny contains true if input.bad", "the type boolean"},
		"deny contains nothing":    {"package main\ndeny contains \"\"", "an empty message"},
		"a false else":             {"package main\ndeny := {\"m\"} if input.bad\nelse := false", "the type boolean"},
		"deny.part contains":       {"package main\ndeny.part contains \"m\" if input.bad", "a name with parts"},
		"a function":               {"package main\ndeny_x(y) := {\"m\"} if y == 1\ndeny contains \"m\" if input.bad", "is a function"},
		"a name that is ignored":   {"package main\ndeny_ contains \"m\" if input.bad", "would never be asked"},
		"a capital name":           {"package main\nDeny contains \"m\" if input.bad", "would never be asked"},
		"no rules":                 {"package main\nallow if input.good", "would let everything pass"},
		"only a comment":           {"# nothing", "empty module"},
		"no Rego":                  {"kind: Deployment", "p.rego"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load("b", files("p.rego", test.policy), bundle.Options{})
			if fault.CodeOf(err) != fault.PolicyLoad || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s with %q", err, fault.PolicyLoad, test.want)
			}
		})
	}
}

func TestP3BuiltinsThatReachOutDoNotLoad(t *testing.T) {
	calls := map[string]string{
		"http.send":           `http.send({"url": "http://h", "method": "get"}).status_code == 200`,
		"http.send by with":   `count("x") == 1 with count as http.send`,
		"net.lookup_ip_addr":  `net.lookup_ip_addr("h") == set()`,
		"opa.runtime":         `opa.runtime().env.X == "y"`,
		"io.jwt.encode_sign":  `io.jwt.encode_sign({}, {}, {}) == ""`,
		"rand.intn":           `rand.intn("x", 5) == 1`,
		"uuid.rfc4122":        `uuid.rfc4122("x") == ""`,
		"time.now_ns":         `time.now_ns() > 1`,
		"json.match_schema":   `json.match_schema({}, {"$ref": "http://h/s.json"})[0]`,
		"json.verify_schema":  `json.verify_schema({"$ref": "http://h/s.json"})[0]`,
		"parse_config_file":   `parse_config_file("../../outside.json").x`,
		"parse_config":        `parse_config("jsonnet", "{a: importstr '/etc/hostname'}").a`,
		"bits.lsh":            `bits.lsh(1, 4000000000) > 1`,
		"net.cidr_expand":     `count(net.cidr_expand("10.0.0.0/8")) > 1`,
		"yaml.unmarshal":      `yaml.unmarshal(input.x).y`,
		"rego.parse_module":   `rego.parse_module("x", "package x")`,
		"providers.aws":       `providers.aws.sign_req({}, {}, 1)`,
		"a removed builtin":   `re_match_all("a", "b")`,
		"crypto.x509":         `crypto.x509.parse_certificates("x")`,
		"graphql.parse_query": `graphql.parse_query("x")`,
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load("b", files("p.rego", "package main\n\ndeny contains \"m\" if {\n\t"+call+"\n}\n"), bundle.Options{})
			list := fault.Of(err)
			if len(list) == 0 || list[0].Code != fault.PolicyLoad || list[0].File != "p/p.rego" || list[0].Line != 4 {
				t.Errorf("got %v, want %s at p/p.rego:4", err, fault.PolicyLoad)
			}
		})
	}
}

func TestPrintIsErasedNotRefused(t *testing.T) {
	if _, err := bundle.Load("b", files("p.rego", "package main\ndeny contains \"m\" if { print(input); input.bad }"), bundle.Options{}); err != nil {
		t.Error(err)
	}
}

func TestNamespaces(t *testing.T) {
	sources := files("a.rego", good, "b.rego", "package team.web\nwarn contains \"w\" if input.bad", "lib.rego", "package lib\nx := 1")
	tests := map[string]struct {
		namespaces []string
		want       []string
		fails      string
	}{
		"none asks every package with rules": {nil, []string{"main/deny", "team.web/warn"}, ""},
		"one":                                {[]string{"main"}, []string{"main/deny"}, ""},
		"a wildcard":                         {[]string{"team.*"}, []string{"team.web/warn"}, ""},
		"a missing one":                      {[]string{"main", "typo"}, nil, `namespace "typo"`},
		"one without rules":                  {[]string{"lib"}, nil, `namespace "lib"`},
		"a broken pattern":                   {[]string{"["}, nil, "not a valid pattern"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b, err := bundle.Load("b", sources, bundle.Options{Namespaces: test.namespaces})
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("got %v, want %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, rule := range b.Rules() {
				ids = append(ids, rule.ID())
			}
			if diff := cmp.Diff(test.want, ids); diff != "" {
				t.Errorf("rules (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDataThatIsWrongStopsTheStart(t *testing.T) {
	tests := map[string]struct {
		data []bundle.Source
		want string
	}{
		"not YAML":        {files("d/x.yaml", "a: 1\nb: [1\nc: 2"), "p/d/x.yaml:"},
		"a duplicate key": {files("x.yaml", "a: 1\na: 2"), "already set"},
		"two files":       {files("x.yaml", "a: 1", "y.yaml", "a: 2"), "data.a is set by an earlier"},
		"a list at root":  {files("x.yaml", "- 1"), "must be a mapping"},
		"a reserved root": {files("x.yaml", "request: {}"), "data.request is reserved"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := bundle.Load("b", files("p.rego", good), bundle.Options{Data: test.data})
			if fault.CodeOf(err) != fault.PolicyLoad || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestCompileFaultsAreLocated(t *testing.T) {
	_, err := bundle.Load("b", files("a.rego", good, "z.rego", "package other\n\ndeny contains msg if {\n\tundefined_thing(input)\n}\n"), bundle.Options{})
	if err == nil || !strings.Contains(err.Error(), "p/z.rego:") {
		t.Errorf("got %v, want a place in p/z.rego", err)
	}
}

func TestDigestNamesTheContent(t *testing.T) {
	digest := func(sources []bundle.Source, options bundle.Options) string {
		t.Helper()
		b, err := bundle.Load("b", sources, options)
		if err != nil {
			t.Fatal(err)
		}
		return b.Digest()
	}
	base := digest(files("p.rego", good), bundle.Options{})
	elsewhere := files("p.rego", good)
	elsewhere[0].Name = "/somewhere/else"
	if got := digest(elsewhere, bundle.Options{}); got != base {
		t.Errorf("the digest depends on the place: %s and %s", base, got)
	}
	others := map[string]string{
		"policy":     digest(files("p.rego", good+"# more\n"), bundle.Options{}),
		"file name":  digest(files("q.rego", good), bundle.Options{}),
		"data":       digest(files("p.rego", good), bundle.Options{Data: files("d.yaml", "a: 1")}),
		"parameters": digest(files("p.rego", good), bundle.Options{Parameters: map[string]any{"a": 1}}),
		"namespaces": digest(files("p.rego", good), bundle.Options{Namespaces: []string{"main"}}),
		"version":    digest(files("p.rego", good), bundle.Options{Version: bundle.V1}),
	}
	seen := map[string]string{base: "base"}
	for name, d := range others {
		if other, twice := seen[d]; twice {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
}

func TestMountedConfigMapIsReadOnce(t *testing.T) {
	dir := t.TempDir()
	version := filepath.Join(dir, "..2024_01_01")
	if err := os.Mkdir(version, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(version, "p.rego"), []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"..data": "..2024_01_01", "p.rego": "..data/p.rego"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bundle.Load("b", []bundle.Source{bundle.Dir(dir)}, bundle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rules := b.Rules(); len(rules) != 1 || rules[0].Bodies != 1 {
		t.Errorf("got %+v, want one rule with one body", rules)
	}
}

func TestMissingDirectoryIsAFault(t *testing.T) {
	_, err := bundle.Load("b", []bundle.Source{bundle.Dir(filepath.Join(t.TempDir(), "none"))}, bundle.Options{})
	if fault.CodeOf(err) != fault.PolicyLoad {
		t.Errorf("got %v", err)
	}
}
