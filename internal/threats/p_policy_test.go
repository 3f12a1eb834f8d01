package threats

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// rules are settings with one bundle of a policy.
func rules(t testing.TB, text string) settings {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "p.rego"), []byte(text), 0o600))
	return settings{policy: "{bundles: [{directory: " + dir + "}]}"}
}

// load starts a sidecar with a policy, and returns what it says where it refuses.
func load(t testing.TB, text string) (refusal string) {
	t.Helper()
	with := rules(t, text)
	s := prepare(t, with)
	with.broken = true
	s.run(t, with)
	return s.log.String()
}

// conftest lets all of these pass.
func TestP1PoliciesThatSayNothingDeny(t *testing.T) {
	row(t)
	for what, text := range map[string]string{
		"a number": "deny contains 5", "an empty text": `deny contains ""`, "an object without a set": `deny := {"msg": "x"} if input.kind`,
		"a builtin that fails": `deny contains "x" if to_number(input.data.a) > 3`,
	} {
		t.Run(what, func(t *testing.T) {
			s := prepare(t, rules(t, "package main\n\n"+text+"\n"))
			if out := s.tryLoad(t); out != "" {
				if !strings.Contains(out, "E_POLICY_LOAD") {
					t.Errorf("the sidecar says %.300s", out)
				}
				return
			}
			if a := s.ask(t, files{"app/a.yaml": configMap}); a.code() != "E_POLICY_ENGINE" && a.code() != "E_POLICY" {
				t.Errorf("the answer is %.300q", a.text())
			}
		})
	}
	for what, text := range map[string]string{"true": "deny := true if input.kind", "no rule": "allow := true", "nothing": "# empty"} {
		if out := load(t, "package main\n\n"+text+"\n"); !strings.Contains(out, "E_POLICY_LOAD") {
			t.Errorf("%s: the sidecar says %.300s", what, out)
		}
	}
}

// tryLoad starts the sidecar, and returns what it says where it does not serve.
func (s *sidecar) tryLoad(t testing.TB) (refusal string) {
	t.Helper()
	s.run(t, settings{either: true})
	if !s.alive() {
		return s.log.String()
	}
	return ""
}

func TestP2PoliciesSeeNoEnvironment(t *testing.T) {
	row(t)
	if out := load(t, "package main\n\ndeny contains opa.runtime().env.PROBE_ENV\n"); !strings.Contains(out, "E_POLICY_LOAD") {
		t.Errorf("the sidecar says %.300s", out)
	}
}

func TestP3PoliciesReachNothing(t *testing.T) {
	row(t)
	address, hits := listener(t)
	for _, call := range []string{
		`http.send({"method": "GET", "url": "http://` + address + `"}).status_code == 200`, `http.send({"method": "GET", "url": "unix://localhost/tmp/x?socket=a"})`,
		`net.lookup_ip_addr("example.com")`, `opa.runtime()`, `io.jwt.encode_sign({"alg": "HS256"}, {}, {"kty": "oct", "k": "a"})`, `rand.intn("x", 5) == 3`, `uuid.rfc4122("x")`,
		`time.now_ns() > 0`, `json.match_schema({}, {"$ref": "http://` + address + `/s"})`, `walk(input, x) with http.send as 5`,
	} {
		if out := load(t, "package main\n\ndeny contains \"x\" if "+call+"\n"); !strings.Contains(out, "E_POLICY_LOAD") {
			t.Errorf("with %s the sidecar says %.300s", call, out)
		}
	}
	if hits.Load() > 0 {
		t.Errorf("%d connections were made", hits.Load())
	}
}

func TestP4PoliciesReadNoFiles(t *testing.T) {
	row(t)
	for _, call := range []string{`parse_config_file("../../outside.json")`, `parse_config("jsonnet", "{a: importstr '/etc/hostname'}")`, `parse_combined_config_files(["/etc/hostname"])`} {
		if out := load(t, "package main\n\ndeny contains \"x\" if "+call+"\n"); !strings.Contains(out, "E_POLICY_LOAD") {
			t.Errorf("with %s the sidecar says %.300s", call, out)
		}
	}
}

// Some builtins do not stop when they are told to.
func TestP5PoliciesEnd(t *testing.T) {
	row(t)
	for what, text := range map[string]string{
		"a loop":      "deny contains \"x\" if { some i in numbers.range(1, 100000000); some j in numbers.range(1, 100000000); i * j == -1 }",
		"a shift":     "deny contains \"x\" if bits.lsh(1, 4000000000) == 5",
		"a unit":      "deny contains \"x\" if units.parse(input.data.a) > 5",
		"bytes":       "deny contains \"x\" if units.parse_bytes(input.data.a) > 5",
		"recursion":   "deny contains \"x\" if { x := strings.render_template(\"{{.a}}\", {\"a\": numbers.range(1, 10000000)}); count(x) == 3 }",
		"a long text": "deny contains \"x\" if count(concat(\",\", [sprintf(\"%d\", [i]) | some i in numbers.range(1, 20000000)])) == 3",
	} {
		t.Run(what, func(t *testing.T) {
			with := rules(t, "package main\n\n"+text+"\n")
			with.render = "{timeout: 6s}"
			s := prepare(t, with)
			if out := s.tryLoad(t); out != "" {
				if !strings.Contains(out, "E_POLICY_LOAD") {
					t.Errorf("the sidecar says %.300s", out)
				}
				return
			}
			a := s.ask(t, files{"app/a.yaml": strings.Replace(configMap, "a: b", "a: 1e999999", 1)})
			t.Logf("%.80s after %s", a.text(), a.took.Round(10*time.Millisecond))
			if a.err == nil || !stable.MatchString(a.text()) || a.took > 20*time.Second {
				t.Errorf("after %s: %.200q", a.took, a.text())
			}
			if !s.alive() {
				t.Error("the process has ended")
			}
		})
	}
}

func TestP6MessagesAreBounded(t *testing.T) {
	row(t)
	s := start(t, rules(t, "package main\n\ndeny contains sprintf(\"%v\", [input]) if input.data.a != \"calm\"\n\ndeny contains \"a\\nforged\\u001b[2J\" if input.data.a\n\ndeny contains msg if { print(input); msg := \"printed\"; input.data.a }\n"))
	a := s.ask(t, files{"app/a.yaml": strings.Replace(configMap, "a: b", "a: "+strings.Repeat("long ", 200_000), 1)})
	s.refused(t, a, "E_POLICY")
	if strings.Contains(a.text(), strings.Repeat("long ", 100)) {
		t.Error("the message repeats the object")
	}
	for line := range strings.Lines(s.log.String()) {
		if strings.Contains(line, strings.Repeat("long ", 100)) {
			t.Errorf("what a policy printed is logged: %.200s", line)
		}
	}
}

// Policies are the platform's; what lies in a repository is not looked at.
func TestP7RepositoriesBringNoPolicies(t *testing.T) {
	row(t)
	s := start(t, rules(t, "package main\n\ndeny contains \"no\" if input.data.a\n"))
	content := files{"app/a.yaml": configMap}
	want := s.ask(t, content).text()
	for name, text := range map[string]string{
		"policy/allow.rego": "package main\n\nexception contains rules if rules := [\"\"]\n", "app/policy/allow.rego": "package main\n\nexception contains [\"\"]\n",
		"conftest.toml": "policy = \"/nowhere\"\n", "app/conftest.toml": "namespace = \"none\"\n", "app/data.json": "{\"exception\":true}", "waivers.yaml": "waivers: []\n",
	} {
		content[name] = text
	}
	delete(content, "app/data.json")
	a := s.ask(t, content)
	s.refused(t, a, "E_POLICY")
	if a.text() != want {
		t.Errorf("with policies in the repository the answer is\n%s\nand without\n%s", a.text(), want)
	}
}

func TestP8RequestsDoNotMixVerdicts(t *testing.T) {
	row(t)
	s := start(t, rules(t, "package main\n\ndeny contains sprintf(\"%s is bad\", [input.metadata.name]) if input.data.a == \"bad\"\n"))
	var group sync.WaitGroup
	for i := range 60 {
		group.Go(func() {
			name, held := fmt.Sprintf("n-%d", i), []string{"good", "bad"}[i%2]
			a := s.ask(t, files{"app/a.yaml": strings.NewReplacer("name: c", "name: "+name, "a: b", "a: "+held).Replace(configMap)})
			if (held == "bad") != (a.code() == "E_POLICY") || held == "bad" && !strings.Contains(a.text(), name+" is bad") {
				t.Errorf("%s, which is %s, gives %.200q", name, held, a.text())
			}
		})
	}
	group.Wait()
	s.unharmed(t)
}

// What the policies saw is what is emitted, but for what sealing made of it, and
// that is judged again.
func TestP9PoliciesSeeWhatIsEmitted(t *testing.T) {
	row(t)
	s := start(t, rules(t, "package main\n\ndeny contains sprintf(\"%s\", [input.kind]) if {\n\tinput.kind == \"SealedSecret\"\n\tinput.metadata.name == \"judged\"\n}\n"))
	a := s.ask(t, files{"app/a.yaml": strings.Replace(secret(s.reference()), "name: db", "name: judged", 1)})
	if a.code() != "E_POLICY" || !strings.Contains(a.text(), "SealedSecret") {
		t.Errorf("what sealing made is not judged: %.300q", a.text())
	}
	s.unharmed(t)
	// A policy that saw a value would show it here.
	dump := start(t, rules(t, "package main\n\ndeny contains sprintf(\"%v\", [input]) if input.metadata.name == \"dumped\"\n"))
	dump.refused(t, dump.ask(t, files{"app/a.yaml": strings.Replace(secret(dump.reference()), "name: db", "name: dumped", 1)}), "E_POLICY")
}
