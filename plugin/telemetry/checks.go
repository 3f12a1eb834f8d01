package telemetry

import (
	"maps"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// Check is one condition of readiness and what is wrong with it; nil is nothing.
// Its name is fixed or comes from plugin.yaml.
type Check struct {
	Name  string
	Wrong *fault.Error
}

// Checks looks at all parts that are there, from memory: it runs at every probe.
func (s *Subjects) Checks(now time.Time) []Check {
	var checks []Check
	if s.Workers != nil {
		checks = append(checks, Check{"workers", checkWorkers(s.Workers())})
	}
	if s.Policies != nil {
		checks = append(checks, Check{"policies", checkPolicies(s.Policies(), s.StaleAfter, now)})
	}
	for _, environment := range slices.Sorted(maps.Keys(s.Certificates)) {
		checks = append(checks, Check{"certificate:" + environment, checkCertificate(s.Certificates[environment], now)})
	}
	if s.Vault != nil {
		for _, state := range s.Vault() {
			checks = append(checks, Check{"vault:" + state.Role, checkVault(state, now)})
		}
	}
	return checks
}

// checkWorkers lets the moment pass between one worker's end and the start of
// the next, as long as starting works.
func checkWorkers(now worker.Stats) *fault.Error {
	if now.Busy+now.Idle > 0 || now.Started > 0 && now.Failures == 0 {
		return nil
	}
	return fault.New(fault.Sandbox, "no render worker is ready").WithFix("look in the log for why workers do not start")
}

func checkVault(state vault.State, now time.Time) *fault.Error {
	switch {
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

func checkPolicies(state reload.State, staleAfter time.Duration, now time.Time) *fault.Error {
	switch {
	case state.LastSuccess.IsZero():
		return fault.New(fault.PolicyLoad, "the policies have never been loaded")
	case staleAfter > 0 && now.Sub(state.LastSuccess) > staleAfter:
		code := state.LastError
		if code == "" {
			code = fault.PolicyLoad
		}
		return fault.New(code, "the policies were last found up to date more than %v ago; those from before still judge", staleAfter).
			WithFix("look in the log for why they cannot be fetched or loaded")
	default:
		return nil
	}
}

func checkCertificate(expiry, now time.Time) *fault.Error {
	if now.Before(expiry) {
		return nil
	}
	return fault.New(fault.Seal, "the sealing certificate has expired, so nothing is sealed for the environment").
		WithFix("fetch the cluster's next one with kubeseal --fetch-cert and pin it")
}
