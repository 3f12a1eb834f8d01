package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"math/big"
	"time"

	"github.com/spf13/pflag"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// maxValuesFile bounds the file of --values-from, in bytes.
const maxValuesFile = 16 << 20

// localValues are values in the place of Vault's, for trying things out.
type localValues struct {
	// offline makes values up; file holds them by path and key.
	offline bool
	file    string
	// sealer is made once, so that what is rendered again with the same values is
	// the same.
	sealer *seal.Sealer
}

func (l *localValues) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&l.offline, "offline", false, "use made-up values in the place of Vault's, and seal with a throw-away key")
	flags.StringVar(&l.file, "values-from", "", "use the values of a YAML file by path and key, and seal with a throw-away key")
}

// wanted tells whether Vault is left alone.
func (l *localValues) wanted() bool { return l.offline || l.file != "" }

func (l *localValues) source() (store.Source, error) {
	if l.file == "" {
		return store.Fakes{}, nil
	}
	content, err := bounded.ReadFile(l.file, maxValuesFile)
	switch {
	case errors.Is(err, bounded.ErrTooLarge):
		return nil, fault.New(fault.Path, "the file %s cannot be read or is larger than %d bytes", l.file, maxValuesFile)
	case err != nil:
		return nil, fault.New(fault.Path, "the file %s cannot be read", l.file)
	}
	return store.ParseValues(l.file, content)
}

// addSecrets connects the secrets stage: to the configuration's Vault, or to
// local values. close revokes Vault's tokens.
func (l *localValues) addSecrets(ctx context.Context, pipeline *plugin.Pipeline, settings *config.SealConfig) (close func(), err error) {
	if !l.wanted() {
		return addSecrets(ctx, pipeline, settings)
	}
	source, err := l.source()
	if err != nil {
		return func() {}, err
	}
	if l.sealer == nil {
		if l.sealer, err = throwAwaySealer(); err != nil {
			return func() {}, err
		}
	}
	pipeline.Secrets = localStage(pipeline, settings, source, l.sealer)
	return func() {}, nil
}

const (
	// localEnvironment is the environment where none is configured.
	localEnvironment = "local"
	// localStore stands for the store for Vault where none is configured.
	localStore = "vault"
)

// localStage is the secrets stage of a person's own machine, which shows the form
// of the output without Vault, certificate or salt. Injections are those of the
// configured environments; sealed-secret where none is configured.
func localStage(pipeline *plugin.Pipeline, settings *config.SealConfig, source store.Source, sealer *seal.Sealer) *secrets.Stage {
	if len(pipeline.Environments) == 0 {
		pipeline.Environments = []plugin.Environment{{Name: localEnvironment}}
	}
	environments := map[string]secrets.Environment{}
	for i := range pipeline.Environments {
		injection := config.Injection{
			Default: string(inject.KindSealedSecret), PlainSecrets: string(secrets.PlainPass),
			// What references to other stores than Vault become, whatever the default.
			Allowed: []string{string(inject.KindExternalSecret)}, ExternalSecret: config.ExternalSecret{Store: localStore},
		}
		if i < len(settings.Environments) && settings.Environments[i].Injection.Asked() {
			injection = settings.Environments[i].Injection
		}
		pipeline.Environments[i].Resolved = true
		environments[pipeline.Environments[i].Name] = injections(injection, settings.Vault, sealer)
	}
	// Bindings that are wrong are told of where they count.
	bindings, err := binding.NewSet(settings.Rules())
	if err != nil {
		bindings = nil
	}
	return &secrets.Stage{Bindings: bindings, Source: source, Environments: environments, Local: true}
}

// throwAwaySealer seals for a key that is forgotten at once.
func throwAwaySealer() (*seal.Sealer, error) {
	content, err := throwAwayCertificate()
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	fingerprint := sha256.Sum256(block.Bytes)
	certificate, err := seal.ParseCertificate(content, hex.EncodeToString(fingerprint[:]))
	if err != nil {
		return nil, err
	}
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret)
	salt, err := seal.NewSalt(secret)
	if err != nil {
		return nil, err
	}
	return seal.New(certificate, salt, seal.Strict)
}

// throwAwayCertificate returns a certificate in PEM whose key is forgotten.
func throwAwayCertificate() ([]byte, error) {
	const bits = 2048
	failed := fault.New(fault.Internal, "no throw-away certificate could be made")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, failed
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "argocd-seal throw-away"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, failed
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
