package threats

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/streamtest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// Whatever fails, in whatever stage, what is said of it is a code and what to do.
func TestO1FailuresAreCodesAndNoLibraryText(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.server.Put(t, s.prefix+"/team-a/text", `{"k":"{not json `+s.allowed+`"}`)
	for what, test := range map[string]struct {
		content files
		code    string
	}{
		"a kustomization": {files{"app/kustomization.yaml": "resources: 5\n"}, "E_KUSTOMIZE"},
		"a chart":         {files{"app/Chart.yaml": "apiVersion: v2\nname: ..\nversion: 1.0.0\n", "app/templates/a.yaml": configMap}, "E_CHART"},
		"a template":      {files{"app/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "app/templates/a.yaml": "{{ fail \"no\" }}"}, "E_TEMPLATE"},
		"YAML":            {files{"app/a.yaml": "apiVersion: v1\nkind: [b\nmetadata: {}\n"}, "E_YAML"},
		"an object":       {files{"app/a.yaml": "kind: 5\n"}, "E_OBJECT"},
		"a reference":     {files{"app/a.yaml": secret("<vault:kv/../x#k>")}, "E_REF_SYNTAX"},
		"a position":      {files{"app/a.yaml": strings.Replace(configMap, "a: b", "a: "+s.reference(), 1)}, "E_REF_POSITION"},
		"another's path":  {files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/core/db#password>")}, "E_FORBIDDEN"},
		"a missing key":   {files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/db#none>")}, "E_SECRET"},
		"a modifier":      {files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/text#k|jsonPath {.a}>")}, "E_MODIFIER"},
		"a namespace":     {files{"app/a.yaml": strings.Replace(secret(s.reference()), "namespace: apps", "namespace: other", 1)}, "E_FORBIDDEN"},
		"plain text":      {files{"app/a.yaml": secret("in clear")}, "E_PLAIN_SECRET"},
	} {
		a := s.ask(t, test.content)
		if a.code() != test.code && !(test.code == "E_FORBIDDEN" && a.code() == "E_NAMESPACE") {
			t.Errorf("%s gives %.300q, want %s", what, a.text(), test.code)
		}
		if !stable.MatchString(a.text()) || len(a.text()) > maxStatus {
			t.Errorf("%s gives %d bytes: %.300q", what, len(a.text()), a.text())
		}
	}
	// Vault itself, with a body that holds a value.
	s.vault.Set(func(w http.ResponseWriter, r *http.Request, real []byte) bool {
		if !strings.Contains(r.URL.Path, "/data/") {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(real)
		return true
	})
	a := s.ask(t, files{"app/a.yaml": secret(s.reference())})
	s.vault.Set(nil)
	s.refused(t, a, "E_VAULT")
}

func TestO3NoLevelOfTheLogShowsManifests(t *testing.T) {
	row(t)
	s := start(t, settings{}) // it logs at the level debug
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": secret(s.reference()) + "---\n" + strings.Replace(configMap, "a: b", "a: in-the-manifest", 1)}))
	sealed := regexp.MustCompile(`"password":"(A[^"]{40})`).FindStringSubmatch(out)
	if sealed == nil || s.log.lines(`"rendered"`) == nil {
		t.Fatalf("nothing was sealed, or nothing is logged: %.200s", out)
	}
	for _, part := range []string{"in-the-manifest", "encryptedData", sealed[1]} {
		if found := s.log.lines(part); len(found) > 0 {
			t.Errorf("the log shows the manifest: %.300s", found[0])
		}
	}
	held := value.FromString(s.allowed)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if shown := fmt.Sprintf(format, held); !strings.Contains(shown, "redacted") {
			t.Errorf("%s shows %d characters of a value", format, len(shown))
		}
		s.watch.See("formats", fmt.Sprintf(format, []any{held, &held, struct{ V value.Value }{held}}))
	}
}

func TestO4NamesForgeNoLines(t *testing.T) {
	row(t)
	s := start(t, settings{})
	const forged = "a\n{\"level\":\"info\",\"msg\":\"forged\"}\x1b[2J"
	for _, more := range []string{"ARGOCD_APP_NAME=", "ARGOCD_APP_PROJECT_NAME=", "ARGOCD_APP_SOURCE_REPO_URL=", "ARGOCD_APP_SOURCE_PATH=", "ARGOCD_APP_REVISION="} {
		s.ask(t, files{"app/a.yaml": configMap}, more+forged)
	}
	s.ask(t, files{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"" + strings.NewReplacer("\n", `\n`, `"`, `\"`, "\x1b", `\e`).Replace(forged) + "\"}\n"})
	s.unharmed(t)
	for line := range strings.Lines(s.log.String()) {
		var decoded map[string]any
		if json.Unmarshal([]byte(line), &decoded) != nil || decoded["msg"] == "forged" {
			t.Errorf("the log has the line %q", line)
		}
		if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' }) {
			t.Errorf("the log has a control character: %q", line)
		}
	}
	trail, err := os.ReadDir(s.file("audit"))
	must(t, err)
	for _, file := range trail {
		if !strings.HasSuffix(file.Name(), ".jsonl") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(s.file("audit"), file.Name()))
		must(t, err)
		for line := range bytes.Lines(content) {
			if !json.Valid(line) || bytes.HasPrefix(line, []byte(`{"level"`)) {
				t.Errorf("the trail has the line %q", line)
			}
		}
	}
}

func TestO5TenantsMakeNoSeries(t *testing.T) {
	row(t)
	s := start(t, settings{})
	ask := func(i int) {
		name := fmt.Sprintf("name-%d", i)
		content := files{"app/a.yaml": strings.ReplaceAll(configMap, "name: c", "name: "+name)}
		if i%3 == 0 {
			content = files{"app/a.yaml": secret("<vault:kv/" + name + "/x#y>")}
		}
		s.ask(t, content, "ARGOCD_APP_NAME="+name, "ARGOCD_APP_PROJECT_NAME="+name, "ARGOCD_APP_NAMESPACE="+name, "ARGOCD_APP_SOURCE_REPO_URL=https://"+name)
	}
	for i := range 6 {
		ask(i)
	}
	before := s.series(t)
	for i := range 300 {
		ask(i)
	}
	if after := s.series(t); !slices.Equal(before, after) {
		t.Errorf("%d series are %d after 300 applications", len(before), len(after))
	}
}

var sample = regexp.MustCompile(`(?m)^(argocd_seal_[a-z_]+(?:\{[^}]*\})?) `)

// series are the names and labels of all metrics of the plugin.
func (s *sidecar) series(t testing.TB) (names []string) {
	t.Helper()
	_, text, err := s.get("/metrics")
	must(t, err)
	for _, match := range sample.FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return names
}

func TestO6ManyViolationsFitIntoAStatus(t *testing.T) {
	row(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "p.rego"), []byte("package main\n\ndeny contains sprintf(\"%s may not be: %s\", [input.metadata.name, input.data.a]) if input.data.a\n"), 0o600))
	s := start(t, settings{policy: "{bundles: [{directory: " + dir + "}]}"})
	var many strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&many, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-%d, namespace: apps}\ndata: {a: %q}\n---\n", i, strings.Repeat("long ", 40))
	}
	a := s.ask(t, files{"app/a.yaml": many.String()})
	s.refused(t, a, "E_POLICY")
	if !regexp.MustCompile(`\d{3,} more`).MatchString(a.text()) {
		t.Errorf("nobody learns how many there are: %s", a.text())
	}
}

func TestO7ReadersOfTheOutputLearnNothing(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.server.Put(t, s.prefix+"/team-a/pin", `{"k":"4711"}`)
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/pin#k>")}))
	sealed := sealedOf(t, out)
	if certain := s.guess(t, sealed, s.file("salt")); certain != "4711" {
		t.Errorf("with the salt the guess is %q: this test could not find anything", certain)
	}
	other := s.write("other-salt", string(randomBytes(32)), 0o400)
	if certain := s.guess(t, sealed, other); certain != "" {
		t.Errorf("without the salt the value is known to be %q", certain)
	}
}

// sealedOf is the ciphertext of the entry password.
func sealedOf(t testing.TB, out string) string {
	t.Helper()
	match := regexp.MustCompile(`"encryptedData":\{"password":"([^"]+)"`).FindStringSubmatch(out)
	if match == nil {
		t.Fatalf("nothing is sealed in %.300s", out)
	}
	return match[1]
}

// guess seals each number of four digits, and tells which gives these bytes: what
// somebody can do who has the certificate and the output, and a salt.
func (s *sidecar) guess(t testing.TB, sealed, saltFile string) string {
	t.Helper()
	content, err := os.ReadFile(saltFile)
	must(t, err)
	salt, err := seal.NewSalt(content)
	must(t, err)
	certificate, err := seal.ReadCertificate(sealingCertificate(t))
	must(t, err)
	sealer, err := seal.New(certificate, salt, seal.Strict)
	must(t, err)
	for pin := range 10_000 {
		guess := fmt.Sprintf("%04d", pin)
		made, err := sealer.Seal("apps", "db", "password", value.FromString(guess))
		must(t, err)
		if made == sealed {
			return guess
		}
	}
	return ""
}

func TestO8NothingIsLeftOnDisk(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.rendered(t, s.ask(t, files{"app/a.yaml": secret(s.reference())}))
	for _, process := range append(s.workers(t), s.command.Process.Pid) {
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", process))
		must(t, err)
		if !regexp.MustCompile(`Max core file size +0 +0 `).Match(limits) {
			t.Errorf("the process %d may leave a core file:\n%s", process, limits)
		}
	}
	// That the directory for temporary files is empty is looked at in the end.
}

// workers are the processes that the sidecar has started.
func (s *sidecar) workers(t testing.TB) (ids []int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", s.command.Process.Pid))
	must(t, err)
	for _, task := range tasks {
		content, err := os.ReadFile(task)
		if err != nil {
			continue // a thread that has ended
		}
		for _, word := range strings.Fields(string(content)) {
			var id int
			if _, err := fmt.Sscan(word, &id); err == nil {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		t.Fatal("there are no workers")
	}
	return ids
}

func TestO9OneOutputForOneInput(t *testing.T) {
	row(t)
	content := files{"app/kustomization.yaml": "resources: [a.yaml, b.yaml, c.yaml]\nnamePrefix: x-\nnamespace: apps\n"}
	first := start(t, settings{env: []string{"GOMAXPROCS=1"}})
	content["app/a.yaml"], content["app/b.yaml"] = secret(first.reference()), configMap
	content["app/c.yaml"] = strings.ReplaceAll(secret(first.reference()), "name: db", "name: db-2")
	sums := map[[32]byte]int{}
	render := func(s *sidecar) {
		for range 10 {
			a := s.send(t, shuffled(t, content), "app", identity())
			if a.err != nil {
				t.Fatal(a.text())
			}
			sums[sha256.Sum256([]byte(a.text()))]++
		}
	}
	render(first)
	second := *first // its salt, key and certificate are the first one's
	second.address = streamtest.FreeAddress(t)
	text, err := os.ReadFile(first.file("plugin.yaml"))
	must(t, err)
	second.dir = t.TempDir()
	second.write("plugin.yaml", strings.NewReplacer(first.address, second.address, `"`+first.file("audit")+`"`, `"`+second.file("audit")+`"`).Replace(string(text)), 0o600)
	second.run(t, settings{env: []string{"GOMAXPROCS=8"}})
	render(&second)
	if len(sums) != 1 {
		t.Errorf("20 renders of one input by two processes gave %d outputs", len(sums))
	}
}

// shuffled is an archive whose entries come in any order.
func shuffled(t testing.TB, content files) []byte {
	t.Helper()
	var names []string
	for name := range content {
		names = append(names, name)
	}
	slices.Sort(names)
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return archive(t, func(writer *tar.Writer) {
		for _, name := range names {
			entry(t, writer, tar.Header{Name: name}, content[name])
		}
	})
}
