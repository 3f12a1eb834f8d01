package attest_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

func TestAStatementAboutSomethingElseIsLeftOut(t *testing.T) {
	for _, name := range []string{"provenance-github-v1", "report-trivy", "vex", "sbom-spdx"} {
		refused(t, "the statement is about something else than "+digest, signed(t, "ci", name, `"sha256": "`+digest[7:], `"sha256": "`+otherImage[7:]))
		refused(t, "the statement is about something else", signed(t, "ci", name, `"sha256": "`+digest[7:], `"sha1": "`+digest[7:]))
		refused(t, "subject is not a list", signed(t, "ci", name, `"subject": [`, `"subject": 1, "rest": [`))
	}
	// Of several subjects one is enough.
	two := signed(t, "ci", "sbom-spdx", `"subject": [`, `"subject": [ {"name": "other", "digest": {"sha256": "`+otherImage[7:]+`"}},`)
	if facts := read(t, two); len(facts.SBOMs) != 1 {
		t.Error("a statement about two images is left out")
	}
}

func TestAStatementThatCanBeReadInTwoWaysIsLeftOut(t *testing.T) {
	for reason, pairs := range map[string][]string{
		`the key "predicate" stands twice`:     {`"predicate": {`, `"predicate": {}, "predicate": {`},
		`the key "subject" stands twice`:       {`"subject": [`, `"subject": [], "subject": [`},
		`the key "predicateType" stands twice`: {`"predicateType"`, `"predicateType": "https://example.com", "predicateType"`},
		`the key "id" stands twice`:            {`"id"`, `"id": "https://builder.example.com", "id"`},
		`the key "ref" stands twice`:           {`"ref"`, `"\u0072ef": "refs/tags/v1", "ref"`},
		"it is not valid JSON":                 {`"ref"`, `,"ref"`},
		"is not a version of in-toto":          {"Statement/v1", "Statement/v2"},
		"builder is not an object":             {`"builder": {`, `"builder": [], "rest": {`},
		"id is not a text":                     {`"id": "`, `"id": 7, "rest": "`},
	} {
		refused(t, reason, signed(t, "ci", "provenance-github-v1", pairs...))
	}
	// Names count by their letters: another spelling is another name.
	facts := read(t, signed(t, "ci", "provenance-github-v1", `"builder": {`, `"Builder": {"id": "https://builder.example.com"}, "builder": {`))
	if got := facts.Provenance[0].Builder; !strings.HasPrefix(got, github) {
		t.Errorf("the builder is %s", got)
	}
	body := signed(t, "ci", "provenance-github-v1").Body
	refused(t, "it is not valid JSON", attest.Statement{Body: append(body, body...), Signer: "ci"}, attest.Statement{Signer: "ci"}, attest.Statement{Body: body[:len(body)-3], Signer: "ci"})
	refused(t, "it is not UTF-8", signed(t, "ci", "provenance-github-v1", `"id"`, "\"\xff\": 1, \"id\""))
	refused(t, "it is not a JSON object", attest.Statement{Body: []byte(`["a"]`), Signer: "ci"})
	refused(t, "names no signer", attest.Statement{Body: body})
}

func TestWhatIsTooMuchIsLeftOut(t *testing.T) {
	many := func(n int, entry string) string { return strings.TrimSuffix(strings.Repeat(entry+",", n), ",") }
	for reason, statement := range map[string]attest.Statement{
		"nested more than 100 levels deep": signed(t, "ci", "provenance-github-v1", `"internalParameters": {`, `"internalParameters": {"deep": `+strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000)+","),
		"it is larger than 8 MiB":          signed(t, "ci", "provenance-github-v1", `"internalParameters": {`, `"internalParameters": {"large": "`+strings.Repeat("x", 8<<20)+`",`),
		"more than 1000000 values":         signed(t, "ci", "provenance-github-v1", `"internalParameters": {`, `"internalParameters": {"many": [`+many(1_000_000, "1")+"],"),
		"id is longer than 2048 bytes":     signed(t, "ci", "provenance-github-v1", `"id": "`, `"id": "`+strings.Repeat("x", 2049)),
		"resolvedDependencies has more":    signed(t, "ci", "provenance-github-v1", `"resolvedDependencies": [`, `"resolvedDependencies": [`+many(10_000, "{}")+","),
		"more than 21 repositories":        signed(t, "ci", "provenance-tekton-v1", `"resolvedDependencies": [`, `"resolvedDependencies": [`+repositories(21)+","),
		"more than 50000 entries":          signed(t, "ci", "report-intoto-v02", `"result": [`, `"result": [`+many(50_000, `{"id":"CVE-1"}`)+","),
		"more than 50000 vulnerabilities": signed(t, "ci", "report-trivy", `"Results": [`,
			`"Results": [`+many(2, `{"Vulnerabilities": [`+many(25_000, `{"VulnerabilityID":"CVE-1"}`)+"]}")+","),
		"statements has more than 5000": signed(t, "ci", "vex", `"statements": [`, `"statements": [`+many(5_000, "{}")+","),
	} {
		facts := refused(t, reason, statement)
		found := attest.Rules{Provenance: &attest.ProvenanceRule{}, Vulnerabilities: &attest.VulnerabilityRule{}, SBOM: &attest.SBOMRule{}}.Judge(facts, cart)
		if !slices.ContainsFunc(found, func(f attest.Finding) bool { return f.Code == fault.Limit && strings.Contains(f.Message, reason) }) {
			t.Errorf("no finding says %q: %+v", reason, found)
		}
	}
	var statements []attest.Statement
	for i := range 1050 {
		statements = append(statements, signed(t, fmt.Sprint("signer", i), "provenance-github-v1"))
	}
	facts, problems := attest.Read(digest, statements)
	if len(facts.Provenance) != 1000 || len(problems) != 1 || problems[0].Code != fault.Limit || !strings.Contains(problems[0].Message, "1050 statements") {
		t.Errorf("%d provenances and the problems %+v", len(facts.Provenance), problems)
	}
	if found := one(t, attest.Rules{SBOM: &attest.SBOMRule{SignedBy: []string{"ci"}}}.Judge(facts, cart), "no SBOM that ci signed: the image has 1050 statements; 1000 are read"); found.Code != fault.Limit {
		t.Errorf("the code is %s", found.Code)
	}
}

func TestAllStatementsTogetherAreBounded(t *testing.T) {
	large := signed(t, "ci", "provenance-github-v1", `"internalParameters": {`, `"internalParameters": {"large": "`+strings.Repeat("x", 7<<20)+`",`)
	statements := slices.Repeat([]attest.Statement{large}, 9)
	statements = append(statements, signed(t, "ci", "sbom-spdx"), large, signed(t, "ci", "sbom-cyclonedx"))
	facts, problems := attest.Read(digest, statements)
	if len(facts.SBOMs) != 1 || len(problems) != 1 || problems[0].Code != fault.Limit || !strings.Contains(problems[0].Message, "larger than 64 MiB together; 10 of 12 are read") {
		t.Errorf("%d SBOMs and the problems %+v", len(facts.SBOMs), problems)
	}
}

func repositories(n int) string {
	entries := make([]string, n)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"uri": "git+https://git.example.com/shop/%d"}`, i)
	}
	return strings.Join(entries, ",")
}

// everything reads one statement of each kind.
func everything(t testing.TB) []attest.Statement {
	return []attest.Statement{
		signed(t, "ci", "provenance-github-v1"), signed(t, "farm", "provenance-buildkit-v1"), signed(t, "scanner", "report-trivy"), signed(t, "scanner", "report-grype"),
		signed(t, "security", "vex"), signed(t, "ci", "sbom-spdx"), signed(t, "ci", "sbom-cyclonedx"),
	}
}

func TestFactsDoNotDependOnTheOrderOfStatements(t *testing.T) {
	statements := everything(t)
	want := read(t, statements...)
	slices.Reverse(statements)
	got := read(t, append(statements, statements...)...)
	if !reflect.DeepEqual(want, got) {
		t.Errorf("facts differ:\n%+v\n%+v", want, got)
	}
}

func TestFactsForRego(t *testing.T) {
	text, err := json.Marshal(strict().Settle(read(t, everything(t)...), cart))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"provenance":[{"predicateType":`, `"builder":"https://builds.example.com/buildkit/farm-1"`, `"reports":[{`, `"scannedAt":"2026-11-27T09:00:00.5Z"`,
		`"open":{"critical":0,"high":1,`, `"worst":"high"`, `"excepted":true`, `"vex":[{"vulnerability":"CVE-2026-1001"`, `"applies":true`, `"sboms":[{`, `"components":3`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("there is no %s in %s", part, text)
		}
	}
	text, err = json.Marshal(read(t))
	if want := `{"provenance":[],"reports":[],"vex":[],"sboms":[]}`; err != nil || string(text) != want {
		t.Errorf("the facts of no statement are %s, %v", text, err)
	}
}

func TestTextOfAttestationsIsCleaned(t *testing.T) {
	hostile := signed(t, "ci", "provenance-github-v1", `/.github/workflows/image.yaml@refs/heads/main"`, `\u001b[2J\nE_OK: pass"`)
	found := one(t, attest.Rules{Provenance: &attest.ProvenanceRule{Builders: []string{"x"}}}.Judge(read(t, hostile), cart))
	if strings.ContainsAny(found.Message, "\x1b\n") {
		t.Errorf("the message is %q", found.Message)
	}
	long := signed(t, "scanner", "report-trivy", `"libssl3"`, `"`+strings.Repeat(`long\u001b`, 300)+`"`)
	found = one(t, strict().Judge(read(t, long), cart))
	if len(found.Message) > 150 {
		t.Errorf("the message has %d bytes", len(found.Message))
	}
}

func TestOtherKindsAndNoImage(t *testing.T) {
	if facts := read(t, signed(t, "ci", "sbom-spdx", "https://spdx.dev/Document", "https://example.com/anything")); len(facts.SBOMs) != 0 {
		t.Error("a statement of another kind is read")
	}
	for _, text := range []string{"", "latest", "sha256:7d2c", "sha256:" + strings.Repeat("G", 64)} {
		facts, problems := attest.Read(text, everything(t))
		if len(problems) != 1 || !strings.Contains(problems[0].Message, "is not the digest of an image") || len(facts.Provenance) != 0 {
			t.Errorf("%q: %+v", text, problems)
		}
	}
}

func TestCheckNamesWhatIsWrongWithRules(t *testing.T) {
	wrong := attest.Rules{
		Provenance:      &attest.ProvenanceRule{Builders: []string{"a", "[b]"}, Sources: []string{"github.com/x"}, Revisions: []string{"**/x"}},
		Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: "", Unknown: "bad", MaxAge: -1},
		SBOM:            &attest.SBOMRule{Formats: []string{"spdx", "csv"}},
	}
	if list := wrong.Check(); len(list) != 7 || list[0].Code != fault.Config {
		t.Errorf("%d faults: %v", len(list), list)
	}
	right := attest.Rules{
		Provenance:      &attest.ProvenanceRule{Builders: []string{"https://a.example.com/*@refs/tags/v*"}, Sources: []string{"https://github.com/x/**"}, Revisions: []string{"refs/tags/v*"}},
		Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: "none", Unknown: "low"}, SBOM: &attest.SBOMRule{},
	}
	if list := right.Check(); list.OrNil() != nil {
		t.Errorf("faults: %v", list)
	}
}

func TestTheLongestMessageNamesFiveAndCountsTheRest(t *testing.T) {
	var entries []string
	for i := range 8 {
		name := strings.Repeat("x", 200)
		entries = append(entries, fmt.Sprintf(`{"VulnerabilityID": "CVE-%d%s", "PkgName": %q, "FixedVersion": %q, "Severity": "CRITICAL"}`, i, name[:190], name, name))
	}
	facts := read(t, signed(t, "scanner", "report-trivy", `"Vulnerabilities": [`, `"Vulnerabilities": [`+strings.Join(entries, ",")+","))
	if found := one(t, strict().Judge(facts, cart), "17 vulnerabilities", "CVE-2026-1001"); len(found.Message) > 600 || !strings.HasSuffix(found.Message, ", 12 more") {
		t.Errorf("the message is %q", found.Message)
	}
}
