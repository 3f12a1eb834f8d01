package supplychain

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// The ids of the rules; those of attestations are package attest's.
const (
	RuleName      = "image-name"
	RuleDigest    = "image-tag"
	RuleRegistry  = "image-unavailable"
	RuleSignature = "image-signature"
)

// RuleIDs lists the ids of all rules.
func RuleIDs() []string {
	return []string{RuleName, RuleDigest, RuleRegistry, RuleSignature, attest.RuleProvenance, attest.RuleVulnerabilities, attest.RuleSBOM}
}

// Finding is one thing that is wrong with an image.
type Finding struct {
	Rule         string
	Code         fault.Code
	Decision     verdict.Decision
	Severity     string
	Message, Fix string
}

var sha256Digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// judge holds what is known of an image against a rule.
func (r rule) judge(known evidence, subject attest.Subject) []Finding {
	var findings []Finding
	for _, demanded := range r.Signatures {
		if !slices.ContainsFunc(known.signatures, func(s Signature) bool { return slices.Contains(demanded.SignedBy, s.Signer) }) {
			findings = append(findings, unsigned(known, demanded, subject.Image))
		}
	}
	for _, one := range r.Attested.Judge(known.attested, subject) {
		finding := Finding{Rule: one.Rule, Code: one.Code, Severity: one.Severity, Message: one.Message, Fix: one.Fix}
		if one.Code == fault.ImageAttestation {
			finding.Message += refusals(known.refusedStatements, r.attester(one.Rule), "; of what is attached, ")
		}
		findings = append(findings, finding)
	}
	for i := range findings {
		findings[i].Decision = r.Enforcement
	}
	return findings
}

// unsigned says that a signature is missing, and what is there instead.
func unsigned(known evidence, demanded SignatureRule, image string) Finding {
	message := "the image " + image + " has no signature; one by " + either(demanded.SignedBy) + " is demanded"
	if known.attached || len(known.signatures) > 0 {
		message = "no signature of the image " + image + " is by " + either(demanded.SignedBy) + refusals(known.refused, demanded.SignedBy, ": ")
	}
	return Finding{
		Rule: RuleSignature, Code: fault.ImageSignature, Severity: "critical", Message: message,
		Fix: "sign the digest in the build, with a key or an identity of " + either(demanded.SignedBy),
	}
}

func either(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// refusals tells why what is attached does not count, for the first signers.
func refusals(refused map[string][]string, signers []string, before string) string {
	const most = 3
	var said []string
	for _, name := range signers {
		for _, text := range refused[name] {
			if !slices.Contains(said, text) && len(said) < most {
				said = append(said, text)
			}
		}
	}
	if len(said) == 0 {
		return ""
	}
	return before + strings.Join(said, ", ")
}

// failed turns what stopped the look at an image into findings.
func failed(err error, r rule) []Finding {
	var findings []Finding
	for _, one := range fault.Of(err) {
		rule := RuleRegistry
		if one.Code == fault.Image {
			rule = RuleName
		}
		findings = append(findings, Finding{Rule: rule, Code: one.Code, Decision: r.Enforcement, Severity: "high", Message: one.Message, Fix: one.Fix})
	}
	return findings
}

func quoted(text string) string { return fmt.Sprintf("%q", fault.Clean(text, 200)) }
