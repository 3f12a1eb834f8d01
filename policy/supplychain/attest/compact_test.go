package attest_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

// TestCompactFactsAreJudgedAsWholeOnes judges every kind of statement by every
// severity, with and without VEX.
func TestCompactFactsAreJudgedAsWholeOnes(t *testing.T) {
	whole := read(t, everything(t)...)
	signers := map[string]bool{}
	for _, one := range everything(t) {
		signers[one.Signer] = true
	}
	findings := 0
	for _, severity := range []string{"none", "negligible", "low", "medium", "high", "critical"} {
		for signer := range signers {
			for _, vex := range [][]string{nil, {signer}} {
				for _, unfixed := range []bool{false, true} {
					rules := attest.Rules{
						Provenance: &attest.ProvenanceRule{SourceIsApplication: true}, SBOM: &attest.SBOMRule{},
						Vulnerabilities: &attest.VulnerabilityRule{MaxSeverity: severity, VEXSignedBy: vex, IgnoreUnfixed: unfixed},
					}
					subject := attest.Subject{Image: "registry.example.com/shop/cart", RepoURL: "https://github.com/example/cart", Now: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)}
					want := rules.Judge(whole, subject)
					findings += len(want)
					if diff := cmp.Diff(want, rules.Judge(rules.Compact(whole), subject)); diff != "" {
						t.Errorf("%s, VEX by %v (-whole +compact):\n%s", severity, vex, diff)
					}
				}
			}
		}
	}
	if findings == 0 {
		t.Error("nothing is found by any of them")
	}
}
