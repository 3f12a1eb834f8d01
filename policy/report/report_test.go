package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/report"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

func results() []report.Result {
	outcome := verdict.Outcome{
		Rule: "pod-privileged", Bundle: "builtin/basic-security", Title: "Privileged container", Severity: "critical", Decision: verdict.Deny,
		Object: "Pod web/p", File: "apps/web/pod one.yaml", Line: 7, Field: "spec.containers[0].securityContext.privileged",
		Message: "container main is privileged", Fix: "remove it", Reference: "https://kubernetes.io/x", Code: fault.Policy,
	}
	warning := outcome
	warning.Rule, warning.Decision, warning.Severity = "api-deprecated", verdict.Warn, "low"
	waived := outcome
	waived.Rule, waived.Decision = "pod-host-path", verdict.Waived
	waived.Waiver = &verdict.Waiver{Owner: "team-web", Reason: "migration", Expires: "2026-12-31"}
	placeless := outcome
	placeless.File, placeless.Line, placeless.Object = "", 0, ""
	return []report.Result{
		{Path: "apps/web", Verdict: verdict.Verdict{
			Environment: "prod", BundleDigest: "sha256:1", Objects: 4, Rules: 30,
			Outcomes: []verdict.Outcome{outcome, warning, waived, placeless},
			Notices:  fault.List{fault.New(fault.Waiver, "the waiver expired").In("waivers.yaml", 3)},
		}},
		{Path: "apps/broken", Faults: fault.List{fault.New(fault.Kustomize, "it does not build").In("apps/broken/kustomization.yaml", 2)}},
		{Path: "apps/good", Verdict: verdict.Verdict{Environment: "prod", Objects: 5}},
	}
}

func write(t *testing.T, format report.Format, options report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Write(&b, format, results(), options); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTable(t *testing.T) {
	want := `apps/web (prod)
  Pod web/p  apps/web/pod one.yaml:7
    deny    critical  pod-privileged
      container main is privileged [spec.containers[0].securityContext.privileged]
      fix: remove it
    warn    low       api-deprecated
      container main is privileged [spec.containers[0].securityContext.privileged]
      fix: remove it
    waived  critical  pod-host-path
      container main is privileged [spec.containers[0].securityContext.privileged]
      waived by team-web until 2026-12-31: migration
    deny    critical  pod-privileged
      container main is privileged [spec.containers[0].securityContext.privileged]
      fix: remove it
  waivers.yaml:3
    warn    -         E_WAIVER
      the waiver expired

apps/broken (no environment)
  apps/broken/kustomization.yaml:2
    error   -         E_KUSTOMIZE
      it does not build

9 objects in 3 applications: 2 denied, 2 warnings, 1 waived, 1 error
`
	if diff := cmp.Diff(want, write(t, report.Table, report.Options{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	colored := write(t, report.Table, report.Options{Color: true})
	if plain := regexp.MustCompile("\x1b\\[[0-9]*m").ReplaceAllString(colored, ""); plain != want {
		t.Errorf("colors change the columns (-want +got):\n%s", cmp.Diff(want, plain))
	}
	if !strings.Contains(colored, "\x1b[31mdeny  \x1b[0m") {
		t.Error("deny has no color")
	}
}

func TestTableKeepsToTheWidth(t *testing.T) {
	for line := range strings.Lines(write(t, report.Table, report.Options{Width: 60})) {
		// A field is one word, and stays whole so that it can be copied.
		if len(line) > 61 && !strings.Contains(line, "[spec.") && !strings.Contains(line, " in 3 applications: ") {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
}

func TestQuietTableShowsWhatStopsARequest(t *testing.T) {
	text := write(t, report.Table, report.Options{Quiet: true})
	if strings.Contains(text, "waived by") || strings.Contains(text, "api-deprecated") || !strings.Contains(text, "pod-privileged") || !strings.Contains(text, "E_KUSTOMIZE") {
		t.Errorf("got:\n%s", text)
	}
	var b bytes.Buffer
	if err := report.Write(&b, report.Table, results()[2:], report.Options{Quiet: true}); err != nil || b.Len() > 0 {
		t.Errorf("got %q (%v) where all passes, want nothing", b.String(), err)
	}
}

func TestSARIFIsValidAndLocated(t *testing.T) {
	text := write(t, report.SARIF, report.Options{Version: "v1.2.3"})
	schemaFile, err := os.Open("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer schemaFile.Close()
	document, err := jsonschema.UnmarshalJSON(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("sarif.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(instance); err != nil {
		t.Errorf("not valid SARIF: %v\n%s", err, text)
	}
	for _, want := range []string{`"uri": "apps/web/pod%20one.yaml"`, `"uriBaseId": "%SRCROOT%"`, `"startLine": 7`, `"level": "error"`, `"level": "note"`, `"justification": "waived by team-web until 2026-12-31: migration"`, `"helpUri": "https://kubernetes.io/x"`, `"security-severity": "9.5"`, `"ruleId": "E_KUSTOMIZE"`, `"version": "1.2.3"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in:\n%s", want, text)
		}
	}
	if count := strings.Count(text, `"id": "pod-privileged"`); count != 1 {
		t.Errorf("the rule stands %d times", count)
	}
}

// What two overlays say of their base is one alert in a code scanner, and what a
// rule says of two containers of one object is two.
func TestSARIFNamesEachResultOnce(t *testing.T) {
	first := results()[0]
	second := results()[0]
	second.Path = "apps/web/overlays/dev"
	other := second.Verdict.Outcomes[0]
	other.Field = "spec.containers[1].securityContext.privileged"
	second.Verdict.Outcomes = append(second.Verdict.Outcomes, other)
	var b bytes.Buffer
	if err := report.Write(&b, report.SARIF, []report.Result{first, second}, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Runs []struct {
			Results []struct {
				PartialFingerprints map[string]string
				Properties          struct{ Applications []string }
			}
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, result := range got.Runs[0].Results {
		hash := result.PartialFingerprints["primaryLocationLineHash"]
		if hash == "" || seen[hash] {
			t.Errorf("the fingerprint %q is empty or stands twice", hash)
		}
		seen[hash] = true
	}
	// Of five outcomes, the one without a file belongs to its application.
	if count := len(got.Runs[0].Results); count != 7 {
		t.Errorf("got %d results, want 7", count)
	}
	if diff := cmp.Diff([]string{"apps/web", "apps/web/overlays/dev"}, got.Runs[0].Results[0].Properties.Applications); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJSONHoldsEveryOutcome(t *testing.T) {
	var got struct{ Results []report.Result }
	if err := json.Unmarshal([]byte(write(t, report.JSON, report.Options{})), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(results(), got.Results); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestJUnitHasTheShapeThatReadersExpect(t *testing.T) {
	var got struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []struct {
			Name     string `xml:"name,attr"`
			Failures int    `xml:"failures,attr"`
			Tests    int    `xml:"tests,attr"`
			Cases    []struct {
				Name    string `xml:"name,attr"`
				Class   string `xml:"classname,attr"`
				Failure *struct {
					Text string `xml:",chardata"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	text := write(t, report.JUnit, report.Options{})
	if err := xml.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	failures, tests := 0, 0
	for _, suite := range got.Suites {
		failures, tests = failures+suite.Failures, tests+suite.Tests
		failed := 0
		for _, one := range suite.Cases {
			if one.Name == "" || one.Class == "" {
				t.Errorf("a case has no name or class: %+v", one)
			}
			if one.Failure != nil && one.Failure.Text != "" {
				failed++
			}
		}
		if suite.Name == "" || suite.Tests != len(suite.Cases) || suite.Failures != failed {
			t.Errorf("suite %q counts %d tests and %d failures, and has %d and %d", suite.Name, suite.Tests, suite.Failures, len(suite.Cases), failed)
		}
	}
	// conftest counts warnings as failed tests too.
	if failures != 5 || tests < 10 {
		t.Errorf("%d failures in %d tests", failures, tests)
	}
	for range 20 {
		if again := write(t, report.JUnit, report.Options{}); again != text {
			t.Fatal("two runs differ")
		}
	}
}

func TestGitHubAnnotatesTheLine(t *testing.T) {
	text := write(t, report.GitHub, report.Options{})
	for _, want := range []string{
		"::error file=apps/web/pod one.yaml,line=7::Pod web/p: pod-privileged: container main is privileged; fix: remove it",
		"::warning file=waivers.yaml,line=3::E_WAIVER: the waiver expired",
		"::error file=apps/broken/kustomization.yaml,line=2::E_KUSTOMIZE: it does not build",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

func TestUnknownFormatIsAFault(t *testing.T) {
	if err := report.Write(&bytes.Buffer{}, "pdf", nil, report.Options{}); fault.CodeOf(err) != fault.Parameter {
		t.Errorf("got %v", err)
	}
}
