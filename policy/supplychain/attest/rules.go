package attest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// maxFuture is how far ahead the clock of a scanner may be.
const maxFuture = 5 * time.Minute

// Rules are what the platform asks of the images of an environment. A rule that
// is nil asks nothing.
type Rules struct {
	Provenance      *ProvenanceRule
	Vulnerabilities *VulnerabilityRule
	SBOM            *SBOMRule
}

// ProvenanceRule asks for provenance. One provenance must meet all of it: that
// one names the right builder and another the right source proves nothing. An
// empty list asks nothing.
type ProvenanceRule struct {
	// SignedBy are the names of signers, of which one must have signed it. Empty
	// accepts every signer that the platform knows.
	SignedBy []string
	// Builders are patterns for the builder's id, and Sources for the URL of the
	// repository that was built.
	Builders []string
	Sources  []string
	// SourceIsApplication asks for the repository of the Argo CD application
	// itself. HTTPS and SSH on their usual ports count as the same.
	SourceIsApplication bool
	// Revisions are patterns for the branch or tag, such as refs/tags/v*. They deny
	// provenance that names none.
	Revisions []string
}

// VulnerabilityRule asks for a scanner's report. Of those that the signers have
// signed, and that have a time which is not in the future, the newest counts.
type VulnerabilityRule struct {
	// SignedBy are the names of signers; empty accepts every signer that the
	// platform knows.
	SignedBy []string
	// MaxSeverity is the highest severity that is still accepted: none, negligible,
	// low, medium, high or critical. Any other text is taken for none.
	MaxSeverity string
	// Unknown is the severity that a vulnerability without a known one counts as;
	// empty is critical.
	Unknown string
	// MaxAge is the longest time since the scan; 0 sets none.
	MaxAge time.Duration
	// IgnoreUnfixed accepts vulnerabilities for which the scanner says that there is
	// no fix yet. Reports that say nothing of fixes gain nothing by it.
	IgnoreUnfixed bool
	// VEXSignedBy are the names of the signers whose VEX statements may except
	// vulnerabilities. Empty accepts none.
	VEXSignedBy []string
	// Exceptions are those of the platform's own files, from [ReadVEX].
	Exceptions []Exception
}

// SBOMRule asks for a bill of materials.
type SBOMRule struct {
	// SignedBy are the names of signers; empty accepts every signer that the
	// platform knows.
	SignedBy []string
	// Formats are spdx and cyclonedx; empty accepts either.
	Formats []string
}

// Subject is what facts are judged for.
type Subject struct {
	// Image is the image's text in the manifest.
	Image string
	// RepoURL is the repository of the Argo CD application.
	RepoURL string
	// Now is the time of the request.
	Now time.Time
}

// Finding is one demand of a rule that an image does not meet.
type Finding struct {
	// Rule is [RuleProvenance], [RuleVulnerabilities] or [RuleSBOM].
	Rule string
	// Code is E_IMAGE_VULNERABLE for vulnerabilities, E_IMAGE_ATTESTATION for what
	// is missing, too old or says something else, and E_LIMIT where a statement was
	// too large to be read.
	Code fault.Code
	// Message says what was found and what is asked, and Fix what to do. Both are
	// one printable line, of at most 600 bytes.
	Message, Fix string
	// Severity is high, or that of the worst vulnerability.
	Severity string
}

// maxMessage bounds a finding's message, in bytes: reports cut what is longer.
const maxMessage = 600

func finding(rule string, code fault.Code, fix, format string, args ...any) Finding {
	return Finding{Rule: rule, Code: code, Message: fault.Clean(fmt.Sprintf(format, args...), maxMessage), Fix: fault.Clean(fix, maxMessage), Severity: "high"}
}

// Judge holds facts against the rules, and returns what they do not meet in a
// fixed order. It settles the facts itself.
func (r Rules) Judge(f Facts, s Subject) []Finding {
	var found []Finding
	if r.Provenance != nil {
		found = append(found, r.Provenance.judge(f, s)...)
	}
	if r.Vulnerabilities != nil {
		found = append(found, r.Vulnerabilities.judge(r.Settle(f, s), s)...)
	}
	if r.SBOM != nil {
		found = append(found, r.SBOM.judge(f)...)
	}
	return found
}

// Check tells what is wrong with the rules as they are configured: patterns that
// are none, and words that are not known. A rule that is not checked and is wrong
// denies.
func (r Rules) Check() fault.List {
	var list fault.List
	if rule := r.Provenance; rule != nil {
		for _, text := range slices.Concat(rule.Builders, rule.Revisions) {
			if _, err := pattern.Compile(text); err != nil {
				list = append(list, err)
			}
		}
		for _, text := range rule.Sources {
			if _, err := pattern.CompileURL(text); err != nil {
				list = append(list, err)
			}
		}
	}
	if rule := r.Vulnerabilities; rule != nil {
		list = append(list, rule.check()...)
	}
	if rule := r.SBOM; rule != nil {
		for _, format := range rule.Formats {
			if format != SPDX && format != CycloneDX {
				list = append(list, fault.New(fault.Config, "%q is not a format of SBOMs", fault.Clean(format, 40)).WithFix("write spdx or cyclonedx"))
			}
		}
	}
	return list
}

func (v *VulnerabilityRule) check() fault.List {
	var list fault.List
	if v.MaxSeverity != "none" && rank(v.MaxSeverity) == 0 {
		list = append(list, fault.New(fault.Config, "%q is not a severity", fault.Clean(v.MaxSeverity, 40)).
			WithFix("write none, %s", strings.Join(severities, ", ")))
	}
	if v.Unknown != "" && rank(v.Unknown) == 0 {
		list = append(list, fault.New(fault.Config, "%q is not a severity", fault.Clean(v.Unknown, 40)).
			WithFix("write one of %s", strings.Join(severities, ", ")))
	}
	if v.MaxAge < 0 {
		list = append(list, fault.New(fault.Config, "an age of %s is below zero", v.MaxAge))
	}
	return list
}

// accepted tells whether a signer is one of those that a rule names.
func accepted(signer string, signers []string) bool {
	return signer != "" && (len(signers) == 0 || slices.Contains(signers, signer))
}

// missing is the finding for a kind of statement that nobody who is asked has
// signed: it says who was asked, who has signed one, and what was left out.
func (f Facts) missing(rule, kind, fix string, signers, others []string) Finding {
	message := "the image has no " + kind
	if len(signers) > 0 {
		message += " that " + either(signers) + " signed"
	}
	slices.Sort(others)
	if others = slices.Compact(others); len(others) > 0 {
		message += fmt.Sprintf("; what there is was signed by %s", either(others))
	}
	code := fault.ImageAttestation
	if problem, ok := f.left(rule, signers); ok {
		if problem.Signer != "" {
			message += fmt.Sprintf("; a statement that %s signed was left out", fault.Clean(problem.Signer, 80))
		}
		message += ": " + problem.Message
		code = problem.Code
	}
	return finding(rule, code, fix, "%s", message)
}

// left returns a problem that may be why a rule finds nothing: that of a
// statement of its own kind before one that could not be told.
func (f Facts) left(rule string, signers []string) (Problem, bool) {
	for _, kind := range []string{rule, ""} {
		for _, problem := range f.problems {
			if problem.Rule == kind && (problem.Signer == "" || accepted(problem.Signer, signers)) {
				return problem, true
			}
		}
	}
	return Problem{}, false
}

// either names at most five things.
func either(names []string) string {
	const most = 5
	shown := make([]string, 0, most)
	for _, name := range names[:min(most, len(names))] {
		shown = append(shown, fault.Clean(name, 100))
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s or %d more", strings.Join(shown, ", "), more)
	}
	if len(shown) == 1 {
		return shown[0]
	}
	return strings.Join(shown[:len(shown)-1], ", ") + " or " + shown[len(shown)-1]
}
