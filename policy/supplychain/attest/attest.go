package attest

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The ids of the rules, by which waivers and people name them.
const (
	RuleProvenance      = "image-provenance"
	RuleVulnerabilities = "image-vulnerabilities"
	RuleSBOM            = "image-sbom"
)

// The bounds of what is read of one image.
const (
	// MaxStatements is how many statements of one image are read. An image that is
	// scanned each day has several hundred of them after a year: give the newest
	// first.
	MaxStatements = 1000
	// MaxTotal is the size of all statements of one image together, in bytes. Those
	// that are beyond it are left out.
	MaxTotal = 64 << 20
	// maxReports is how many reports of one signer are kept, the newest.
	maxReports = 5
	// maxProblems is how many problems are told.
	maxProblems = 50
	maxSubjects = 10_000
)

// Statement is one in-toto statement, the signature of which was verified. A
// statement that several signers signed comes once for each of them.
type Statement struct {
	// Body is the statement as JSON, of version 0.1 or 1.
	Body []byte
	// Signer is the name of the signer that it was verified with. A statement
	// without one is left out.
	Signer string
}

// Problem is a statement that was left out, and why.
type Problem struct {
	// Rule is the rule that would have asked for the statement; it is empty where
	// the statement could not be read far enough to tell.
	Rule string
	// Code is E_LIMIT for what is too large, too many or too deep, and
	// E_IMAGE_ATTESTATION otherwise.
	Code fault.Code
	// Signer signed the statement.
	Signer string
	// Message says what is wrong, in lower case and without a final stop. It is
	// one printable line.
	Message string
}

// Facts is what was attested of one image, for the rules here and, as
// input.images[i], for Rego. Lists are in a fixed order, whatever the order of
// the statements, and hold nothing twice.
type Facts struct {
	Provenance []Provenance `json:"provenance"`
	// Reports are the reports of scanners, the newest first.
	Reports []Report    `json:"reports"`
	VEX     []Exception `json:"vex"`
	SBOMs   []SBOM      `json:"sboms"`

	digest   string
	problems []Problem
}

// digests are those that images have.
var digests = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)

// Read makes facts of an image's statements. The digest is the image's own, such
// as sha256:.... Statements about something else, and statements that are
// not in the form of their kind, are left out and given as problems. Statements
// of kinds that no rule asks for are left out silently.
func Read(digest string, statements []Statement) (Facts, []Problem) {
	facts := Facts{Provenance: []Provenance{}, Reports: []Report{}, VEX: []Exception{}, SBOMs: []SBOM{}, digest: digest}
	if !digests.MatchString(digest) {
		facts.problem("", "", malformed("%q is not the digest of an image", fault.Clean(digest, 100)))
		return facts, slices.Clone(facts.problems)
	}
	if len(statements) > MaxStatements {
		facts.problem("", "", excess("the image has %d statements; %d are read", len(statements), MaxStatements))
		statements = statements[:MaxStatements]
	}
	total := 0
	for i, statement := range statements {
		if total += len(statement.Body); total > MaxTotal {
			facts.problem("", "", excess("the statements of the image are larger than %d MiB together; %d of %d are read", MaxTotal>>20, i, len(statements)))
			break
		}
		facts.add(statement)
	}
	facts.order()
	return facts, slices.Clone(facts.problems)
}

func (f *Facts) problem(rule, signer string, err *fault.Error) {
	if len(f.problems) < maxProblems {
		f.problems = append(f.problems, Problem{Rule: rule, Code: err.Code, Signer: fault.Clean(signer, 80), Message: fault.Clean(err.Message, 300)})
	}
}

// add reads one statement. What follows from it is added whole or not at all.
func (f *Facts) add(statement Statement) {
	if statement.Signer == "" {
		f.problem("", "", malformed("a statement names no signer"))
		return
	}
	body, err := decode(statement.Body)
	if err != nil {
		f.problem("", statement.Signer, err)
		return
	}
	from := &fields{}
	kind := from.text(body, "predicateType")
	read, rule := readerOf(kind)
	if read == nil {
		if from.err != nil {
			f.problem("", statement.Signer, from.err)
		}
		return
	}
	names := f.subjects(from, body)
	if from.err == nil && body["predicate"] == nil {
		from.fail(malformed("the statement has no predicate"))
	}
	if from.err == nil {
		commit := read(from, document{kind: kind, signer: statement.Signer, subjects: names, predicate: body["predicate"]})
		if from.err == nil && commit != nil {
			commit(f)
		}
	}
	if from.err != nil {
		f.problem(rule, statement.Signer, from.err)
	}
}

// document is a statement about the image.
type document struct {
	kind, signer string
	// subjects are the names that the statement gives the image.
	subjects  []string
	predicate any
}

// reader reads a predicate and returns what to do with the facts, or nothing
// for a predicate that no rule asks for.
type reader func(*fields, document) func(*Facts)

func readerOf(kind string) (reader, string) {
	switch {
	case kind == provenance02 || kind == provenance1:
		return readProvenance, RuleProvenance
	case kind == cosignVuln, kind == cosignCustom, of(kind, inTotoVulns), of(kind, trivyReport):
		return readReport, RuleVulnerabilities
	case of(kind, openVEX):
		return readVEX, RuleVulnerabilities
	case of(kind, spdxDocument), of(kind, cycloneDX):
		return readSBOM, RuleSBOM
	}
	return nil, ""
}

// of tells whether a predicate's type is the base or one of its versions.
func of(kind, base string) bool { return kind == base || strings.HasPrefix(kind, base+"/") }

// subjects returns the names that a statement gives the image. A statement that
// is not about the image's digest is a fault.
func (f *Facts) subjects(from *fields, body map[string]any) []string {
	switch version := from.text(body, "_type"); version {
	case "https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1":
	default:
		from.fail(malformed("%q is not a version of in-toto statements that is read here", fault.Clean(version, 80)))
		return nil
	}
	algorithm, want, _ := strings.Cut(f.digest, ":")
	var names []string
	matched := false
	for _, subject := range from.objects(body, "subject", maxSubjects) {
		digest := from.text(from.object(subject, "digest"), algorithm)
		if digest != want {
			continue
		}
		matched = true
		if name := from.text(subject, "name"); name != "" && !slices.Contains(names, name) && len(names) < 20 {
			names = append(names, name)
		}
	}
	if !matched {
		from.fail(malformed("the statement is about something else than %s", f.digest))
	}
	return names
}

// order sorts what was read and drops what stands twice.
func (f *Facts) order() {
	f.Provenance = unique(f.Provenance, func(p Provenance) string { return p.Source })
	f.Reports = unique(f.Reports, func(r Report) string { return "" })
	slices.SortStableFunc(f.Reports, func(a, b Report) int { return b.ScannedAt.Compare(a.ScannedAt) })
	f.VEX = unique(f.VEX, func(e Exception) string { return e.Vulnerability })
	f.SBOMs = unique(f.SBOMs, func(s SBOM) string { return s.Format })
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Signer, b.Signer), cmp.Compare(a.Message, b.Message))
	})
}

// unique sorts facts by a key and then by all that is known of them, and keeps
// one of those that are the same.
func unique[T any](facts []T, key func(T) string) []T {
	type entry struct {
		fact T
		text string
	}
	entries := make([]entry, 0, len(facts))
	for _, fact := range facts {
		entries = append(entries, entry{fact, fmt.Sprintf("%s\x00%+v", key(fact), fact)})
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.text, b.text) })
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.text == b.text })
	kept := make([]T, 0, len(entries))
	for _, one := range entries {
		kept = append(kept, one.fact)
	}
	return kept
}
