package supplychain_test

import (
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

// attests verifies an image of which something attested is demanded.
func attests(rules attest.Rules, do func(l *lab, image name.Digest)) func(l *lab) *supplychain.Result {
	return func(l *lab) *supplychain.Result {
		image := l.push()
		do(l, image)
		return l.verify(l.verifier(l.rule(attested(rules))), image.String())
	}
}

func attestationCases() []oneCase {
	const (
		noProvenance = "E_IMAGE_ATTESTATION image-provenance"
		noReport     = "E_IMAGE_ATTESTATION image-vulnerabilities"
		vulnerable   = "E_IMAGE_VULNERABLE image-vulnerabilities"
		noSBOM       = "E_IMAGE_ATTESTATION image-sbom"
	)
	built := attest.Rules{Provenance: &attest.ProvenanceRule{
		SignedBy: []string{"ci"}, Builders: []string{"https://github.com/example/builders/**"}, SourceIsApplication: true, Revisions: []string{"refs/heads/main"},
	}}
	scanned := attest.Rules{Vulnerabilities: &attest.VulnerabilityRule{
		SignedBy: []string{"release"}, MaxSeverity: "medium", MaxAge: 72 * time.Hour, VEXSignedBy: []string{"ci"},
	}}
	listed := attest.Rules{SBOM: &attest.SBOMRule{SignedBy: []string{"release"}, Formats: []string{"spdx"}}}
	byCI := func(predicateType string, predicate fields) func(l *lab, image name.Digest) {
		return func(l *lab, image name.Digest) { l.sigstore.Attest(l, image, ci, predicateType, predicate) }
	}
	byKey := func(predicateType string, predicates ...fields) func(l *lab, image name.Digest) {
		return func(l *lab, image name.Digest) {
			for _, one := range predicates {
				l.key.Attest(l, image, predicateType, one)
			}
		}
	}
	ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
	return []oneCase{
		{"no provenance", noProvenance, attests(built, func(*lab, name.Digest) {})},
		{"provenance as demanded", "admitted", attests(built, byCI(provenanceType, provenance(builder, source, "refs/heads/main")))},
		{"provenance as demanded, in a bundle", "admitted", attests(built, func(l *lab, image name.Digest) {
			l.sigstore.Bundle(l, image, ci, provenanceType, provenance(builder, source, "refs/heads/main"))
		})},
		{"built from another repository than the application's", noProvenance, attests(built, byCI(provenanceType, provenance(builder, "https://github.com/example/other", "refs/heads/main")))},
		{"built by another builder", noProvenance, attests(built, byCI(provenanceType, provenance("https://laptop.example", source, "refs/heads/main")))},
		{"built from another branch", noProvenance, attests(built, byCI(provenanceType, provenance(builder, source, "refs/heads/experiment")))},
		{"two provenances that only together say what is demanded", noProvenance, attests(built, func(l *lab, image name.Digest) {
			byCI(provenanceType, provenance(builder, "https://github.com/example/other", "refs/heads/main"))(l, image)
			byCI(provenanceType, provenance("https://laptop.example", source, "refs/heads/main"))(l, image)
		})},
		{"provenance signed by who may not attest", noProvenance, attests(built, byKey(provenanceType, provenance(builder, source, "refs/heads/main")))},
		{"provenance of another image", noProvenance, attests(built, func(l *lab, image name.Digest) {
			l.key.AttestStatement(l, image, signtest.Statement(l, l.push(), provenanceType, provenance(builder, source, "refs/heads/main")))
		})},
		{"no report", noReport, attests(scanned, func(*lab, name.Digest) {})},
		{"a report with nothing too severe", "admitted", attests(scanned, byKey(reportType, report(ago(time.Hour), "MEDIUM", "LOW")))},
		{"a report with a critical vulnerability", vulnerable, attests(scanned, byKey(reportType, report(ago(time.Hour), "CRITICAL")))},
		{"a critical vulnerability that does not affect the image", "admitted", attests(scanned, func(l *lab, image name.Digest) {
			byKey(reportType, report(ago(time.Hour), "CRITICAL"))(l, image)
			byCI(vexType, vex(image, "EXAMPLE-2026-1001"))(l, image)
		})},
		{"the word of somebody else that it does not", vulnerable, attests(scanned, func(l *lab, image name.Digest) {
			byKey(reportType, report(ago(time.Hour), "CRITICAL"))(l, image)
			l.key.Attest(l, image, vexType, vex(image, "EXAMPLE-2026-1001"))
		})},
		{"an old report, replayed", noReport, attests(scanned, byKey(reportType, report(ago(31*24*time.Hour))))},
		{"a good report that is older than a bad one", vulnerable, attests(scanned, byKey(reportType, report(ago(2*time.Hour)), report(ago(time.Hour), "CRITICAL")))},
		{"a report from the future", noReport, attests(scanned, byKey(reportType, report(ago(-24*time.Hour))))},
		{"no SBOM", noSBOM, attests(listed, func(*lab, name.Digest) {})},
		{"an SBOM", "admitted", attests(listed, byKey(spdxType, sbom()))},
		{"an SBOM that lists nothing", noSBOM, attests(listed, byKey(spdxType, fields{"spdxVersion": "SPDX-2.3"}))},
	}
}
