package main

import (
	"context"
	"fmt"
	"os"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// addSecrets sets up the stage that resolves references, for the environments
// that have an injection. close revokes Vault's tokens.
func addSecrets(ctx context.Context, pipeline *plugin.Pipeline, settings *config.SealConfig) (close func(), err error) {
	close = func() {}
	environments := map[string]secrets.Environment{}
	for i, environment := range settings.Environments {
		if !environment.Injection.Asked() {
			continue
		}
		pipeline.Environments[i].Resolved = true
		sealer, err := newSealer(environment.Injection)
		if err != nil {
			return close, err
		}
		environments[environment.Name] = injections(environment.Injection, settings.Vault, sealer)
	}
	if len(environments) == 0 {
		return close, nil
	}
	bindings, err := binding.NewSet(settings.Rules())
	if err != nil {
		return close, err
	}
	stage := &secrets.Stage{Bindings: bindings, Source: store.None{}, Environments: environments}
	if needsVault(settings) {
		client, closeVault, err := dialVault(ctx, settings.Vault)
		if err != nil {
			return close, err
		}
		stage.Source, close = store.NewShared(client), closeVault
	}
	pipeline.Secrets = stage
	return close, nil
}

// needsVault is false where bindings are for other stores alone: then Vault may
// not even be there. Settings without any binding are taken for unfinished.
func needsVault(settings *config.SealConfig) bool {
	return settings.AsksVault() || len(settings.Bindings) == 0 || settings.Vault.Address != ""
}

// dialVault returns a client whose tokens are renewed until close revokes them.
func dialVault(ctx context.Context, settings config.Vault) (client *vault.Client, close func(), err error) {
	close = func() {}
	// vault/api reads it and would accept any certificate.
	if os.Getenv("VAULT_SKIP_VERIFY") != "" {
		return nil, close, fault.New(fault.Config, "VAULT_SKIP_VERIFY is set").WithFix("unset it, and name Vault's authority in vault.caFile")
	}
	made := vault.Config{
		Address: settings.Address, Namespace: settings.Namespace, ServerName: settings.ServerName,
		CACert: settings.CAFile, ClientCert: settings.ClientCertFile, ClientKey: settings.ClientKeyFile,
		Timeout: settings.Timeout.Duration(), RequestsPerSecond: float64(settings.RequestsPerSecond),
	}
	for _, role := range settings.Roles {
		made.Roles = append(made.Roles, vault.Role(role))
	}
	connected, err := vault.New(made)
	if err != nil {
		return nil, close, err
	}
	// The tokens outlive ctx until the requests in flight have ended.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer func() { done <- struct{}{} }()
		_ = connected.Run(ctx)
	}()
	return connected, func() { cancel(); <-done }, nil
}

// injections builds all injections that an environment names. The sealer is nil
// where nothing is sealed.
func injections(settings config.Injection, vault config.Vault, sealer *seal.Sealer) secrets.Environment {
	environment := secrets.Environment{
		Default:      inject.Kind(settings.Default),
		Injections:   map[inject.Kind]inject.Injection{},
		Sealer:       sealer,
		HydratorSafe: settings.HydratorSafe,
		PlainSecrets: secrets.PlainSecrets(settings.PlainSecrets),
		NoChecksums:  settings.NoChecksums,
	}
	for _, name := range append([]string{settings.Default}, settings.Allowed...) {
		kind := inject.Kind(name)
		environment.Allowed = append(environment.Allowed, kind)
		environment.Injections[kind] = injection(kind, settings, vault, sealer)
	}
	return environment
}

func injection(kind inject.Kind, settings config.Injection, vault config.Vault, sealer *seal.Sealer) inject.Injection {
	switch kind {
	case inject.KindSealedSecret:
		return inject.SealedSecret{Sealer: sealer}
	case inject.KindExternalSecret:
		external := settings.ExternalSecret
		return inject.ExternalSecret{StoreName: external.Store, StoreKind: external.Kind, RefreshInterval: external.RefreshInterval.Duration()}
	case inject.KindVaultStaticSecret:
		static := settings.VaultStaticSecret
		return inject.VaultStaticSecret{AuthRef: static.AuthRef, VaultNamespace: vault.Namespace, RefreshAfter: static.RefreshAfter.Duration()}
	case inject.KindSecretProviderClass:
		return inject.SecretProviderClass{VaultAddress: settings.NodeVaultAddress, Role: settings.WorkloadRole, VaultNamespace: vault.Namespace}
	case inject.KindVaultAgent:
		return inject.VaultAgent{Role: settings.WorkloadRole, VaultNamespace: vault.Namespace}
	case inject.KindPlaintext:
		return inject.Plaintext{}
	default:
		panic(fmt.Sprintf("argocd-seal: the configuration let the injection %q through", kind))
	}
}

// newSealer returns nil where the environment has nothing to seal with.
func newSealer(injection config.Injection) (*seal.Sealer, error) {
	if !injection.Seals() {
		return nil, nil
	}
	settings := injection.SealedSecret
	certificate, err := seal.ReadCertificate(settings.CertificateFile, settings.Fingerprint)
	if err != nil {
		return nil, err
	}
	salt, err := seal.ReadSalt(settings.SaltFile)
	if err != nil {
		return nil, err
	}
	scope := seal.Scope(settings.Scope)
	if scope == "" {
		scope = seal.Strict
	}
	return seal.New(certificate, salt, scope)
}

// certificates are those that the pipeline seals with.
func certificates(pipeline *plugin.Pipeline) []plugin.Certificate {
	stage, ok := pipeline.Secrets.(*secrets.Stage)
	if !ok {
		return nil
	}
	var all []plugin.Certificate
	for name, environment := range stage.Environments {
		if sealer := environment.Sealer; sealer != nil {
			all = append(all, plugin.Certificate{Environment: name, Fingerprint: sealer.Fingerprint(), NotAfter: sealer.NotAfter()})
		}
	}
	return all
}
