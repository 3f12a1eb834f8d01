package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/binding"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// maxValuesFile bounds the file of --values-from, in bytes.
const maxValuesFile = 16 << 20

// localSource is where a laptop takes values from: a file, or made-up ones.
func localSource(valuesFile string) (store.Source, error) {
	if valuesFile == "" {
		return store.Fakes{}, nil
	}
	file, err := os.Open(valuesFile)
	if err != nil {
		return nil, fault.New(fault.Path, "the file %s cannot be read", valuesFile)
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxValuesFile+1))
	if err != nil || len(content) > maxValuesFile {
		return nil, fault.New(fault.Path, "the file %s cannot be read or is larger than %d bytes", valuesFile, maxValuesFile)
	}
	return store.ParseValues(valuesFile, content)
}

// resolveLocally has the secrets stage seal with a key that nobody keeps, so
// that a laptop shows the form of the output without Vault, certificate or
// salt. It judges by the environments that are configured, if any.
func resolveLocally(pipeline *plugin.Pipeline, source store.Source) error {
	sealer, err := throwAwaySealer()
	if err != nil {
		return err
	}
	bindings, err := binding.NewSet(nil)
	if err != nil {
		return err
	}
	local := secrets.Environment{
		Default:      inject.KindSealedSecret,
		Injections:   map[inject.Kind]inject.Injection{inject.KindSealedSecret: inject.SealedSecret{Sealer: sealer}},
		Sealer:       sealer,
		PlainSecrets: secrets.PlainPass,
	}
	if len(pipeline.Environments) == 0 {
		pipeline.Environments = []plugin.Environment{{Name: "local"}}
	}
	environments := map[string]secrets.Environment{}
	for i := range pipeline.Environments {
		pipeline.Environments[i].Resolved = true
		environments[pipeline.Environments[i].Name] = local
	}
	pipeline.Secrets = &secrets.Stage{Bindings: bindings, Source: source, Environments: environments, Local: true}
	return nil
}

// throwAwaySealer seals for a key that is forgotten at once.
func throwAwaySealer() (*seal.Sealer, error) {
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
	fingerprint := sha256.Sum256(der)
	certificate, err := seal.ParseCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), hex.EncodeToString(fingerprint[:]))
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
