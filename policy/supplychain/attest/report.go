package attest

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The types of predicates that hold a scanner's report. Version and form of what
// is in them vary: people attest the output of one tool as the type of another.
const (
	cosignVuln = "https://cosign.sigstore.dev/attestation/vuln/v1"
	// cosignCustom wraps any file as a text.
	cosignCustom = "https://cosign.sigstore.dev/attestation/v1"
	inTotoVulns  = "https://in-toto.io/attestation/vulns"
	trivyReport  = "https://aquasecurity.github.io/trivy"
)

const (
	// MaxVulnerabilities is how many vulnerabilities a report has at most. A report
	// with more is left out.
	MaxVulnerabilities = 50_000
	// shown is how many of them facts have.
	shown = 100
	// maxShown bounds names and versions in facts, in bytes.
	maxShown = 200
)

// Report is what a scanner found in an image.
type Report struct {
	PredicateType  string `json:"predicateType"`
	Scanner        string `json:"scanner"`
	ScannerVersion string `json:"scannerVersion,omitempty"`
	// ScannedAt is when the image was scanned, by the report's own word. A report
	// that names several times, as one that was converted later, was made at the
	// earliest of them.
	ScannedAt time.Time `json:"scannedAt,omitzero"`
	Signer    string    `json:"signer"`
	// Counts are all vulnerabilities, and Open those that no exception takes out.
	Counts Counts `json:"counts"`
	Open   Counts `json:"open"`
	// Worst is the highest severity among the open ones, none where there are none,
	// and unknown where nothing else is known.
	Worst string `json:"worst"`
	// Vulnerabilities are the first 100: the open ones first, the most severe of
	// them first.
	Vulnerabilities []Vulnerability `json:"vulnerabilities"`

	all []Vulnerability
}

// Counts counts vulnerabilities by severity.
type Counts struct {
	Critical   int `json:"critical"`
	High       int `json:"high"`
	Medium     int `json:"medium"`
	Low        int `json:"low"`
	Negligible int `json:"negligible"`
	Unknown    int `json:"unknown"`
	Total      int `json:"total"`
}

// Vulnerability is one that a scanner found in one package.
type Vulnerability struct {
	ID      string `json:"id"`
	Package string `json:"package,omitempty"`
	Version string `json:"version,omitempty"`
	// Fixed is the version that has it no more, empty where none is known.
	Fixed    string `json:"fixed,omitempty"`
	Severity string `json:"severity"`
	// Excepted is set where a VEX statement that is accepted takes it out.
	Excepted bool `json:"excepted,omitempty"`

	aliases []string
	purl    string
	// unfixed is set where the scanner says that there is no fix. A report that
	// says nothing of fixes does not say that.
	unfixed bool
}

func readReport(from *fields, statement document) func(*Facts) {
	report := Report{PredicateType: statement.kind, Signer: statement.signer}
	var result any
	switch {
	case statement.kind == cosignCustom:
		content, ok := unwrap(statement.predicate)
		if !ok {
			return nil
		}
		result = content
	case of(statement.kind, trivyReport):
		result = statement.predicate
	default:
		predicate := from.asObject(statement.predicate, "predicate")
		scanner := from.object(predicate, "scanner")
		report.Scanner, report.ScannerVersion = from.text(scanner, "uri"), from.text(scanner, "version")
		for _, key := range []string{"metadata", "scanMetadata"} {
			metadata := from.object(predicate, key)
			report.scanned(from.time(metadata, "scanFinishedOn"))
			report.scanned(from.time(metadata, "scanStartedOn"))
		}
		result = scanner["result"]
	}
	report.read(from, result)
	report.count()
	return func(f *Facts) { f.keep(report) }
}

// keep adds a report, and lets go of the oldest of its signer where there are
// more than can matter: each may hold very many vulnerabilities.
func (f *Facts) keep(report Report) {
	f.Reports = append(f.Reports, report)
	oldest, count := -1, 0
	for i, one := range f.Reports {
		if one.Signer != report.Signer {
			continue
		}
		if count++; oldest < 0 || one.before(f.Reports[oldest]) {
			oldest = i
		}
	}
	if count > maxReports {
		f.Reports = slices.Delete(f.Reports, oldest, oldest+1)
	}
}

// before orders reports by their time, and those of one time by what they found,
// so that the worst of them is kept.
func (r Report) before(other Report) bool {
	a, b := r.Counts, other.Counts
	return cmp.Or(r.ScannedAt.Compare(other.ScannedAt), cmp.Compare(a.Critical+a.Unknown, b.Critical+b.Unknown), cmp.Compare(a.High, b.High),
		cmp.Compare(a.Medium, b.Medium), cmp.Compare(a.Total, b.Total)) < 0
}

// scanned sets the time of the scan to the earliest that is named.
func (r *Report) scanned(at time.Time) {
	if !at.IsZero() && (r.ScannedAt.IsZero() || at.Before(r.ScannedAt)) {
		r.ScannedAt = at
	}
}

// unwrap returns the report in cosign's wrapper for files of any kind, and
// nothing where there is something else in it.
func unwrap(predicate any) (map[string]any, bool) {
	wrapper, _ := predicate.(map[string]any)
	content, ok := wrapper["Data"].(map[string]any)
	if text, isText := wrapper["Data"].(string); isText {
		decoded, err := decode([]byte(text))
		content, ok = decoded, err == nil
	}
	return content, ok && (isTrivy(content) || isGrype(content))
}

func isTrivy(report map[string]any) bool {
	_, version := report["SchemaVersion"]
	_, artifact := report["ArtifactName"]
	return version && artifact
}

func isGrype(report map[string]any) bool {
	_, matches := report["matches"]
	_, descriptor := report["descriptor"]
	return matches && descriptor
}

// read takes the vulnerabilities out of a report of any form that is known.
func (r *Report) read(from *fields, result any) {
	content, isObject := result.(map[string]any)
	switch {
	case isTrivy(content):
		r.trivy(from, content)
	case isGrype(content):
		r.grype(from, content)
	case isObject && content["vulnerabilities"] != nil:
		r.entries(from, content["vulnerabilities"])
	case !isObject && result != nil:
		r.entries(from, result)
	default:
		from.fail(malformed("the report is of no form that is known"))
	}
	if r.Scanner = fault.Clean(r.Scanner, maxShown); r.Scanner == "" {
		r.Scanner = unknown
	}
	r.ScannerVersion = fault.Clean(r.ScannerVersion, maxShown)
}

func (r *Report) add(from *fields, found Vulnerability) {
	if found.ID == "" || len(found.ID) > maxShown {
		from.fail(malformed("a vulnerability has no id, or one of more than %d bytes", maxShown))
	}
	if len(r.all) == MaxVulnerabilities {
		from.fail(excess("the report has more than %d vulnerabilities", MaxVulnerabilities))
	}
	if from.err != nil {
		return
	}
	found.Package, found.Version, found.Fixed = fault.Clean(found.Package, maxShown), fault.Clean(found.Version, maxShown), fault.Clean(found.Fixed, maxShown)
	r.all = append(r.all, found)
}

// trivy reads Trivy's own report. One of an image without vulnerabilities may
// have no results at all.
func (r *Report) trivy(from *fields, report map[string]any) {
	r.Scanner = "trivy"
	if version := from.text(from.object(report, "Trivy"), "Version"); version != "" {
		r.ScannerVersion = version
	}
	r.scanned(from.time(report, "CreatedAt"))
	for _, result := range from.objects(report, "Results", MaxVulnerabilities) {
		for _, entry := range from.objects(result, "Vulnerabilities", MaxVulnerabilities) {
			fixed, status := from.text(entry, "FixedVersion"), from.text(entry, "Status")
			r.add(from, Vulnerability{
				ID: from.text(entry, "VulnerabilityID"), Package: from.text(entry, "PkgName"), Version: from.text(entry, "InstalledVersion"),
				Fixed: fixed, Severity: severityOf(from.text(entry, "Severity")), aliases: from.texts(entry, "VendorIDs", 100),
				purl: from.text(from.object(entry, "PkgIdentifier"), "PURL"), unfixed: fixed == "" && status != "fixed",
			})
		}
	}
}

func (r *Report) grype(from *fields, report map[string]any) {
	descriptor := from.object(report, "descriptor")
	r.Scanner = "grype"
	if version := from.text(descriptor, "version"); version != "" {
		r.ScannerVersion = version
	}
	r.scanned(from.time(descriptor, "timestamp"))
	for _, match := range from.objects(report, "matches", MaxVulnerabilities) {
		vulnerability, artifact := from.object(match, "vulnerability"), from.object(match, "artifact")
		fix := from.object(vulnerability, "fix")
		fixed := from.texts(fix, "versions", 100)
		found := Vulnerability{
			ID: from.text(vulnerability, "id"), Package: from.text(artifact, "name"), Version: from.text(artifact, "version"),
			Fixed: strings.Join(fixed, ", "), Severity: severityOf(from.text(vulnerability, "severity")), purl: from.text(artifact, "purl"),
			unfixed: len(fixed) == 0 && from.text(fix, "state") != "fixed",
		}
		for _, related := range from.objects(match, "relatedVulnerabilities", 100) {
			found.aliases = append(found.aliases, from.text(related, "id"))
		}
		r.add(from, found)
	}
}

// entries reads the plain list of in-toto's reports. It says neither packages
// nor fixes.
func (r *Report) entries(from *fields, list any) {
	for _, entry := range from.asObjects(list, "result", MaxVulnerabilities) {
		if nested, ok := entry["vulnerability"].(map[string]any); ok {
			entry = nested
		}
		r.add(from, Vulnerability{ID: from.text(entry, "id"), Severity: rated(from, entry["severity"])})
	}
}

// count brings the vulnerabilities in order and sums them up.
func (r *Report) count() {
	slices.SortStableFunc(r.all, func(a, b Vulnerability) int {
		if a.Excepted != b.Excepted {
			return map[bool]int{false: -1, true: 1}[a.Excepted]
		}
		return cmp.Or(cmp.Compare(rank(b.Severity), rank(a.Severity)), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Package, b.Package),
			cmp.Compare(a.Version, b.Version), cmp.Compare(a.Fixed, b.Fixed), cmp.Compare(a.purl, b.purl))
	})
	r.Counts, r.Open, r.Worst = Counts{}, Counts{}, "none"
	for _, found := range r.all {
		r.Counts.add(found.Severity)
		if !found.Excepted {
			r.Open.add(found.Severity)
		}
	}
	if len(r.all) > 0 && !r.all[0].Excepted {
		r.Worst = r.all[0].Severity
	}
	r.Vulnerabilities = slices.Clone(r.all[:min(shown, len(r.all))])
	if r.Vulnerabilities == nil {
		r.Vulnerabilities = []Vulnerability{}
	}
}

func (c *Counts) add(severity string) {
	c.Total++
	switch severity {
	case "critical":
		c.Critical++
	case "high":
		c.High++
	case "medium":
		c.Medium++
	case "low":
		c.Low++
	case "negligible":
		c.Negligible++
	default:
		c.Unknown++
	}
}
