package catalog

import (
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

// imageRules are what environments ask with the field images.
func imageRules() []Rule {
	cosign := bundle.Reference{Title: "Sigstore: verifying signatures", URL: "https://docs.sigstore.dev/cosign/verifying/verify/"}
	slsa := bundle.Reference{Title: "SLSA: verifying artifacts", URL: "https://slsa.dev/spec/v1.0/verifying-artifacts"}
	rules := []Rule{
		{
			ID: supplychain.RuleName, Severity: "high", Title: "Image may not run here",
			Why: "An image that no rule of the environment speaks of was built by nobody knows whom. Environments ask for it with images.rules.",
			Fix: "Use an image of a repository that a rule names, by its full name.",
		},
		{
			ID: supplychain.RuleDigest, Severity: "high", Title: "Image is not pinned by digest",
			Why: "A tag can be moved after the image was verified. Environments that set images.tags to resolve write the digest themselves.",
			Fix: "Write the image as name@sha256:....",
		},
		{
			ID: supplychain.RuleRegistry, Severity: "high", Title: "Image's registry could not be asked",
			Why: "What was not verified is not admitted: a registry that is down, slow, redirects elsewhere or answers with something else proves nothing. " +
				"Rules with onUnavailable: cached accept what was verified before.",
			Fix: "Wait for the registry, or ask the platform team to list it in images.registries.",
		},
		{
			ID: supplychain.RuleSignature, Severity: "critical", Title: "Image is not signed as demanded",
			Why:        "Whoever can push to a registry can replace an image; a signature says who made the digest. Environments ask for it with images.rules[].signatures.",
			Fix:        "Sign the digest in the build, with a key or an identity that the rule names.",
			References: []bundle.Reference{cosign},
		},
		{
			ID: attest.RuleProvenance, Severity: "high", Title: "Image was not built as demanded",
			Why:        "Provenance says which builder made an image from which source. Environments ask for it with images.rules[].provenance.",
			Fix:        "Build the image with the builder and from the source that the rule names, and attest the digest there.",
			References: []bundle.Reference{slsa},
		},
		{
			ID: attest.RuleVulnerabilities, Severity: "high", Title: "Image has vulnerabilities, or was not scanned",
			Why: "A report that a scanner signed says what is known against an image, and loses its worth with time. Environments ask for it with images.rules[].vulnerabilities.",
			Fix: "Update what the message names, rebuild, scan and attest; or publish a VEX statement about what does not affect the image.",
		},
		{
			ID: attest.RuleSBOM, Severity: "medium", Title: "Image has no bill of materials",
			Why: "Without a list of what it is made of, nobody can tell whether the next vulnerability concerns an image. Environments ask for it with images.rules[].sbom.",
			Fix: "Make an SBOM in the build, in the form of SPDX or CycloneDX, and attest the digest with it.",
		},
	}
	for i := range rules {
		rules[i].Input = shape.Object
	}
	return rules
}
