package doctor

import (
	"context"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
)

// checkPolicies loads all policies as a start does, with remote sources asked
// and nothing taken from the cache.
func (v *visit) checkPolicies(ctx context.Context) []Finding {
	a := about{area: Policies, check: "policies"}
	settings := *v.seal
	// What the cache holds says nothing of the server, and it is the sidecar's.
	settings.Policy.CacheDir = ""
	gate, err := v.Tools.Policies(ctx, &settings)
	switch {
	case err != nil && ctx.Err() != nil:
		return []Finding{a.fail(fault.Timeout, "look whether the sources in policy.sources answer", "they could not be loaded within %v", v.Limit)}
	case err != nil:
		return a.faults(err)
	case gate == nil:
		return []Finding{a.unchecked("", "no environment asks for policies")}
	}
	var findings []Finding
	state, loaded := gate.State(), gate.Snapshot()
	for _, environment := range v.seal.Environments {
		digest, asked := state.Environments[environment.Name]
		if !asked {
			continue
		}
		level := environment.Policy.Level
		if level == "" {
			level = "no level"
		}
		findings = append(findings, a.of(environment.Name).ok("%s, %s in Rego, digest %.19s", level, prose.Several(len(loaded.Rules(environment.Name)), "rule"), digest))
	}
	for _, source := range v.seal.Policy.Sources {
		if digest := state.Sources[source.Name]; digest != "" {
			findings = append(findings, about{area: Policies, check: "source"}.of(source.Name).ok("fetched, %.19s", digest))
		}
	}
	if v.seal.Waivers != "" {
		findings = append(findings, about{area: Policies, check: "waivers"}.ok("%s loads", v.seal.Waivers))
	}
	return findings
}
