package supplychain

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// evidence is what was verified of one image for one rule: a fact that no request
// changes.
type evidence struct {
	signatures []Signature
	// refused says by signer why other signatures do not count, and
	// refusedStatements so of attestations.
	refused, refusedStatements map[string][]string
	// attached is whether there was any signature at all.
	attached bool
	attested attest.Facts
	// facts are signatures and attested in the form that policies get.
	facts ast.Object
	at    time.Time
}

// Signature is a signature that counts.
type Signature struct {
	// Signer is the name in plugin.yaml.
	Signer string `json:"signer"`
	// Type is cosign or notation.
	Type string `json:"type"`
	// Subject and Issuer are of the certificate; empty for keys.
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
	// SignedAt is in the form of RFC 3339; empty where nothing proves it.
	SignedAt string `json:"signedAt"`
}

// signing is the signers of a rule as they are now.
type signing struct {
	cosign   []*cosign.Signer
	notation []Signer
	digest   string
}

// signersOf returns whom a rule names, with the keys of now.
func (v *Verifier) signersOf(ctx context.Context, r rule) (signing, error) {
	var found signing
	for _, name := range r.signers {
		signer := v.signers[name]
		if signer.Notation != nil {
			found.notation = append(found.notation, signer)
			found.digest += "\n" + signer.Digest
			continue
		}
		made, err := signer.Cosign.Signer(ctx)
		if err != nil {
			return found, err
		}
		found.cosign = append(found.cosign, made)
		found.digest += "\n" + made.Digest()
	}
	return found, nil
}

// gather reads what is attached to an image and verifies it.
func (v *Verifier) gather(ctx context.Context, name image.Name, r rule, by signing) (evidence, error) {
	attached, err := v.config.Registries.Attached(ctx, name, r.wanted)
	if err != nil {
		return evidence{}, err
	}
	// Verifying is the work of processors, of which there are few.
	select {
	case v.turns <- struct{}{}:
		defer func() { <-v.turns }()
	case <-ctx.Done():
		return evidence{}, registry.Late(name.Registry)
	}
	found := evidence{
		refused: map[string][]string{}, refusedStatements: map[string][]string{}, at: v.now(),
		attached: len(attached.Signatures)+len(attached.Notation)+len(attached.Bundles) > 0,
	}
	var statements []attest.Statement
	for _, signer := range by.cosign {
		said, err := signer.Verify(ctx, name.Digest, attached)
		if err != nil {
			return evidence{}, fault.New(fault.Timeout, "there was no time to verify the image")
		}
		for _, one := range said.Signatures {
			found.signatures = append(found.signatures, signatureOf(signer.Name(), one))
		}
		for _, one := range said.Statements {
			statements = append(statements, attest.Statement{Body: one.Body, Signer: signer.Name()})
		}
		found.refused[signer.Name()] = counted(said.RefusedSignatures)
		found.refusedStatements[signer.Name()] = counted(said.RefusedStatements)
	}
	for _, signer := range by.notation {
		found.notation(ctx, signer, attached)
	}
	found.attested, _ = attest.Read(name.Digest, statements)
	if err := found.prepare(r.Attested.Settle(found.attested, attest.Subject{Image: name.Full() + "@" + name.Digest, Now: found.at})); err != nil {
		return evidence{}, fault.New(fault.Internal, "what is attested of the image cannot be given to policies")
	}
	found.attested = r.Attested.Compact(found.attested)
	return found, nil
}

// notation verifies the signatures of the Notary Project.
func (e *evidence) notation(ctx context.Context, signer Signer, attached registry.Attached) {
	for _, blob := range attached.Notation {
		one, err := signer.Notation.Verify(ctx, attached.Image, blob.MediaType, blob.Content)
		if err != nil {
			for _, f := range fault.Of(err) {
				e.refused[signer.Name] = append(e.refused[signer.Name], f.Message)
			}
			continue
		}
		e.signatures = append(e.signatures, Signature{
			Signer: signer.Name, Type: "notation", Subject: one.Subject, Issuer: one.Issuer, SignedAt: stamp(one.SignedAt),
		})
	}
}

func signatureOf(signer string, one cosign.Signature) Signature {
	return Signature{Signer: signer, Type: "cosign", Subject: fault.Clean(one.Subject, 300), Issuer: fault.Clean(one.Issuer, 300), SignedAt: stamp(one.At)}
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func counted(refused map[cosign.Rejection]int) []string {
	var said []string
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		verb := "are"
		if refused[why] == 1 {
			verb = "is"
		}
		said = append(said, fmt.Sprintf("%d %s %s", refused[why], verb, why))
	}
	return said
}
