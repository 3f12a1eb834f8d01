package attest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

func at(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 27, hour, minute, second, 0, time.UTC)
}

func TestEachFormOfReportIsRead(t *testing.T) {
	trivy := attest.Report{Scanner: "trivy", ScannerVersion: "0.74.0", ScannedAt: at(9, 0, 0).Add(500 * time.Millisecond), Worst: "critical",
		Counts: attest.Counts{Critical: 1, High: 1, Medium: 1, Unknown: 1, Total: 4},
		Vulnerabilities: []attest.Vulnerability{
			{ID: "CVE-2026-1001", Package: "libssl3", Version: "3.5.1-1", Fixed: "3.5.4-1", Severity: "critical"},
			{ID: "CVE-2026-1002", Package: "libc6", Version: "2.41-12", Severity: "high"},
			{ID: "CVE-2026-1003", Package: "golang.org/x/net", Version: "v0.40.0", Fixed: "0.44.0", Severity: "medium"},
			{ID: "CVE-2026-1004", Package: "stdlib", Version: "v1.26.1", Fixed: "1.26.8", Severity: "unknown"},
		}}
	grype := attest.Report{Scanner: "grype", ScannerVersion: "0.121.3", ScannedAt: at(8, 30, 0).Add(123456 * time.Microsecond), Worst: "critical",
		Counts: attest.Counts{Critical: 1, Negligible: 1, Total: 2},
		Vulnerabilities: []attest.Vulnerability{
			{ID: "GHSA-aaaa-bbbb-cccc", Package: "golang.org/x/net", Version: "v0.40.0", Fixed: "0.44.0", Severity: "critical"},
			{ID: "CVE-2026-1005", Package: "tar", Version: "1.35", Severity: "negligible"},
		}}
	first := attest.Report{Scanner: "pkg:github/example/scanner@1", ScannerVersion: "1.0", ScannedAt: at(9, 0, 0), Worst: "critical",
		Counts:          attest.Counts{Critical: 1, Medium: 1, Total: 2},
		Vulnerabilities: []attest.Vulnerability{{ID: "CVE-2026-1001", Severity: "critical"}, {ID: "CVE-2026-1006", Severity: "medium"}}}
	second := attest.Report{Scanner: "pkg:github/example/scanner@2", ScannerVersion: "2.0", ScannedAt: at(9, 10, 0), Worst: "high",
		Counts:          attest.Counts{High: 1, Unknown: 1, Total: 2},
		Vulnerabilities: []attest.Vulnerability{{ID: "CVE-2026-1007", Severity: "high"}, {ID: "CVE-2026-1008", Severity: "unknown"}}}
	for name, form := range map[string]struct {
		kind string
		want attest.Report
	}{
		"report-trivy": {"https://cosign.sigstore.dev/attestation/vuln/v1", trivy}, "report-trivy-own": {"https://aquasecurity.github.io/trivy/v0.74", trivy},
		"report-custom": {"https://cosign.sigstore.dev/attestation/v1", trivy}, "report-grype": {"https://cosign.sigstore.dev/attestation/vuln/v1", grype},
		"report-intoto-v01": {"https://in-toto.io/attestation/vulns/v0.1", first}, "report-intoto-v02": {"https://in-toto.io/attestation/vulns/v0.2", second},
	} {
		want := form.want
		want.PredicateType, want.Signer, want.Open = form.kind, "scanner", want.Counts
		facts := read(t, signed(t, "scanner", name))
		if diff := cmp.Diff([]attest.Report{want}, facts.Reports, cmpopts.IgnoreUnexported(attest.Report{}, attest.Vulnerability{})); diff != "" {
			t.Errorf("%s is read otherwise:\n%s", name, diff)
		}
	}
}

func TestSeverity(t *testing.T) {
	critical := "CVE-2026-1001 (libssl3, critical, fixed in 3.5.4-1)"
	for name, test := range map[string]struct {
		file  string
		pairs []string
		rule  attest.VulnerabilityRule
		parts []string
		worst string
	}{
		"critical is accepted":       {file: "report-trivy", rule: attest.VulnerabilityRule{MaxSeverity: "critical"}},
		"high is accepted":           {file: "report-trivy", pairs: []string{`"CRITICAL"`, `"LOW"`, `"UNKNOWN"`, `"LOW"`}, rule: attest.VulnerabilityRule{MaxSeverity: "high"}},
		"high is not":                {file: "report-trivy", rule: attest.VulnerabilityRule{MaxSeverity: "medium", Unknown: "low"}, worst: "critical", parts: []string{"2 vulnerabilities are more severe than medium: " + critical + ", CVE-2026-1002 (libc6, high)"}},
		"unknown counts as critical": {file: "report-trivy", pairs: []string{`"CRITICAL"`, `"LOW"`}, rule: attest.VulnerabilityRule{MaxSeverity: "high"}, worst: "critical", parts: []string{"a vulnerability is more severe than high: CVE-2026-1004 (stdlib, unknown, fixed in 1.26.8)"}},
		"unknown as the rule says":   {file: "report-trivy", pairs: []string{`"CRITICAL"`, `"LOW"`}, rule: attest.VulnerabilityRule{MaxSeverity: "high", Unknown: "medium"}},
		"a word of no scanner":       {file: "report-trivy", pairs: []string{`"CRITICAL"`, `"LOW"`, `"UNKNOWN"`, `"harmless"`}, rule: attest.VulnerabilityRule{MaxSeverity: "high"}, worst: "critical", parts: []string{"CVE-2026-1004"}},
		"none is accepted":           {file: "report-grype", rule: attest.VulnerabilityRule{MaxSeverity: "none"}, worst: "critical", parts: []string{"2 vulnerabilities are found, and none is accepted: GHSA-aaaa-bbbb-cccc", "CVE-2026-1005 (tar, negligible)"}},
		"a rule without a severity":  {file: "report-grype", rule: attest.VulnerabilityRule{}, worst: "critical", parts: []string{"none is accepted"}},
		"negligible is accepted":     {file: "report-grype", pairs: []string{`"Critical"`, `"Negligible"`}, rule: attest.VulnerabilityRule{MaxSeverity: "negligible"}},
		"unfixed":                    {file: "report-trivy", rule: attest.VulnerabilityRule{MaxSeverity: "medium", Unknown: "low", IgnoreUnfixed: true}, worst: "critical", parts: []string{"a vulnerability is more severe than medium: " + critical}},
		"unfixed of Grype":           {file: "report-grype", pairs: []string{`"0.44.0"`, "", `"fixed"`, `"not-fixed"`}, rule: attest.VulnerabilityRule{MaxSeverity: "none", IgnoreUnfixed: true}},
		"fixed in no version":        {file: "report-grype", pairs: []string{`"0.44.0"`, ""}, rule: attest.VulnerabilityRule{MaxSeverity: "high", IgnoreUnfixed: true}, worst: "critical", parts: []string{"GHSA-aaaa-bbbb-cccc"}},
		"nothing said of fixes":      {file: "report-intoto-v02", rule: attest.VulnerabilityRule{MaxSeverity: "medium", IgnoreUnfixed: true}, worst: "critical", parts: []string{"CVE-2026-1008 (unknown), CVE-2026-1007 (high)"}},
		"a score of another kind":    {file: "report-intoto-v02", pairs: []string{`"CVSSv3"`, `"epss"`, "7.5", "0.9"}, rule: attest.VulnerabilityRule{MaxSeverity: "high"}, worst: "critical", parts: []string{"2 vulnerabilities"}},
	} {
		t.Run(name, func(t *testing.T) {
			facts := read(t, signed(t, "scanner", test.file, test.pairs...))
			found := attest.Rules{Vulnerabilities: &test.rule}.Judge(facts, cart)
			if test.parts == nil {
				none(t, found)
				return
			}
			if got := one(t, found, test.parts...); got.Code != fault.ImageVulnerable || got.Severity != test.worst || got.Rule != attest.RuleVulnerabilities {
				t.Errorf("code, severity and rule are %s, %s and %s", got.Code, got.Severity, got.Rule)
			}
		})
	}
}

func TestAMessageNamesFiveVulnerabilities(t *testing.T) {
	var entries []string
	for i := range 10_000 {
		entries = append(entries, fmt.Sprintf(`{"id": "CVE-2026-%05d", "severity": [{"method": "vendor", "score": "high"}]}`, i))
	}
	statement := signed(t, "scanner", "report-intoto-v02", `{
          "id": "CVE-2026-1008"
        }`, strings.Join(entries, ","))
	facts := read(t, statement)
	if report := facts.Reports[0]; report.Counts.Total != 10_001 || len(report.Vulnerabilities) != 100 {
		t.Errorf("%d are counted and %d shown", report.Counts.Total, len(report.Vulnerabilities))
	}
	found := one(t, attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: "medium"}}.Judge(facts, cart),
		"10001 vulnerabilities are more severe than medium: CVE-2026-00000 (high)", "CVE-2026-00004 (high), 9996 more")
	if n := strings.Count(found.Message, "CVE-"); n != 5 {
		t.Errorf("the message names %d", n)
	}
}

func TestAge(t *testing.T) {
	rule := attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: "critical", MaxAge: 72 * time.Hour, SignedBy: []string{"scanner"}}}
	for name, test := range map[string]struct {
		scanned string
		parts   []string
	}{
		"fresh":                 {"2026-11-27T09:00:01Z", nil},
		"just fresh":            {"2026-11-25T09:00:00Z", nil},
		"just too old":          {"2026-11-25T08:59:59Z", []string{"the newest vulnerability report is 72h 1m old; at most 72h are accepted"}},
		"old":                   {"2026-10-28T09:00:00Z", []string{"the newest vulnerability report is 31 days old; at most 72h are accepted"}},
		"a fast clock":          {"2026-11-28T09:04:59Z", nil},
		"future":                {"2026-11-28T09:05:01Z", []string{"scanned at 2026-11-28T09:05:01Z, which is in the future"}},
		"never set":             {"0001-01-01T00:00:00Z", []string{"does not say when the image was scanned"}},
		"long ago":              {"1969-12-31T23:59:59Z", []string{"does not say when the image was scanned"}},
		"empty":                 {"", []string{"does not say when the image was scanned"}},
		"another zone":          {"2026-11-25T11:00:00+02:00", nil},
		"another zone, too old": {"2026-11-25T10:59:00+02:00", []string{"72h 1m old"}},
	} {
		t.Run(name, func(t *testing.T) {
			facts := read(t, signed(t, "scanner", "report-intoto-v02", "2026-11-27T09:10:00Z", test.scanned, "2026-11-27T09:10:30Z", test.scanned))
			found := rule.Judge(facts, cart)
			if test.parts == nil {
				none(t, found)
			} else if got := one(t, found, test.parts...); got.Code != fault.ImageAttestation {
				t.Errorf("the code is %s", got.Code)
			}
		})
	}
}

func TestTheReportsOwnTimeCounts(t *testing.T) {
	rule := attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: "critical", MaxAge: 72 * time.Hour}}
	// An old report in a new wrapper: trivy convert and cosign write their own time.
	for _, statement := range []attest.Statement{
		signed(t, "scanner", "report-trivy", "2026-11-27T09:00:00.5Z", "2026-10-01T09:00:00Z"),
		signed(t, "scanner", "report-custom", "2026-11-27T09:00:00.5Z", "2026-10-01T09:00:00Z"),
		signed(t, "scanner", "report-grype", "2026-11-27T10:30:00.123456+02:00", "2026-10-01T09:00:00Z"),
	} {
		one(t, rule.Judge(read(t, statement), cart), "58 days old")
	}
	refused(t, "scanFinishedOn is not a time", signed(t, "scanner", "report-trivy", "2026-11-27T09:00:01Z", "yesterday"))
}

func TestTheNewestAcceptableReportCounts(t *testing.T) {
	rule := attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: "high", Unknown: "low", MaxAge: 72 * time.Hour, SignedBy: []string{"scanner"}}}
	clean := []string{`"CRITICAL"`, `"LOW"`}
	older, newer := []string{"2026-11-27T09", "2026-11-26T09"}, []string{"2026-11-27T09", "2026-11-27T19"}
	dirtyOld, cleanOld := signed(t, "scanner", "report-trivy", older...), signed(t, "scanner", "report-trivy", append(older, clean...)...)
	dirtyNew, cleanNew := signed(t, "scanner", "report-trivy", newer...), signed(t, "scanner", "report-trivy", append(newer, clean...)...)
	none(t, rule.Judge(read(t, dirtyOld, cleanNew), cart))
	one(t, rule.Judge(read(t, cleanOld, dirtyNew), cart), "CVE-2026-1001")
	one(t, rule.Judge(read(t, dirtyNew, cleanOld), cart), "CVE-2026-1001")
	// A clean one from the future, or from another signer, does not hide it.
	future := signed(t, "scanner", "report-trivy", append([]string{"2026-11-27T09", "2026-11-29T09"}, clean...)...)
	one(t, rule.Judge(read(t, dirtyNew, future), cart), "CVE-2026-1001")
	foreign := signed(t, "laptop", "report-trivy", clean...)
	one(t, rule.Judge(read(t, dirtyOld, foreign), cart), "CVE-2026-1001")
	// Of two of one time the worse one counts, in whatever order they come.
	both := []attest.Statement{signed(t, "scanner", "report-trivy"), signed(t, "scanner", "report-trivy", clean...)}
	one(t, rule.Judge(read(t, both[0], both[1]), cart), "CVE-2026-1001")
	one(t, rule.Judge(read(t, both[1], both[0]), cart), "CVE-2026-1001")
	if got := one(t, rule.Judge(read(t, foreign), cart), "no vulnerability report that scanner signed", "was signed by laptop"); got.Code != fault.ImageAttestation {
		t.Errorf("the code is %s", got.Code)
	}
	one(t, rule.Judge(read(t), cart), "the image has no vulnerability report that scanner signed")
}

func TestOnlyTheNewestReportsOfASignerAreKept(t *testing.T) {
	var statements []attest.Statement
	for day := 1; day <= 20; day++ {
		statements = append(statements, signed(t, "scanner", "report-trivy", "2026-11-27T", fmt.Sprintf("2026-11-%02dT", day)))
	}
	statements = append(statements, signed(t, "laptop", "report-trivy", "2026-11-27T", "2026-10-01T"))
	for range 2 {
		facts := read(t, statements...)
		if len(facts.Reports) != 6 || facts.Reports[0].ScannedAt.Day() != 20 || facts.Reports[4].ScannedAt.Day() != 16 || facts.Reports[5].Signer != "laptop" {
			t.Errorf("the reports are %+v", facts.Reports)
		}
		slices.Reverse(statements)
	}
	// Of those of one time the worst is kept.
	statements = []attest.Statement{signed(t, "scanner", "report-trivy")}
	for i := range 10 {
		statements = append(statements, signed(t, "scanner", "report-trivy", `"CRITICAL"`, `"LOW"`, `"libssl3"`, fmt.Sprintf(`"libssl%d"`, i)))
	}
	rule := attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: "high", Unknown: "low"}}
	one(t, rule.Judge(read(t, statements...), cart), "CVE-2026-1001 (libssl3, critical")
}

func TestAReportOfNoKnownFormIsNoReport(t *testing.T) {
	for reason, statement := range map[string]attest.Statement{
		"of no form that is known":     signed(t, "scanner", "report-trivy", `"SchemaVersion": 2`, `"Schema": 2`),
		"Results is not a list":        signed(t, "scanner", "report-trivy", `"Results": [`, `"Results": {}, "Rest": [`),
		"Severity is not a text":       signed(t, "scanner", "report-trivy", `"Severity": "HIGH"`, `"Severity": 3`),
		"has no id":                    signed(t, "scanner", "report-grype", `"id": "CVE-2026-1005"`, `"no": ""`),
		"entry of result is not an ob": signed(t, "scanner", "report-intoto-v02", `"result": [`, `"result": [ "CVE-2026-1", `),
		"no predicate":                 signed(t, "scanner", "report-intoto-v02", `"predicate": {`, `"predicate": null, "rest": {`),
	} {
		refused(t, reason, statement)
	}
	facts := refused(t, "of no form that is known", signed(t, "scanner", "report-intoto-v02", `"result": [`, `"results": [`))
	one(t, attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: "critical"}}.Judge(facts, cart),
		"the image has no vulnerability report; a statement that scanner signed was left out: the report is of no form that is known")
	// What cosign's custom type holds is anything: it is no report, and no problem.
	facts = read(t, signed(t, "scanner", "report-custom", "SchemaVersion", "Schema"))
	if len(facts.Reports) != 0 {
		t.Errorf("%d reports", len(facts.Reports))
	}
}
