package doctor

import (
	"context"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// checkImages reads what signers are known by, and asks the registries that may be
// asked about images.
func (v *visit) checkImages(ctx context.Context) []Finding {
	a := about{area: Images, check: "images"}
	verifier, err := v.Tools.Images(v.seal)
	switch {
	case err != nil:
		return a.faults(err)
	case verifier == nil:
		return []Finding{a.unchecked("", "no environment demands anything of images")}
	}
	var findings []Finding
	for _, environment := range v.seal.Environments {
		if images := environment.Images; images.Asked() {
			findings = append(findings, a.of(environment.Name).rules(images))
		}
	}
	for _, one := range verifier.Health(ctx) {
		of, seen := about{area: Images, check: "registry"}.of(one.Registry), "it answers, and takes the login"
		if one.Signer != "" {
			of, seen = about{area: Images, check: "signer"}.of(one.Signer), "its keys or certificates are there"
		}
		if one.Err != nil {
			findings = append(findings, of.faults(one.Err)...)
		} else {
			findings = append(findings, of.ok("%s", seen))
		}
	}
	return findings
}

// rules says what an environment demands, and warns where that is nothing.
func (a about) rules(images config.EnvironmentImages) Finding {
	unverified := func(r config.ImageRule) bool { return r.Unverified }
	if !slices.ContainsFunc(images.Rules, func(r config.ImageRule) bool { return !r.Unverified }) {
		return a.warn("demand signatures in a rule of environments[].images", "all of its rules leave images unverified")
	}
	count := len(slices.DeleteFunc(slices.Clone(images.Rules), unverified))
	if images.Others == "warn" {
		return a.warn("remove others: warn from environments[].images when every image has a rule", "%s; images that none matches run with a warning", prose.Several(count, "rule"))
	}
	return a.ok("%s; images that none matches are denied", prose.Several(count, "rule"))
}
