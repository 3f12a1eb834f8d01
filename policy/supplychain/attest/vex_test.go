package attest_test

import (
	"sync"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

// strict accepts nothing above medium, and VEX statements of security.
func strict(exceptions ...attest.Exception) attest.Rules {
	return attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{
		MaxSeverity: "high", Unknown: "low", SignedBy: []string{"scanner"}, VEXSignedBy: []string{"security"}, Exceptions: exceptions,
	}}
}

const (
	vexProduct = "pkg:oci/cart@sha256%3A7d2c4c3ab1f14e0b9b8a0c6f5e4d3c2b1a09f8e7d6c5b4a3928170605f4e3d2c?repository_url=registry.example.com%2Fshop%2Fcart"
	because    = `"justification": "vulnerable_code_not_in_execute_path"`
	issued     = "2026-11-20T10:00:00Z"
)

func TestVEXExcepts(t *testing.T) {
	report := signed(t, "scanner", "report-trivy")
	for name, test := range map[string]struct {
		pairs []string
		want  bool
	}{
		"as it is":                           {nil, true},
		"fixed":                              {[]string{`"not_affected"`, `"fixed"`}, true},
		"with an impact":                     {[]string{because, `"impact_statement": "nobody calls it"`}, true},
		"affected":                           {[]string{`"not_affected"`, `"affected"`}, false},
		"under investigation":                {[]string{`"not_affected"`, `"under_investigation"`}, false},
		"another vulnerability":              {[]string{"CVE-2026-1001", "CVE-2026-1999"}, false},
		"by alias":                           {[]string{"CVE-2026-1001", "CVE-2026-1999", "GHSA-aaaa-bbbb-cccc", "CVE-2026-1001"}, true},
		"by IRI":                             {[]string{`"name": "CVE-2026-1001"`, `"name": "X-1"`, "https://vuln.example.com/1001", "CVE-2026-1001"}, true},
		"another digest":                     {[]string{"sha256%3A7d2c", "sha256%3A7d2d"}, false},
		"another product":                    {[]string{vexProduct, "pkg:oci/checkout?repository_url=registry.example.com/shop/checkout"}, false},
		"no product":                         {[]string{`"@id": "` + vexProduct + `"`, ""}, false},
		"by repository":                      {[]string{vexProduct, "pkg:oci/cart?repository_url=registry.example.com/shop/cart"}, true},
		"by the subject's name":              {[]string{vexProduct, "registry.example.com/shop/cart"}, true},
		"by name and digest":                 {[]string{vexProduct, "registry.example.com/shop/cart@" + digest}, true},
		"by another subject":                 {[]string{vexProduct, "registry.example.com/shop/car"}, false},
		"by hash":                            {[]string{`"@id": "` + vexProduct + `"`, `"@id": "https://example.com/cart", "hashes": {"sha-256": "` + digest[7:] + `"}`}, true},
		"by another hash":                    {[]string{`"@id": "` + vexProduct + `"`, `"@id": "registry.example.com/shop/cart", "hashes": {"sha-256": "` + otherImage[7:] + `"}`}, false},
		"by purl identifier":                 {[]string{`"@id": "` + vexProduct + `"`, `"identifiers": {"purl": "` + vexProduct + `"}`}, true},
		"a package of the image":             {[]string{`"@id": "` + vexProduct + `"`, `"@id": "` + vexProduct + `", "subcomponents": [{"@id": "pkg:deb/debian/libssl3@3.5.1-1"}]`}, true},
		"another package":                    {[]string{`"@id": "` + vexProduct + `"`, `"@id": "` + vexProduct + `", "subcomponents": [{"@id": "pkg:deb/debian/libc6"}]`}, false},
		"another version":                    {[]string{`"@id": "` + vexProduct + `"`, `"@id": "` + vexProduct + `", "subcomponents": [{"@id": "pkg:deb/debian/libssl3@3.5.0-1"}]`}, false},
		"a package without id":               {[]string{`"@id": "` + vexProduct + `"`, `"@id": "` + vexProduct + `", "subcomponents": [{}]`}, false},
		"packages beside":                    {[]string{`"status"`, `"subcomponents": ["pkg:deb/debian/libc6"], "status"`}, false},
		"the package as product":             {[]string{vexProduct, "pkg:deb/debian/libssl3@3.5.1-1"}, false},
		"from the future":                    {[]string{issued, "2026-11-28T09:05:01Z"}, false},
		"by no more than the subject's name": {[]string{vexProduct, "cart-image", `"name": "registry.example.com/shop/cart"`, `"name": "cart-image"`}, true},
		"the first version, limited": {[]string{`{
            "@id": "` + vexProduct + `"
          }`, `"` + vexProduct + `"`, `"status"`, `"subcomponents": ["pkg:deb/debian/libc6"], "status"`}, false},
		"the first version": {[]string{"v0.2.0", "v0.0.1", `{
          "@id": "https://vuln.example.com/1001",
          "name": "CVE-2026-1001",
          "aliases": [
            "GHSA-aaaa-bbbb-cccc"
          ]
        }`, `"CVE-2026-1001"`, `{
            "@id": "` + vexProduct + `"
          }`, `"` + vexProduct + `"`}, true},
	} {
		t.Run(name, func(t *testing.T) {
			facts := read(t, report, signed(t, "security", "vex", test.pairs...))
			found := strict().Judge(facts, cart)
			settled := strict().Settle(facts, cart).Reports[0]
			if test.want {
				none(t, found)
				if settled.Counts.Critical != 1 || settled.Open.Critical != 0 || settled.Open.Total != 3 || settled.Worst != "high" {
					t.Errorf("counts are %+v, open %+v, worst %s", settled.Counts, settled.Open, settled.Worst)
				}
				return
			}
			one(t, found, "a vulnerability is more severe than high: CVE-2026-1001")
			if settled.Open != settled.Counts {
				t.Errorf("counts are %+v, open %+v", settled.Counts, settled.Open)
			}
		})
	}
}

func TestWhoMayExcept(t *testing.T) {
	report := signed(t, "scanner", "report-trivy")
	facts := read(t, report, signed(t, "developer", "vex"))
	one(t, strict().Judge(facts, cart), "CVE-2026-1001")
	if got := strict().Settle(facts, cart).VEX; len(got) != 1 || got[0].Applies || got[0].Signer != "developer" {
		t.Errorf("the exceptions are %+v", got)
	}
	nobody := strict()
	nobody.Vulnerabilities.VEXSignedBy = nil
	one(t, nobody.Judge(read(t, report, signed(t, "security", "vex")), cart), "CVE-2026-1001")
	facts = read(t, report, signed(t, "security", "vex"))
	if got := strict().Settle(facts, cart).VEX; len(got) != 1 || !got[0].Applies {
		t.Errorf("the exceptions are %+v", got)
	}
	if facts.VEX[0].Applies || facts.Reports[0].Open.Critical != 1 || facts.Reports[0].Vulnerabilities[0].Excepted {
		t.Error("settling changes the facts that it is given")
	}
}

func TestTheNewestVEXStatementDecides(t *testing.T) {
	report, vex := signed(t, "scanner", "report-trivy"), signed(t, "security", "vex")
	affected := []string{`"not_affected"`, `"affected"`}
	later := signed(t, "security", "vex", append(affected, issued, "2026-11-21T10:00:00Z")...)
	earlier := signed(t, "security", "vex", append(affected, issued, "2026-11-19T10:00:00Z")...)
	same := signed(t, "security", "vex", affected...)
	updated := signed(t, "security", "vex", append(affected, issued, "2026-11-19T10:00:00Z", `"status"`, `"last_updated": "2026-11-22T10:00:00Z", "status"`)...)
	foreign := signed(t, "developer", "vex", append(affected, issued, "2026-11-21T10:00:00Z")...)
	alias := signed(t, "security", "vex", append(affected, issued, "2026-11-21T10:00:00Z", "CVE-2026-1001", "GHSA-aaaa-dddd-eeee", "GHSA-aaaa-bbbb-cccc", "CVE-2026-1001")...)
	for name, test := range map[string]struct {
		other attest.Statement
		want  bool
	}{
		"later": {later, false}, "earlier": {earlier, true}, "of the same time": {same, false}, "updated later": {updated, false},
		"of a signer who does not count": {foreign, true}, "by an alias": {alias, false},
	} {
		for _, statements := range [][]attest.Statement{{report, vex, test.other}, {test.other, vex, report}} {
			if found := strict().Judge(read(t, statements...), cart); test.want != (len(found) == 0) {
				t.Errorf("an affected that is %s: %+v", name, found)
			}
		}
	}
	// One that is limited to a package ends an exception where the report does not
	// say which package it is.
	plain := signed(t, "scanner", "report-intoto-v01")
	limited := signed(t, "security", "vex", append(affected, issued, "2026-11-21T10:00:00Z", `"@id": "`+vexProduct+`"`, `"@id": "`+vexProduct+`", "subcomponents": [{"@id": "pkg:deb/debian/libc6"}]`)...)
	none(t, strict().Judge(read(t, plain, vex), cart))
	one(t, strict().Judge(read(t, plain, vex, limited), cart), "CVE-2026-1001")
	none(t, strict().Judge(read(t, report, vex, limited), cart))
}

func TestVEXOfAGitHubAdvisory(t *testing.T) {
	facts := read(t, signed(t, "scanner", "report-grype"), signed(t, "security", "vex", "GHSA-aaaa-bbbb-cccc", "GHSA-aaaa-bbbb-dddd"))
	none(t, strict().Judge(facts, cart))
}

func TestFactsAreJudgedByManyAtOnce(t *testing.T) {
	facts := read(t, signed(t, "scanner", "report-trivy"), signed(t, "security", "vex"))
	var judges sync.WaitGroup
	for range 4 {
		judges.Go(func() {
			if found := strict().Judge(facts, cart); len(found) > 0 {
				t.Errorf("findings: %+v", found)
			}
		})
	}
	judges.Wait()
}

func TestThePlatformsOwnExceptions(t *testing.T) {
	report := read(t, signed(t, "scanner", "report-trivy"))
	platform := func(pairs ...string) []attest.Exception {
		t.Helper()
		found, err := attest.ReadVEX([]byte(changed(t, file(t, "platform-vex"), pairs...)))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	none(t, strict(platform()...).Judge(report, cart))
	one(t, strict(platform("shop/cart", "shop/checkout")...).Judge(report, cart), "CVE-2026-1001")
	one(t, strict(platform("libssl3", "libc6")...).Judge(report, cart), "CVE-2026-1001")
	// The platform's later word ends what a signer said, and the other way round.
	vex := read(t, signed(t, "scanner", "report-trivy"), signed(t, "security", "vex"))
	one(t, strict(platform("not_affected", "affected")...).Judge(vex, cart), "CVE-2026-1001")
	none(t, strict(platform("not_affected", "affected", "11-21T10", "11-19T10")...).Judge(vex, cart))
	one(t, strict(platform("not_affected", "affected", "11-21T10", "11-20T10")...).Judge(vex, cart), "CVE-2026-1001")
	for _, text := range []string{"", "[]", "{}", changed(t, file(t, "platform-vex"), `"status"`, `"status": "fixed", "status"`)} {
		if _, err := attest.ReadVEX([]byte(text)); fault.CodeOf(err) != fault.ImageAttestation {
			t.Errorf("ReadVEX(%.20q): %v", text, err)
		}
	}
	hub := cart
	hub.Image = "cart:1.4.0"
	none(t, strict(platform("registry.example.com/shop/cart", "index.docker.io/library/cart")...).Judge(report, hub))
}

func TestVEXThatIsNotValidExceptsNothing(t *testing.T) {
	for reason, pairs := range map[string][]string{
		"without justification or impact":       {because, `"status_notes": "trust me"`},
		"the unknown justification":             {"vulnerable_code_not_in_execute_path", "we_are_in_a_hurry"},
		"the unknown status":                    {`"not_affected"`, `"Not_Affected"`},
		"has no timestamp":                      {`"timestamp"`, `"time"`},
		"timestamp is not a time":               {issued, "last week"},
		"names no vulnerability":                {`"vulnerability"`, `"vuln"`},
		"is not the context of an OpenVEX docu": {"https://openvex.dev/ns/v0.2.0\",\n    \"@id", "https://example.com\",\n    \"@id"},
	} {
		facts, problems := attest.Read(digest, []attest.Statement{signed(t, "scanner", "report-trivy"), signed(t, "security", "vex", pairs...)})
		if len(problems) != 1 || len(facts.VEX) != 0 {
			t.Errorf("%s: %+v", reason, problems)
		} else {
			one(t, []attest.Finding{{Message: problems[0].Message, Fix: "-", Severity: "-"}}, reason)
		}
		one(t, strict().Judge(facts, cart), "CVE-2026-1001")
	}
}
