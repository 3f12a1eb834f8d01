package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// load reads plugin.yaml. A file that is not there is an error; one that is wrong
// is a finding.
func (v *visit) load() error {
	defaults := config.Default()
	v.seal = &defaults
	if v.File == "" {
		if v.Repository != "" {
			return nil
		}
		return fault.New(fault.Config, "there is nothing to look at: no plugin.yaml and no repository").
			WithFix("name the file with --config, a clone with --repository, or write a first file with argocd-seal init")
	}
	if _, err := os.Stat(v.File); errors.Is(err, fs.ErrNotExist) {
		return fault.New(fault.Config, "there is no such file").In(v.File, 0).
			WithFix("name plugin.yaml with --config, or write a first one with argocd-seal init")
	}
	file, err := config.Load(v.File)
	if err != nil {
		v.wrong = fault.Of(err)
		return nil
	}
	v.file, v.seal = file, &file.Seal
	return nil
}

// checkFile says what is wrong in plugin.yaml, and between its parts.
func (v *visit) checkFile(context.Context) []Finding {
	a := about{area: Configuration, check: "file"}
	if v.file == nil {
		findings := a.faults(v.wrong)
		return append(findings, about{area: Configuration, check: "others"}.unchecked("", "everything that follows from the file, since it does not load"))
	}
	findings := []Finding{a.ok("it loads: plugin %s, %s, %s", v.file.Plugin.SocketName(),
		prose.Several(len(v.seal.Environments), "environment"), prose.Several(len(v.seal.Bindings), "binding"))}
	findings = append(findings, v.checkBindingRules()...)
	return append(findings, v.checkEnvironments()...)
}

// checkBindingRules holds bindings against the rules for them and against the
// roles.
func (v *visit) checkBindingRules() []Finding {
	a := about{area: Configuration, check: "bindings"}
	var findings []Finding
	var roles []string
	for _, role := range v.seal.Vault.Roles {
		roles = append(roles, role.Name)
	}
	for i, one := range v.seal.Bindings {
		if one.Role != "" && !slices.Contains(roles, one.Role) {
			fix := "add the role to vault.roles"
			if len(roles) > 0 {
				fix = fmt.Sprintf("set bindings[%d].role to one of: %s", i, strings.Join(roles, ", "))
			}
			findings = append(findings, a.of(one.Name).fail(fault.Config, fix, "its role %q is not under vault.roles", one.Role))
		}
	}
	if _, err := binding.NewSet(v.seal.Rules()); err != nil {
		findings = append(findings, a.faults(err)...)
	}
	return findings
}

func (v *visit) checkEnvironments() []Finding {
	a := about{area: Configuration, check: "environments"}
	if len(v.seal.Environments) == 0 {
		return []Finding{a.warn("add environments to plugin.yaml; argocd-seal init writes a first set",
			"there are none, so nothing is judged and no reference is resolved")}
	}
	var findings []Finding
	resolved, external := false, false
	for _, environment := range v.seal.Environments {
		resolved = resolved || environment.Injection.Asked()
		external = external || environment.Injection.Allows(string(inject.KindExternalSecret))
		if !environment.Asked() {
			findings = append(findings, a.of(environment.Name).warn("set policy.level of the environment, such as basic-security", "no policy judges its objects"))
		}
	}
	switch {
	case resolved && v.seal.Vault.Address == "" && (v.seal.AsksVault() || len(v.seal.Bindings) == 0):
		findings = append(findings, a.fail(fault.Config, "set vault.address, such as https://vault.example.com:8200", "references are resolved, and Vault has no address"))
	case resolved && len(v.seal.Bindings) == 0:
		findings = append(findings, a.warn("add bindings, as docs/sealing.md shows", "no binding lets an application use a reference, so every one is refused"))
	case resolved && !external && v.seal.PointsElsewhere():
		findings = append(findings, a.fail(fault.Injection, "add external-secret to injection.allowed of the environments that may use them",
			"bindings name stores other than Vault, and no environment allows external-secret, which alone can carry them"))
	case !resolved && len(v.seal.Bindings) > 0:
		findings = append(findings, a.warn("set injection.default of the environments", "there are bindings, and no environment resolves references"))
	}
	return findings
}
