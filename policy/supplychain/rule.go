package supplychain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Outage says what a rule does while a registry cannot be asked.
type Outage string

// What counts during an outage: nothing, or what was known before and has not
// expired.
const (
	DenyOutage   Outage = "deny"
	CachedOutage Outage = "cached"
)

// Rule is what is demanded of the images of some repositories.
type Rule struct {
	// Name is what messages call the rule.
	Name string
	// Images are patterns for registry and repository, such as
	// registry.example.com/apps/**.
	Images []string
	// Enforcement is [verdict.Deny] where it is empty, or [verdict.Warn].
	Enforcement verdict.Decision
	// OnUnavailable is [DenyOutage] where it is empty.
	OnUnavailable Outage
	// Unverified lets images run as they are; nothing else may be demanded then.
	Unverified bool
	// Signatures must all be there, each by one of those whom it names.
	Signatures []SignatureRule
	// Attested is what must be attested.
	Attested attest.Rules
}

// SignatureRule demands one signature by any of some signers.
type SignatureRule struct{ SignedBy []string }

// rule is a Rule made ready.
type rule struct {
	Rule
	patterns []pattern.Pattern
	// signers are all whom the rule names, by whom things are looked at.
	signers []string
	wanted  registry.Wanted
	digest  string
}

func (v *Verifier) newRule(asked Rule) (rule, error) {
	made := rule{Rule: asked, digest: asked.sum()}
	if made.Enforcement == "" {
		made.Enforcement = verdict.Deny
	}
	for i, text := range asked.Images {
		compiled, err := pattern.Compile(text)
		if err != nil {
			return made, err.At("", fmt.Sprintf(".match[%d]", i))
		}
		made.patterns = append(made.patterns, compiled)
	}
	named := map[string]bool{}
	for _, one := range asked.Signatures {
		made.name(named, one.SignedBy)
	}
	attesters := map[string]bool{}
	for _, names := range asked.attesters() {
		made.name(attesters, names)
	}
	demands := len(asked.Signatures) > 0 || asked.Attested.Provenance != nil || asked.Attested.Vulnerabilities != nil || asked.Attested.SBOM != nil
	switch {
	case len(asked.Images) == 0:
		return made, fault.New(fault.Config, "the rule matches no image").At("", ".match").WithFix("write match, such as [registry.example.com/apps/**]")
	case !demands && !asked.Unverified:
		return made, fault.New(fault.Config, "the rule demands nothing").At("", "").WithFix("demand signatures, or write unverified: true")
	case demands && asked.Unverified:
		return made, fault.New(fault.Config, "the rule demands something of images that it leaves unverified").At("", ".unverified").WithFix("remove one of the two")
	}
	made.wants(v, named, attesters)
	maps.Copy(named, attesters)
	made.signers = slices.Sorted(maps.Keys(named))
	for _, name := range made.signers {
		if _, ok := v.signers[name]; !ok {
			return made, fault.New(fault.Config, "images.signers has no %q", fault.Clean(name, 80)).At("", "").MeantWord(name, slices.Sorted(maps.Keys(v.signers)))
		}
	}
	return made, nil
}

func (*rule) name(into map[string]bool, names []string) {
	for _, name := range names {
		into[name] = true
	}
}

// attester are those who may attest what a rule of package attest demands.
func (r Rule) attester(rule string) []string {
	switch {
	case rule == attest.RuleProvenance && r.Attested.Provenance != nil:
		return r.Attested.Provenance.SignedBy
	case rule == attest.RuleVulnerabilities && r.Attested.Vulnerabilities != nil:
		return r.Attested.Vulnerabilities.SignedBy
	case rule == attest.RuleSBOM && r.Attested.SBOM != nil:
		return r.Attested.SBOM.SignedBy
	}
	return nil
}

// attesters are those who may attest something that the rule demands.
func (r Rule) attesters() [][]string {
	all := [][]string{r.attester(attest.RuleProvenance), r.attester(attest.RuleVulnerabilities), r.attester(attest.RuleSBOM)}
	if r.Attested.Vulnerabilities != nil {
		all = append(all, r.Attested.Vulnerabilities.VEXSignedBy)
	}
	return all
}

// wants finds out what must be read: what nobody asks for must not be in the way.
func (r *rule) wants(v *Verifier, signers, attesters map[string]bool) {
	for name := range signers {
		if v.signers[name].Notation != nil {
			r.wanted.Notation = true
		} else {
			r.wanted.Cosign = true
		}
	}
	r.wanted.Attestations = len(attesters) > 0
}

// sum names what the rule says.
func (r Rule) sum() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic("supplychain: internal error: a rule of texts cannot be encoded")
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// digest names what an environment asks of images. Who the signers are changes
// while the program runs, and is in the verdicts instead.
func (e environment) digest(fields []image.Field) string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s %s\n", e.Tags, e.Others)
	for _, one := range e.rules {
		_, _ = fmt.Fprintln(sum, one.digest)
	}
	for _, field := range fields {
		_, _ = fmt.Fprintln(sum, field)
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}

// ruleFor returns the first rule that matches an image.
func (e environment) ruleFor(name image.Name) (rule, bool) {
	full := name.Full()
	for _, one := range e.rules {
		if slices.ContainsFunc(one.patterns, func(p pattern.Pattern) bool { return p.Match(full) }) {
			return one, true
		}
	}
	return rule{}, false
}
