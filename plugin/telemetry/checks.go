package telemetry

import (
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// CheckWorkers passes while a worker renders or waits for a request. The moment
// between one worker's end and the start of the next counts as well, as long as
// starts work.
func CheckWorkers(stats func() worker.Stats) Check {
	return Check{"workers", func(time.Time) *fault.Error {
		now := stats()
		if now.Busy+now.Idle > 0 || now.Starting > 0 && now.Failures == 0 {
			return nil
		}
		return fault.New(fault.Sandbox, "no render worker is ready").
			WithFix("look in the log for why workers do not start")
	}}
}

// CheckVault passes while the login of a role works.
func CheckVault(role string, states func() []vault.State) Check {
	return Check{"vault:" + role, func(now time.Time) *fault.Error {
		for _, state := range states() {
			switch {
			case state.Role != role:
			case !state.Tried:
				return fault.New(fault.Vault, "the role has not logged in yet")
			case state.Code != "":
				return fault.New(state.Code, "the role's login or token does not work").
					WithFix("look whether Vault is up, then at the role and its credential file")
			case !state.Expires.IsZero() && now.After(state.Expires):
				return fault.New(fault.Vault, "the role's token has expired").WithFix("look whether Vault is up")
			default:
				return nil
			}
		}
		return fault.New(fault.Config, "the role is not configured")
	}}
}

// CheckPolicies passes while the policies are no older than an age since they
// were last found to be up to date. An age of 0 asks only that they were once.
func CheckPolicies(state func() reload.State, age time.Duration) Check {
	return Check{"policies", func(now time.Time) *fault.Error {
		found := state()
		switch {
		case found.LastSuccess.IsZero():
			return fault.New(fault.PolicyLoad, "the policies have never been loaded")
		case age > 0 && now.Sub(found.LastSuccess) > age:
			code := found.LastError
			if code == "" {
				code = fault.PolicyLoad
			}
			return fault.New(code, "the policies were last up to date more than %v ago", age).
				WithFix("look in the log for why they cannot be fetched or loaded; those from before still judge")
		}
		return nil
	}}
}

// CheckCertificate passes until the certificate of an environment expires.
func CheckCertificate(environment string, expiry time.Time) Check {
	return Check{"certificate:" + environment, func(now time.Time) *fault.Error {
		if now.Before(expiry) {
			return nil
		}
		return fault.New(fault.Seal, "the sealing certificate has expired, so nothing is sealed for the environment").
			WithFix("fetch the cluster's next one with kubeseal --fetch-cert and pin it")
	}}
}
