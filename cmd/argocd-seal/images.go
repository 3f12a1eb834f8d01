package main

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/argocd-seal/argocd-seal-plugin/internal/bounded"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/notation"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// maxTrust bounds a file with keys, certificates, a trust root or VEX statements.
const maxTrust = 4 << 20

// newImages sets up the verification of images, for the environments that demand
// something of them; nil where none does.
func newImages(settings *config.SealConfig) (*supplychain.Verifier, error) {
	made := supplychain.Config{
		Environments: map[string]supplychain.Environment{}, Fresh: settings.Images.Fresh.Duration(), Keep: settings.Images.Keep.Duration(),
	}
	for i, environment := range settings.Environments {
		if !environment.Images.Asked() {
			continue
		}
		asked, err := imageRules(environment.Images, fmt.Sprintf("environments[%d].images", i))
		if err != nil {
			return nil, err
		}
		made.Environments[environment.Name] = asked
	}
	if len(made.Environments) == 0 {
		return nil, nil
	}
	var err error
	if made.Registries, err = imageRegistries(settings); err != nil {
		return nil, err
	}
	for i, signer := range settings.Images.Signers {
		known, err := imageSigner(signer, settings.Vault)
		if err != nil {
			return nil, inSigner(err, fmt.Sprintf("images.signers[%d]", i))
		}
		made.Signers = append(made.Signers, known)
	}
	for _, field := range settings.Images.Fields {
		for _, path := range field.Paths {
			known, err := image.NewField(field.Group, field.Kind, path)
			if err != nil {
				return nil, err
			}
			made.Fields = append(made.Fields, known)
		}
	}
	return supplychain.New(made)
}

// addImages connects the verification of images, and returns what names its rules by
// environment. Where nobody is to be asked, no file of a signer is needed either.
func addImages(pipeline *plugin.Pipeline, settings *config.SealConfig, judged gating) (digests map[string]string, err error) {
	if pipeline.ImagesUnverified = judged.offline || judged.unverified; pipeline.ImagesUnverified {
		digests = map[string]string{}
		for _, environment := range settings.Environments {
			if environment.Images.Asked() {
				digests[environment.Name] = "unverified"
			}
		}
		return digests, nil
	}
	images, err := newImages(settings)
	if images != nil {
		pipeline.Images = images
	}
	return images.Digests(), err
}

// inSigner says at whose field something is wrong.
func inSigner(err error, field string) error {
	var faults fault.List
	for _, one := range fault.Of(err) {
		if one.Field == "" {
			one = one.At(one.Object, field)
		}
		faults = append(faults, one)
	}
	return faults
}

// imageRules is what an environment demands.
func imageRules(settings config.EnvironmentImages, field string) (supplychain.Environment, error) {
	made := supplychain.Environment{Tags: supplychain.Tags(settings.Tags), Others: verdict.Decision(settings.Others)}
	for i, rule := range settings.Rules {
		asked := supplychain.Rule{
			Name: rule.Name, Images: rule.Match, Enforcement: verdict.Decision(rule.Enforcement),
			OnUnavailable: supplychain.Outage(rule.OnUnavailable), Unverified: rule.Unverified,
		}
		for _, one := range rule.Signatures {
			asked.Signatures = append(asked.Signatures, supplychain.SignatureRule{SignedBy: one.SignedBy})
		}
		if p := rule.Provenance; len(p.SignedBy) > 0 {
			demanded := attest.ProvenanceRule(p)
			asked.Attested.Provenance = &demanded
		}
		if v := rule.Vulnerabilities; len(v.SignedBy) > 0 {
			demanded := attest.VulnerabilityRule{
				SignedBy: v.SignedBy, MaxSeverity: v.MaxSeverity, MaxAge: v.MaxAge.Duration(), IgnoreUnfixed: v.IgnoreUnfixed, VEXSignedBy: v.VEXSignedBy,
			}
			for _, name := range v.VEXFiles {
				excepted, err := readTrust(name, attest.ReadVEX)
				if err != nil {
					return made, inSigner(err, fmt.Sprintf("%s.rules[%d].vulnerabilities.vexFiles", field, i))
				}
				demanded.Exceptions = append(demanded.Exceptions, excepted...)
			}
			asked.Attested.Vulnerabilities = &demanded
		}
		if s := rule.SBOM; len(s.SignedBy) > 0 {
			demanded := attest.SBOMRule(s)
			asked.Attested.SBOM = &demanded
		}
		made.Rules = append(made.Rules, asked)
	}
	return made, nil
}

// imageRegistries connects to the registries that may be asked.
func imageRegistries(settings *config.SealConfig) (*registry.Client, error) {
	var known []registry.Registry
	for _, one := range settings.Images.Registries {
		made := registry.Registry{Host: one.Host, Also: one.Also, PullSecret: one.PullSecretFile, CAFile: one.CAFile}
		if one.Vault.Path != "" {
			made.Login = func(ctx context.Context) (string, string, error) {
				return registryLogin(ctx, settings.Vault, one.Vault)
			}
		}
		known = append(known, made)
	}
	limits := settings.Images.Limits
	return registry.New(known, registry.Limits{
		Attachments: limits.Attachments, Bytes: int64(limits.Size), Timeout: settings.Images.Timeout.Duration(),
	})
}

// imageSigner reads what a signer is known by.
func imageSigner(settings config.ImageSigner, vault config.Vault) (supplychain.Signer, error) {
	made := supplychain.Signer{Name: settings.Name}
	var trusted *root.TrustedRoot
	var err error
	if settings.TrustedRootFile != "" {
		if trusted, err = readTrust(settings.TrustedRootFile, cosign.ReadRoot); err != nil {
			return made, err
		}
	}
	var fixed *cosign.Signer
	switch {
	case len(settings.Notation.CertificateFiles) > 0:
		return notationSigner(settings)
	case settings.Transit.Path != "":
		made.Cosign = supplychain.NewTransit(settings.Name, trusted, func(ctx context.Context) ([]crypto.PublicKey, error) {
			return transitKeys(ctx, vault, settings.Transit)
		})
		return made, nil
	case len(settings.Identities) > 0:
		identities := make([]cosign.Identity, len(settings.Identities))
		for i, one := range settings.Identities {
			identities[i] = cosign.Identity(one)
		}
		fixed, err = cosign.WithCertificates(settings.Name, identities, trusted)
	default:
		var keys []crypto.PublicKey
		if keys, err = readAll(settings.KeyFiles, cosign.ReadKeys); err != nil {
			return made, err
		}
		fixed, err = cosign.WithKeys(settings.Name, keys, trusted)
	}
	made.Cosign = supplychain.Fixed{Is: fixed}
	return made, err
}

func notationSigner(settings config.ImageSigner) (supplychain.Signer, error) {
	made := supplychain.Signer{Name: settings.Name}
	certificates, err := readAll(settings.Notation.CertificateFiles, notation.ReadCertificates)
	if err != nil {
		return made, err
	}
	stamps, err := readAll(settings.Notation.TimestampFiles, notation.ReadCertificates)
	if err != nil {
		return made, err
	}
	made.Notation, err = notation.New(notation.Trust{
		Name: settings.Name, Certificates: certificates, Identities: settings.Notation.Identities, TimestampCertificates: stamps,
	})
	sum := sha256.New()
	for _, one := range slices.Concat(certificates, []*x509.Certificate{{}}, stamps) {
		_, _ = sum.Write(one.Raw)
	}
	made.Digest = fmt.Sprintf("%s %q %x", settings.Name, settings.Notation.Identities, sum.Sum(nil))
	return made, err
}

// readTrust reads a file of the platform.
func readTrust[T any](name string, parse func([]byte) (T, error)) (T, error) {
	var none T
	content, err := bounded.ReadFile(name, maxTrust)
	if err != nil {
		return none, fault.New(fault.Config, "the file cannot be read or is larger than %d bytes", maxTrust).In(name, 0).
			WithFix("mount the file that the field names, or correct the field")
	}
	parsed, err := parse(content)
	if err != nil {
		var faults fault.List
		for _, one := range fault.Of(err) {
			faults = append(faults, one.In(name, one.Line))
		}
		return none, faults
	}
	return parsed, nil
}

func readAll[T any](names []string, parse func([]byte) ([]T, error)) ([]T, error) {
	var all []T
	for _, name := range names {
		some, err := readTrust(name, parse)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}
