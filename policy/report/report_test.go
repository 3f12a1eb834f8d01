package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
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
  deny    critical  pod-privileged  Pod web/p  apps/web/pod one.yaml:7
                    container main is privileged [spec.containers[0].securityContext.privileged]; fix: remove it
  warn    low       api-deprecated  Pod web/p  apps/web/pod one.yaml:7
                    container main is privileged [spec.containers[0].securityContext.privileged]; fix: remove it
  waived  critical  pod-host-path  Pod web/p  apps/web/pod one.yaml:7
                    container main is privileged [spec.containers[0].securityContext.privileged]; waived by team-web until 2026-12-31: migration
  deny    critical  pod-privileged
                    container main is privileged [spec.containers[0].securityContext.privileged]; fix: remove it
  warn    -         E_WAIVER  waivers.yaml:3
                    the waiver expired

apps/broken (no environment)
  deny  -  E_KUSTOMIZE  apps/broken/kustomization.yaml:2
           it does not build

9 objects in 3 applications: 3 denied, 2 warnings, 1 waived
`
	if diff := cmp.Diff(want, write(t, report.Table, report.Options{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	colored := write(t, report.Table, report.Options{Color: true})
	if plain := strings.NewReplacer("\x1b[31m", "", "\x1b[33m", "", "\x1b[36m", "", "\x1b[0m", "").Replace(colored); plain != want {
		t.Errorf("colors change the columns (-want +got):\n%s", cmp.Diff(want, plain))
	}
	if !strings.Contains(colored, "\x1b[31mdeny\x1b[0m") {
		t.Error("deny has no color")
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
	for _, want := range []string{`"uri": "apps/web/pod%20one.yaml"`, `"startLine": 7`, `"level": "error"`, `"level": "note"`, `"justification": "team-web until 2026-12-31: migration"`, `"ruleId": "E_KUSTOMIZE"`, `"version": "1.2.3"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in:\n%s", want, text)
		}
	}
	if count := strings.Count(text, `"id": "pod-privileged"`); count != 1 {
		t.Errorf("the rule stands %d times", count)
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

func TestJUnitCountsFailures(t *testing.T) {
	var got struct {
		Suites []struct {
			Failures int `xml:"failures,attr"`
			Tests    int `xml:"tests,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal([]byte(write(t, report.JUnit, report.Options{})), &got); err != nil {
		t.Fatal(err)
	}
	failures, tests := 0, 0
	for _, suite := range got.Suites {
		failures, tests = failures+suite.Failures, tests+suite.Tests
	}
	// conftest counts warnings as failed tests too.
	if failures != 5 || tests < 10 {
		t.Errorf("%d failures in %d tests", failures, tests)
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
	if err := report.Write(&bytes.Buffer{}, "pdf", nil, report.Options{}); fault.CodeOf(err) != fault.Config {
		t.Errorf("got %v", err)
	}
}
