package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

const (
	// Clocks that differ by skewWarning are worth a word; by skewFailure, tokens
	// and certificates are taken for not valid yet, or for expired.
	skewWarning = 5 * time.Second
	skewFailure = time.Minute
	// listenerNotice is how long before its end Vault's own certificate is spoken
	// of.
	listenerNotice = 14 * 24 * time.Hour
	// longLife is the life of a token from which on a stolen one is of much use.
	longLife = 24 * time.Hour
)

// checkVault asks Vault how it is, and then for each role what a render would ask.
func (v *visit) checkVault(ctx context.Context) []Finding {
	a := about{area: Vault, check: "reach"}
	if v.seal.Vault.Address == "" {
		return append([]Finding{a.unchecked("", "vault.address is not set")}, v.noLogins("vault.address is not set")...)
	}
	client, closeVault, err := v.Tools.Vault(ctx, v.seal.Vault)
	if err != nil {
		return append(a.faults(err), v.noLogins("the connection to Vault cannot be set up")...)
	}
	defer closeVault()
	within, cancel := context.WithTimeout(ctx, v.Limit)
	health, err := client.Health(within)
	cancel()
	if err != nil {
		return append(v.unreached(a, err), v.noLogins("Vault does not answer")...)
	}
	findings := v.health(a, health)
	if slices.ContainsFunc(findings, func(f Finding) bool { return f.Check == "reach" && f.Status == Failed }) {
		return append(findings, v.noLogins("Vault serves nothing")...)
	}
	var checks []check
	for _, role := range v.seal.Vault.Roles {
		one := &login{visit: v, client: client, role: role}
		checks = append(checks, check{name: "login", areas: []Area{Vault}, limit: v.Limit, run: one.check})
	}
	if len(checks) == 0 {
		findings = append(findings, about{area: Vault, check: "login"}.unchecked("", "vault.roles is empty"))
	}
	return append(findings, runAll(ctx, checks)...)
}

// unreached names the address in the command that tells more.
func (v *visit) unreached(a about, err error) []Finding {
	finding := a.fault(fault.Of(err)[0])
	finding.Seen = v.seal.Vault.Address + ": " + finding.Seen
	finding.Fix = strings.ReplaceAll(finding.Fix, "VAULT/", v.seal.Vault.Address+"/")
	return []Finding{finding}
}

// noLogins says for each role and binding why it was not looked at.
func (v *visit) noLogins(why string) []Finding {
	var findings []Finding
	for _, bound := range v.seal.Bindings {
		if bound.OfVault() {
			findings = append(findings, about{area: Bindings, check: "access"}.of(bound.Name).unchecked("", "%s", why))
		}
	}
	for _, role := range v.seal.Vault.Roles {
		findings = append(findings, about{area: Vault, check: "login"}.of(role.Name).unchecked("", "%s", why))
	}
	return findings
}

// health judges what Vault says of itself.
func (v *visit) health(a about, health vault.Health) []Finding {
	address := v.seal.Vault.Address
	state := "active"
	if health.Standby {
		state = "on standby"
	}
	var reach Finding
	switch {
	case !health.Initialized:
		reach = a.fail(fault.Vault, "vault operator init -address="+address, "%s is Vault %s, which was never initialised", address, health.Version)
	case health.Sealed:
		reach = a.fail(fault.Vault, "vault operator unseal -address="+address, "%s is Vault %s, which is sealed", address, health.Version)
	case health.Recovery:
		reach = a.fail(fault.Vault, "set vault.address to the primary cluster", "%s is Vault %s, a secondary for disaster recovery, which answers no reads", address, health.Version)
	case !health.Expires.IsZero() && time.Until(health.Expires) < listenerNotice:
		reach = a.warn("renew the certificate of Vault's listener", "%s is Vault %s, %s; its certificate ends on %s", address, health.Version, state, health.Expires.UTC().Format(time.DateOnly))
	default:
		reach = a.ok("%s is Vault %s, %s", address, health.Version, state)
	}
	return []Finding{reach, clock(health)}
}

// clock compares the clocks: tokens of service accounts, and certificates, are
// good from one moment to another.
func clock(health vault.Health) Finding {
	a := about{area: Vault, check: "clock"}
	const fix = "set the clock of the host that is wrong: timedatectl set-ntp true, or chronyc makestep; compare with date -u"
	if !health.Dated {
		return a.unchecked("", "Vault's answer has no date")
	}
	apart := health.Ahead.Abs()
	side := "ahead of"
	if health.Ahead < 0 {
		side = "behind"
	}
	switch {
	case apart >= skewFailure:
		return a.fail(fault.Vault, fix, "Vault's clock is %s %s this one: tokens are refused as expired or as not valid yet", span(apart), side)
	case apart >= skewWarning:
		return a.warn(fix, "Vault's clock is %s %s this one", span(apart), side)
	}
	return a.ok("Vault's clock and this one are at most %v apart", skewWarning)
}

// login looks at one role and at the bindings that name it.
type login struct {
	*visit
	client *vault.Client
	role   config.VaultRole
	// policies are the names of the token's, once they are known.
	policies []string
	// engines are those of the bindings' paths, by pattern.
	engines map[string]engine
}

func (l *login) check(ctx context.Context) []Finding {
	a := about{area: Vault, check: "login"}.of(l.role.Name)
	if err := l.client.Check(ctx, l.role.Name); err != nil {
		findings := []Finding{l.refused(a, fault.Of(err)[0])}
		for _, one := range l.bindings() {
			findings = append(findings, about{area: Bindings, check: "access"}.of(one.Name).unchecked("", "the role %s cannot log in", l.role.Name))
		}
		return findings
	}
	findings := []Finding{a.ok("the %s login works", l.role.Method)}
	findings = append(findings, l.token(ctx)...)
	l.locate(ctx)
	bound := l.bindings()
	if len(bound) == 0 {
		findings = append(findings, a.warn("remove it from vault.roles, or name it in a binding", "no binding uses the role"))
	}
	for _, one := range bound {
		findings = append(findings, l.access(ctx, one)...)
	}
	return findings
}

// bindings are those that log in with the role.
func (l *login) bindings() []config.Binding {
	var bound []config.Binding
	for _, one := range l.seal.Bindings {
		if one.Role == l.role.Name {
			bound = append(bound, one)
		}
	}
	return bound
}

// refused says where to look for a login that does not work. The reason is in
// Vault's audit log alone.
func (l *login) refused(a about, wrong *fault.Error) Finding {
	finding := a.fault(wrong)
	if wrong.Code != fault.Vault {
		return finding
	}
	if wrong.File != "" {
		if wrong.Fix == "" {
			finding.Fix = "put the credential into " + wrong.File + ", readable by the sidecar's user"
		}
		return finding
	}
	if strings.Contains(wrong.Message, "refuses the login") {
		finding.Fix = l.advice()
		return finding
	}
	return l.vaultFaults(a, wrong)[0]
}

// vaultFaults gives another way out where the fault's own leads to the doctor.
func (v *visit) vaultFaults(a about, err error) []Finding {
	findings := a.faults(err)
	for i := range findings {
		if findings[i].Code == fault.Vault && strings.Contains(findings[i].Fix, "argocd-seal doctor") {
			findings[i].Fix = "look at Vault's own log, and at what stands before it; its state: curl -sv " + v.seal.Vault.Address + "/v1/sys/health"
		}
	}
	return findings
}

// mount is where the role's auth method is.
func (l *login) mount() string {
	if l.role.Mount != "" {
		return l.role.Mount
	}
	return l.role.Method
}

// advice is the command that shows what the login of a method needs.
func (l *login) advice() string {
	switch l.role.Method {
	case vault.Kubernetes:
		return fmt.Sprintf("vault read auth/%s/role/%s: its service account, namespace and audience must be those of this pod; vault read auth/%s/config", l.mount(), l.role.VaultRole, l.mount())
	case vault.JWT:
		return fmt.Sprintf("vault read auth/%s/role/%s: its bound claims must be those of the token in %s", l.mount(), l.role.VaultRole, l.role.TokenFile)
	case vault.AppRole:
		return fmt.Sprintf("write a new secret id into %s: vault write -f -field=secret_id auth/%s/role/ROLE/secret-id; vault read auth/%s/role/ROLE/role-id must give vault.roles' roleID", l.role.SecretIDFile, l.mount(), l.mount())
	case vault.Userpass:
		return fmt.Sprintf("vault write auth/%s/users/%s password=-, with what %s holds", l.mount(), l.role.Username, l.role.PasswordFile)
	default:
		return fmt.Sprintf("write a token that lives into %s: vault token create -policy=POLICY -period=24h -field=token", l.role.TokenFile)
	}
}

// token looks at what the login gave.
func (l *login) token(ctx context.Context) []Finding {
	a := about{area: Vault, check: "token"}.of(l.role.Name)
	state, err := l.client.Token(ctx, l.role.Name)
	if fault.CodeOf(err) == fault.Config {
		one := fault.Of(err)[0]
		return []Finding{a.unchecked(one.Fix, "%s", one.Message)}
	}
	if err != nil {
		return l.vaultFaults(a, err)
	}
	l.policies = slices.DeleteFunc(state.Policies, func(name string) bool { return name == "default" })
	var findings []Finding
	if slices.Contains(l.policies, "root") {
		findings = append(findings, a.warn("log in as a role with a policy of its own, as docs/sealing.md shows", "it has the policy root, which allows everything"))
	}
	if state.Uses > 0 {
		findings = append(findings, a.fail(fault.Vault, l.shorten("token_num_uses=0"), "it ends after %s", prose.Several(state.Uses, "more use")))
	}
	switch {
	case state.TTL == 0:
		findings = append(findings, a.warn(l.shorten("token_ttl=10m"), "it never ends"))
	case state.TTL > longLife:
		findings = append(findings, a.warn(l.shorten("token_ttl=10m"), "it lives for %s; the sidecar renews it, so minutes are enough", span(state.TTL)))
	case l.role.Method == vault.Token && !state.Renewable:
		findings = append(findings, a.warn("see to it that "+l.role.TokenFile+" gets a new one before", "it ends in %s and cannot be renewed", span(state.TTL)))
	}
	if len(findings) == 0 {
		findings = append(findings, a.ok("it lives for %s, with %s", span(state.TTL), policiesOf(l.policies)))
	}
	return findings
}

func policiesOf(names []string) string {
	if len(names) == 0 {
		return "no policy but default"
	}
	return "the policies " + strings.Join(names, ", ")
}

// shorten is the command that sets a property of the tokens that a login gives.
func (l *login) shorten(property string) string {
	switch l.role.Method {
	case vault.Kubernetes, vault.JWT:
		return fmt.Sprintf("vault write auth/%s/role/%s %s, with its other fields", l.mount(), l.role.VaultRole, property)
	case vault.AppRole:
		return fmt.Sprintf("vault write auth/%s/role/ROLE %s", l.mount(), property)
	case vault.Userpass:
		return fmt.Sprintf("vault write auth/%s/users/%s %s", l.mount(), l.role.Username, property)
	default:
		return "vault token create -policy=POLICY -period=1h -field=token > " + l.role.TokenFile
	}
}
