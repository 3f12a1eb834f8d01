package attest

import (
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

const fixProvenance = "build the image with the builder and from the source that the rule names, and attest the digest there"

// judge looks for one provenance that meets every demand. Where there is none it
// tells of the one that misses least.
func (p *ProvenanceRule) judge(f Facts, s Subject) []Finding {
	var nearest []string
	var others []string
	tried := 0
	for _, candidate := range f.Provenance {
		if !accepted(candidate.Signer, p.SignedBy) {
			others = append(others, candidate.Signer)
			continue
		}
		missed := p.missed(candidate, s)
		if len(missed) == 0 {
			return nil
		}
		if tried++; tried == 1 || len(missed) < len(nearest) {
			nearest = missed
		}
	}
	if tried == 0 {
		return []Finding{f.missing(RuleProvenance, "provenance", fixProvenance, p.SignedBy, others)}
	}
	more := ""
	if tried > 1 {
		more = fmt.Sprintf("none of %d provenances meets the whole rule; of the nearest, ", tried)
	}
	return []Finding{finding(RuleProvenance, fault.ImageAttestation, fixProvenance, "%s%s", more, strings.Join(nearest, "; "))}
}

// missed lists in words what a provenance does not meet.
func (p *ProvenanceRule) missed(found Provenance, s Subject) []string {
	var missed []string
	if len(p.Builders) > 0 && !matches(p.Builders, found.Builder, pattern.Compile) {
		missed = append(missed, fmt.Sprintf("the builder is %s, and %s is asked for", named(found.Builder), either(p.Builders)))
	}
	for _, source := range append([]string{found.Source}, found.OtherSources...) {
		if len(p.Sources) > 0 && !matches(p.Sources, source, pattern.CompileURL) {
			missed = append(missed, fmt.Sprintf("the source is %s, and %s is asked for%s", named(source), either(p.Sources), found.hint()))
			break
		}
	}
	own := pattern.CanonicalURL(s.RepoURL)
	for _, source := range append([]string{found.Source}, found.OtherSources...) {
		if p.SourceIsApplication && !sameRepository(source, own) {
			missed = append(missed, fmt.Sprintf("the source is %s, and that of the application is asked for, which is %s%s", named(source), named(own), found.hint()))
			break
		}
	}
	if len(p.Revisions) > 0 && !matches(p.Revisions, found.Ref, pattern.Compile) {
		missed = append(missed, fmt.Sprintf("the revision is %s, and %s is asked for", named(found.Ref), either(p.Revisions)))
	}
	return missed
}

// hint explains a source that people expect to be there.
func (p Provenance) hint() string {
	if p.Source != "" || p.ClaimedSource == "" {
		return ""
	}
	return fmt.Sprintf(" (that it is %s is only the word of BuildKit's client)", fault.Clean(p.ClaimedSource, 150))
}

// matches tells whether one of the patterns matches. An empty text is matched by
// none: what a provenance does not say meets no demand.
func matches(patterns []string, text string, compile func(string) (pattern.Pattern, *fault.Error)) bool {
	if text == "" || text == pattern.InvalidURL {
		return false
	}
	for _, one := range patterns {
		if compiled, err := compile(one); err == nil && compiled.Match(text) {
			return true
		}
	}
	return false
}

func named(text string) string {
	switch text {
	case "":
		return "not named"
	case pattern.InvalidURL:
		return "not a repository's URL"
	}
	return fault.Clean(text, 200)
}
