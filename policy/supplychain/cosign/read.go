package cosign

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
)

// Statement is an attestation that was verified.
type Statement struct {
	Signature
	// Body is the in-toto statement, whose subject has the image's digest.
	Body []byte
}

// Verified is what one signer vouches for.
type Verified struct {
	Signatures []Signature
	Statements []Statement
	// Refused counts why other signatures and attestations do not count.
	RefusedSignatures, RefusedStatements map[Rejection]int
}

// Verify looks at everything that is attached to an image with a digest,
// sha256:HEX. It stops at the end of ctx, with its error.
func (s *Signer) Verify(ctx context.Context, digest string, attached registry.Attached) (Verified, error) {
	found := Verified{RefusedSignatures: map[Rejection]int{}, RefusedStatements: map[Rejection]int{}}
	hash, err := v1.NewHash(digest)
	if err != nil {
		return found, err
	}
	for _, blob := range attached.Signatures {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		one, _, why := s.fromLayer(ctx, hash, blob, false)
		if why != "" {
			found.RefusedSignatures[why]++
			continue
		}
		found.Signatures = append(found.Signatures, one)
	}
	for _, blob := range attached.Attestations {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		one, body, why := s.fromLayer(ctx, hash, blob, true)
		if why != "" {
			found.RefusedStatements[why]++
			continue
		}
		found.Statements = append(found.Statements, Statement{one, body})
	}
	for _, blob := range attached.Bundles {
		if err := ctx.Err(); err != nil {
			return found, err
		}
		one, body, isSignature, why := s.fromBundle(ctx, hash, blob)
		switch {
		case why != "":
			// What it would have been does not count either.
			found.RefusedSignatures[why]++
			found.RefusedStatements[why]++
		case isSignature:
			found.Signatures = append(found.Signatures, one)
		default:
			found.Statements = append(found.Statements, Statement{one, body})
		}
	}
	return found, nil
}
