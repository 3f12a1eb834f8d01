package attest

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	fixReport     = "scan the image, and attest the report for its digest with a signer that the rule names"
	fixVulnerable = "update the packages, rebuild and scan; or publish a VEX statement about what does not affect the image"
	// maxNamed is how many vulnerabilities a message names.
	maxNamed = 5
)

func (v *VulnerabilityRule) judge(f Facts, s Subject) []Finding {
	report, refused := v.pick(f, s)
	if report == nil {
		return []Finding{refused}
	}
	var found []Finding
	if age := s.Now.Sub(report.ScannedAt); v.MaxAge > 0 && age > v.MaxAge {
		found = append(found, finding(RuleVulnerabilities, fault.ImageAttestation, fixReport,
			"the newest vulnerability report is %s old; at most %s are accepted", span(age), span(v.MaxAge)))
	}
	return append(found, v.severe(report)...)
}

// pick returns the report that counts: the newest of those that may be counted,
// and of several of one time the one with the worst in it.
func (v *VulnerabilityRule) pick(f Facts, s Subject) (*Report, Finding) {
	var newest *Report
	var others, reasons []string
	for i := range f.Reports {
		one := &f.Reports[i]
		switch {
		case !accepted(one.Signer, v.SignedBy):
			others = append(others, one.Signer)
		case one.ScannedAt.IsZero():
			reasons = append(reasons, "does not say when the image was scanned")
		case one.ScannedAt.After(s.Now.Add(maxFuture)):
			reasons = append(reasons, fmt.Sprintf("says that the image was scanned at %s, which is in the future", one.ScannedAt.Format(time.RFC3339)))
		case newest == nil || one.ScannedAt.After(newest.ScannedAt):
			newest = one
		case one.ScannedAt.Equal(newest.ScannedAt) && v.worse(one, newest):
			newest = one
		}
	}
	if newest == nil && len(reasons) > 0 {
		return nil, finding(RuleVulnerabilities, fault.ImageAttestation, fixReport, "the vulnerability report %s", reasons[0])
	}
	if newest == nil {
		return nil, f.missing(RuleVulnerabilities, "vulnerability report", fixReport, v.SignedBy, others)
	}
	return newest, Finding{}
}

func (v *VulnerabilityRule) worse(a, b *Report) bool {
	inA, inB := v.tooSevere(a), v.tooSevere(b)
	switch {
	case len(inA) == 0 || len(inB) == 0:
		return len(inA) > len(inB)
	default:
		return cmp.Or(cmp.Compare(v.rank(inA[0]), v.rank(inB[0])), cmp.Compare(len(inA), len(inB))) > 0
	}
}

// tooSevere returns what of a report is not accepted, the worst first.
func (v *VulnerabilityRule) tooSevere(report *Report) []Vulnerability {
	limit := rank(v.MaxSeverity)
	// The report is in this order but for the unknown ones.
	bySeverity := make([][]Vulnerability, len(severities)+1)
	for _, found := range report.all {
		if found.Excepted || v.IgnoreUnfixed && found.unfixed {
			continue
		}
		if rank := v.rank(found); rank > limit {
			bySeverity[rank] = append(bySeverity[rank], found)
		}
	}
	var severe []Vulnerability
	for rank := len(severities); rank > 0; rank-- {
		severe = append(severe, bySeverity[rank]...)
	}
	return severe
}

// rank is that of a vulnerability's severity, where unknown counts as the rule
// says.
func (v *VulnerabilityRule) rank(found Vulnerability) int {
	if known := rank(found.Severity); known > 0 {
		return known
	}
	if as := rank(v.Unknown); as > 0 {
		return as
	}
	return len(severities)
}

func (v *VulnerabilityRule) severe(report *Report) []Finding {
	severe := v.tooSevere(report)
	if len(severe) == 0 {
		return nil
	}
	var names []string
	for _, one := range severe[:min(maxNamed, len(severe))] {
		names = append(names, one.String())
	}
	if more := len(severe) - maxNamed; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	count := "a vulnerability is"
	if len(severe) > 1 {
		count = fmt.Sprintf("%d vulnerabilities are", len(severe))
	}
	asked := "more severe than " + v.MaxSeverity
	if rank(v.MaxSeverity) == 0 {
		asked = "found, and none is accepted"
	}
	found := finding(RuleVulnerabilities, fault.ImageVulnerable, fixVulnerable, "%s %s: %s", count, asked, strings.Join(names, ", "))
	found.Severity = severities[v.rank(severe[0])-1]
	return []Finding{found}
}

// String names a vulnerability in a message.
func (v Vulnerability) String() string {
	text := fault.Clean(v.ID, 30)
	var more []string
	if v.Package != "" {
		more = append(more, fault.Clean(v.Package, 30))
	}
	more = append(more, v.Severity)
	if v.Fixed != "" {
		more = append(more, "fixed in "+fault.Clean(v.Fixed, 20))
	}
	return fmt.Sprintf("%s (%s)", text, strings.Join(more, ", "))
}

// span writes a duration as people say it, in whole minutes, the last of which
// counts as one: what is too old must not read as just old enough.
func span(d time.Duration) string {
	minutes := int64((d + time.Minute - 1) / time.Minute)
	large, small, each, of := minutes/60, minutes%60, "h", "m"
	if minutes >= 7*24*60 {
		large, small, each, of = minutes/(24*60), minutes%(24*60)/60, " days", "h"
	}
	switch {
	case large == 0:
		return fmt.Sprintf("%d%s", small, of)
	case small == 0:
		return fmt.Sprintf("%d%s", large, each)
	}
	return fmt.Sprintf("%d%s %d%s", large, each, small, of)
}
