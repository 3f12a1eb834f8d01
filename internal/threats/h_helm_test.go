package threats

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"archive/tar"
)

// chart is an application of one chart.
func chart(templates files) files {
	content := files{"app/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\n"}
	for name, file := range templates {
		content["app/"+name] = file
	}
	return content
}

const configMapTemplate = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: apps}\ndata:\n  a: {{ %s | toString | quote }}\n"

// A template that renders itself has no limit in Helm and ends the process.
func TestH1TemplatesThatRenderThemselves(t *testing.T) {
	row(t)
	s := start(t, settings{})
	a := s.ask(t, chart(files{"values.yaml": "x: '{{ tpl .Values.x . }}'\n", "templates/a.yaml": "{{ tpl .Values.x . }}"}))
	s.refused(t, a, "E_RENDER_CRASH", "E_LIMIT")
	s.refused(t, s.ask(t, chart(files{"templates/_h.tpl": `{{ define "a" }}{{ include "a" . }}{{ end }}`, "templates/a.yaml": `{{ include "a" . }}`})), "E_TEMPLATE", "E_RENDER_CRASH")
}

// Helm cannot be told to stop: the worker is killed.
func TestH2TemplatesThatNeverEnd(t *testing.T) {
	row(t)
	s := start(t, settings{render: "{timeout: 8s}"})
	for what, template := range map[string]string{
		"a long list":      "{{ range until 2000000000 }}{{ end }}",
		"ranges in ranges": "{{ range until 20000 }}{{ range until 20000 }}{{ range until 20000 }}{{ end }}{{ end }}{{ end }}",
		"private keys":     "{{ range until 200 }}{{ genPrivateKey \"rsa\" }}{{ end }}",
		"a long text":      "{{ repeat 2000000000 \"x\" }}",
		"a hard hash":      "{{ range until 100000 }}{{ derivePassword 1 \"long\" \"p\" \"u\" \"s\" }}{{ end }}",
	} {
		a := s.ask(t, chart(files{"templates/a.yaml": template}))
		t.Logf("%s: %s after %s", what, a.code(), a.took.Round(10*time.Millisecond))
		s.refused(t, a, "E_TIMEOUT", "E_LIMIT", "E_RENDER_CRASH")
		if a.took > 20*time.Second {
			t.Errorf("%s took %s", what, a.took)
		}
	}
}

// A schema of values may point anywhere: CVE-2025-55199 mended the size alone.
func TestH3SchemasThatReachOut(t *testing.T) {
	row(t)
	s := start(t, settings{})
	address, hits := listener(t)
	for _, target := range []string{
		"http://" + address + "/s", "https://" + address + "/s", "file:///etc/hostname", "file:///proc/self/environ", "urn:x", "other.json",
	} {
		a := s.ask(t, chart(files{"values.yaml": "pw: x\n", "values.schema.json": fmt.Sprintf(`{"properties":{"pw":{"$ref":%q}}}`, target),
			"templates/a.yaml": fmt.Sprintf(configMapTemplate, ".Values.pw")}))
		if a.code() != "E_SCHEMA_REF" {
			t.Errorf("%s gives %.200q", target, a.text())
		}
	}
	s.unharmed(t)
	if hits.Load() > 0 {
		t.Errorf("%d connections were made", hits.Load())
	}
	// A long chain of references inside of it: CVE-2025-32387.
	var chain strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&chain, `"d%d":{"$ref":"#/definitions/d%d"},`, i, i+1)
	}
	a := s.ask(t, chart(files{"values.yaml": "pw: x\n", "values.schema.json": `{"properties":{"pw":{"$ref":"#/definitions/d0"}},"definitions":{` + chain.String() + `"d10000":{"type":"string"}}}`,
		"templates/a.yaml": fmt.Sprintf(configMapTemplate, ".Values.pw")}))
	t.Logf("10,000 references in a row: %.100q after %s", a.text(), a.took.Round(time.Millisecond))
	s.unharmed(t)
	local := func(value string) answer {
		return s.ask(t, chart(files{"values.yaml": "pw: " + value + "\n", "values.schema.json": `{"properties":{"pw":{"$ref":"#/definitions/d"}},"definitions":{"d":{"type":"string"}}}`,
			"templates/a.yaml": fmt.Sprintf(configMapTemplate, ".Values.pw")}))
	}
	s.rendered(t, local("text"))
	s.refused(t, local("5"), "E_SCHEMA")
}

// tgz packs a chart as Helm does, with extra bytes that compress well.
func tgz(t testing.TB, name string, padding int, charts map[string][]byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	writer := tar.NewWriter(zipped)
	entry(t, writer, tar.Header{Name: name + "/Chart.yaml"}, "apiVersion: v2\nname: "+name+"\nversion: 1.0.0\n")
	for file, content := range charts {
		entry(t, writer, tar.Header{Name: name + "/charts/" + file}, string(content))
	}
	for i := range padding {
		entry(t, writer, tar.Header{Name: fmt.Sprintf("%s/files/%d", name, i)}, string(make([]byte, 4<<20)))
	}
	must(t, writer.Close())
	must(t, zipped.Close())
	return packed.Bytes()
}

// Helm's own limit begins anew with each archive in an archive.
func TestH4ArchivesOfCharts(t *testing.T) {
	row(t)
	s := start(t, settings{})
	wide := chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, "1")})
	part := tgz(t, "sub", 24, nil)
	for i := range 20 {
		wide[fmt.Sprintf("app/charts/sub-%d.tgz", i)] = string(part)
	}
	deep := tgz(t, "sub", 0, nil)
	for range 50 {
		deep = tgz(t, "sub", 0, map[string][]byte{"sub.tgz": deep})
	}
	for what, content := range map[string]files{
		"20 of 96 MiB": wide,
		"50 in a row":  chart(files{"charts/sub.tgz": string(deep), "templates/a.yaml": fmt.Sprintf(configMapTemplate, "1")}),
	} {
		a := s.ask(t, content)
		t.Logf("%s: %s after %s", what, a.code(), a.took.Round(time.Millisecond))
		s.refused(t, a, "E_LIMIT", "E_CHART")
	}
}

func TestH5LinksInCharts(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.refused(t, s.ask(t, chart(files{"files/x": link + "/etc/passwd", "templates/a.yaml": fmt.Sprintf(configMapTemplate, ".Files.Get \"files/x\"")})), "E_ARCHIVE_LINK")
	for _, name := range []string{"../secret.txt", "/etc/hostname", "files/../../secret.txt"} {
		content := chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, ".Files.Get \""+name+"\"")})
		content["secret.txt"] = s.forbidden
		if out := s.rendered(t, s.ask(t, content)); !strings.Contains(out, `"a":""`) {
			t.Errorf("%s gives %s", name, out)
		}
	}
	// What of Helm reads from the network is not in the program that renders, and
	// what reads from disk is not called.
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../../render/engine").Output()
	must(t, err)
	for _, banned := range []string{"helm.sh/helm/v3/pkg/downloader", "helm.sh/helm/v3/pkg/getter", "helm.sh/helm/v3/pkg/action"} {
		if strings.Contains(string(output), banned+"\n") {
			t.Errorf("what renders is built from %s", banned)
		}
	}
	sources, err := filepath.Glob("../../render/*/*.go")
	must(t, err)
	for _, path := range sources {
		content, err := os.ReadFile(path)
		must(t, err)
		if call := regexp.MustCompile(`loader\.(Load|LoadDir|LoadFile|Loader)\(`).Find(content); call != nil {
			t.Errorf("%s calls %s", path, call)
		}
	}
}

func TestH6FunctionsThatReachOut(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, function := range []string{`env "PROBE_ENV"`, `expandenv "$PROBE_ENV"`} {
		s.refused(t, s.ask(t, chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, function)})), "E_TEMPLATE")
	}
	for function, want := range map[string]string{`getHostByName "localhost"`: `"a":""`, `lookup "v1" "Secret" "" ""`: `"a":"map[]"`} {
		if out := s.rendered(t, s.ask(t, chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, function)}))); !strings.Contains(out, want) {
			t.Errorf("%s gives %s", function, out)
		}
	}
}

// What a chart says of its own failure is shown, in bounds, and never a template
// or what it rendered.
func TestH7ErrorsOfCharts(t *testing.T) {
	row(t)
	s := start(t, settings{render: "{quoteErrors: false}"})
	held := s.watch.Secret(strings.Repeat("in-the-chart-", 3))
	for what, template := range map[string]string{
		"fail":             `{{ fail (printf "secret is %s" .Values.pw) }}`,
		"tpl":              `{{ tpl (printf "%s {{ nothing" .Values.pw) . }}`,
		"rendered as YAML": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: [{{ .Values.pw }}\n",
		"required":         `{{ required .Values.pw .Values.none }}`,
	} {
		a := s.ask(t, chart(files{"values.yaml": "pw: " + held + "\n", "templates/a.yaml": template}))
		if a.err == nil || !stable.MatchString(a.text()) || !strings.Contains(a.text(), "templates/a.yaml") {
			t.Errorf("%s gives %.300q", what, a.text())
		}
	}
	s.unharmed(t)
}

func TestH8ChartsThatAreNeverTheSame(t *testing.T) {
	row(t)
	s := start(t, settings{})
	first := s.rendered(t, s.ask(t, chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, "randAlphaNum 12")})))
	second := s.rendered(t, s.ask(t, chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, "randAlphaNum 12")})))
	if first == second {
		t.Error("a random text is the same twice: this test could not find anything")
	}
	if len(s.log.lines("renders differently")) == 0 {
		t.Errorf("nobody is told that the chart renders differently each time: %s", s.log.lines("warn"))
	}
	before := len(s.log.lines("renders differently"))
	s.rendered(t, s.ask(t, chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, "1")})))
	if after := len(s.log.lines("renders differently")); after != before {
		t.Error("a pure chart is said to render differently")
	}
}

func TestH9HooksAreJudged(t *testing.T) {
	row(t)
	s := start(t, settings{policy: "{level: basic-security}"})
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: apps%s}\nspec: {containers: [{name: c, image: 'a:1', securityContext: {privileged: true}}]}\n"
	for what, test := range map[string]struct {
		content files
		code    string
	}{
		"an unknown hook":     {files{"templates/a.yaml": fmt.Sprintf(pod, ", annotations: {helm.sh/hook: bogus}")}, "E_HOOK"},
		"a hook":              {files{"templates/a.yaml": fmt.Sprintf(pod, ", annotations: {helm.sh/hook: pre-install}")}, "E_POLICY"},
		"a file of crds":      {files{"crds/a.yaml": fmt.Sprintf(pod, ""), "templates/c.yaml": fmt.Sprintf(configMapTemplate, "1")}, "E_POLICY"},
		"a test":              {files{"templates/tests/a.yaml": fmt.Sprintf(pod, ", annotations: {helm.sh/hook: test}"), "templates/c.yaml": fmt.Sprintf(configMapTemplate, "1")}, "E_POLICY"},
		"behind a separator":  {files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, "1") + "--- # x\n" + fmt.Sprintf(pod, "")}, "E_POLICY"},
		"in a list of things": {files{"templates/a.yaml": "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(fmt.Sprintf(pod, "")), "\n", "\n  ") + "\n"}, "E_POLICY"},
	} {
		a := s.ask(t, chart(test.content))
		if a.code() != test.code && !(what == "a test" && a.err == nil && !strings.Contains(a.text(), "privileged")) {
			t.Errorf("%s gives %.300q, want %s", what, a.text(), test.code)
		}
	}
	s.unharmed(t)
}

func TestH10DependenciesAreVendored(t *testing.T) {
	row(t)
	s := start(t, settings{})
	address, hits := listener(t)
	for _, repository := range []string{"https://" + address, "http://" + address, "oci://" + address, "file://../../other", "@local", ""} {
		content := chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, "1")})
		content["app/Chart.yaml"] += "dependencies: [{name: sub, version: 1.0.0, repository: '" + repository + "'}]\n"
		if a := s.ask(t, content); a.code() != "E_DEP" {
			t.Errorf("%q gives %.200q", repository, a.text())
		}
	}
	s.unharmed(t)
	if hits.Load() > 0 {
		t.Errorf("%d connections were made", hits.Load())
	}
}

func TestH12NamesOfCharts(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, name := range []string{"..", "a/b", strings.Repeat("n", 300), "", ".", "a b", `a\nb`} {
		content := chart(files{"templates/a.yaml": fmt.Sprintf(configMapTemplate, "1")})
		content["app/Chart.yaml"] = "apiVersion: v2\nname: \"" + name + "\"\nversion: 1.0.0\n"
		if a := s.ask(t, content); a.code() != "E_CHART" {
			t.Errorf("%q gives %.200q", name, a.text())
		}
	}
	s.unharmed(t)
}
