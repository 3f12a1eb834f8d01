package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
)

// A platform without Vault needs neither its address nor a role, nor a store for
// it; one with Vault beside other stores needs the store only where Vault's
// references become ExternalSecrets by themselves.
func TestStoresAlone(t *testing.T) {
	stores := "stores: [{provider: aws-sm, names: [team/*], store: {name: aws}}]"
	alone := parse(t, seal+"bindings: [{name: a, projects: [p], "+stores+"}]\nenvironments: [{name: a, injection: {default: external-secret}}]\n").Seal
	if alone.AsksVault() {
		t.Error("a binding for a store asks Vault")
	}
	want := []binding.Rule{{Name: "a", Projects: []string{"p"}, Stores: []binding.Store{{Provider: "aws-sm", Names: []string{"team/*"}, StoreName: "aws"}}}}
	if diff := cmp.Diff(want, alone.Rules()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := binding.NewSet(alone.Rules()); err != nil {
		t.Errorf("the secrets stage refuses it: %v", err)
	}
	both := parse(t, seal+"bindings: [{name: a, projects: [p], role: r, paths: [kv/a], "+stores+"}]\n"+
		"environments: [{name: a, injection: {default: vault-static-secret, allowed: [external-secret], vaultStaticSecret: {authRef: v}}}]\n").Seal
	if !both.AsksVault() {
		t.Error("a binding for a path does not ask Vault")
	}
}
