package attest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

func TestEachFormOfSBOMIsRead(t *testing.T) {
	for name, want := range map[string]attest.SBOM{
		"sbom-spdx":      {PredicateType: "https://spdx.dev/Document", Format: "spdx", Version: "2.3", Components: 2},
		"sbom-spdx-tags": {PredicateType: "https://spdx.dev/Document", Format: "spdx", Version: "2.3", Components: 2},
		"sbom-spdx3":     {PredicateType: "https://spdx.dev/Document/v3.0", Format: "spdx", Version: "3.0.1", Components: 1},
		"sbom-cyclonedx": {PredicateType: "https://cyclonedx.org/bom/v1.6", Format: "cyclonedx", Version: "1.6", Components: 3},
	} {
		want.Signer = "ci"
		if diff := cmp.Diff([]attest.SBOM{want}, read(t, signed(t, "ci", name)).SBOMs); diff != "" {
			t.Errorf("%s is read otherwise:\n%s", name, diff)
		}
	}
}

func TestSBOMRule(t *testing.T) {
	spdx, cyclonedx := signed(t, "ci", "sbom-spdx"), signed(t, "ci", "sbom-cyclonedx")
	none(t, attest.Rules{SBOM: &attest.SBOMRule{}}.Judge(read(t, spdx), cart))
	none(t, attest.Rules{SBOM: &attest.SBOMRule{SignedBy: []string{"ci"}, Formats: []string{"cyclonedx"}}}.Judge(read(t, spdx, cyclonedx), cart))
	for name, test := range map[string]struct {
		rule       attest.SBOMRule
		statements []attest.Statement
		message    string
	}{
		"format":  {attest.SBOMRule{Formats: []string{"cyclonedx"}}, []attest.Statement{spdx}, "the SBOM is in the format SPDX 2.3, and cyclonedx is asked for"},
		"signer":  {attest.SBOMRule{SignedBy: []string{"release"}}, []attest.Statement{cyclonedx}, "the image has no SBOM that release signed; what there is was signed by ci"},
		"missing": {attest.SBOMRule{}, nil, "the image has no SBOM"},
	} {
		found := one(t, attest.Rules{SBOM: &test.rule}.Judge(read(t, test.statements...), cart), test.message)
		if found.Rule != attest.RuleSBOM || found.Code != fault.ImageAttestation || found.Message != test.message {
			t.Errorf("%s: %+v", name, found)
		}
	}
}

func TestWhatIsNoSBOMIsLeftOut(t *testing.T) {
	for reason, statement := range map[string]attest.Statement{
		"is no CycloneDX document":  signed(t, "ci", "sbom-cyclonedx", `"bomFormat": "CycloneDX"`, `"format": "CycloneDX"`),
		"is no SPDX document":       signed(t, "ci", "sbom-spdx", "SPDX-2.3", "two"),
		"lists no components":       signed(t, "ci", "sbom-spdx", `"packages"`, `"files"`),
		"components is not a list":  signed(t, "ci", "sbom-cyclonedx", `"components": [`, `"components": 3, "rest": [`),
		"entry of components is no": signed(t, "ci", "sbom-cyclonedx", `"components": [`, `"components": [ 1,`),
		"predicate is not an obj":   signed(t, "ci", "sbom-cyclonedx", `"predicate": {`, `"predicate": 1, "rest": {`),
	} {
		refused(t, reason, statement)
	}
	facts := refused(t, "is no SPDX document", signed(t, "ci", "sbom-spdx-tags", "SPDXVersion: ", "Version: "))
	one(t, attest.Rules{SBOM: &attest.SBOMRule{}}.Judge(facts, cart), "the image has no SBOM; a statement that ci signed was left out: what is attested as an SBOM is no SPDX document")
	if found := one(t, attest.Rules{Provenance: &attest.ProvenanceRule{}}.Judge(facts, cart)); found.Message != "the image has no provenance" {
		t.Errorf("the message is %q", found.Message)
	}
}
