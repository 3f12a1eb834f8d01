package seal

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// minRSABits is the least key size; sealed-secrets makes keys of 4096 bits.
	minRSABits = 2048
	// maxCertificate bounds the certificate file in bytes.
	maxCertificate = 64 << 10
)

// Certificate is the public half of one sealed-secrets controller's key.
type Certificate struct {
	key *rsa.PublicKey
	// Fingerprint is the SHA-256 of the certificate in lower-case hex.
	Fingerprint string
	// Bits is the size of the RSA key.
	Bits      int
	NotBefore time.Time
	NotAfter  time.Time
}

// ReadCertificate reads and pins a certificate from a PEM file; see
// [ParseCertificate].
func ReadCertificate(path, fingerprint string) (*Certificate, error) {
	content, err := readBounded(path, maxCertificate)
	if err != nil {
		return nil, err
	}
	certificate, err := ParseCertificate(content, fingerprint)
	if err != nil {
		return nil, fault.Of(err)[0].In(path, 0)
	}
	return certificate, nil
}

// ParseCertificate reads the first certificate of a PEM text, as kubeseal
// --fetch-cert prints it. The fingerprint pins it: SHA-256 in hex, with or
// without colons and a leading "sha256:", as openssl x509 -fingerprint prints.
// It must not be empty: whoever can swap the certificate reads every value.
// The certificate's dates are looked at when it is used; see [Sealer.Seal].
func ParseCertificate(content []byte, fingerprint string) (*Certificate, error) {
	block, _ := pem.Decode(content)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fault.New(fault.Seal, "there is no PEM certificate").WithFix("use what kubeseal --fetch-cert prints")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fault.New(fault.Seal, "the certificate does not parse").WithFix("use what kubeseal --fetch-cert prints")
	}
	key, ok := parsed.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < minRSABits {
		return nil, fault.New(fault.Seal, "the certificate has no RSA key of at least %d bits", minRSABits)
	}
	sum := sha256.Sum256(parsed.Raw)
	actual := hex.EncodeToString(sum[:])
	if pinned := normalize(fingerprint); pinned != actual {
		return nil, fault.New(fault.Seal, "the certificate's fingerprint is sha256:%s, which is not the pinned one", actual).
			WithFix("compare both with the cluster's, then set the fingerprint in plugin.yaml")
	}
	return &Certificate{key: key, Fingerprint: actual, Bits: key.N.BitLen(), NotBefore: parsed.NotBefore, NotAfter: parsed.NotAfter}, nil
}

func normalize(fingerprint string) string {
	lower := strings.ToLower(strings.TrimSpace(fingerprint))
	return strings.ReplaceAll(strings.TrimPrefix(lower, "sha256:"), ":", "")
}

// check tells whether the certificate may be used at a moment.
func (c *Certificate) check(now time.Time) *fault.Error {
	switch {
	case now.After(c.NotAfter):
		return fault.New(fault.Seal, "the sealing certificate expired on %s", c.NotAfter.UTC().Format(time.DateOnly)).
			WithFix("fetch the cluster's present certificate with kubeseal --fetch-cert and pin it")
	case now.Before(c.NotBefore):
		return fault.New(fault.Seal, "the sealing certificate is valid only from %s", c.NotBefore.UTC().Format(time.RFC3339)).
			WithFix("check the clock of the sidecar")
	}
	return nil
}

// readBounded reads a file of the platform. Its path may be shown, its content
// not.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, fault.New(fault.Seal, "the file cannot be read").In(path, 0).WithFix("mount it where plugin.yaml says")
	}
	if info.Size() > limit {
		return nil, fault.New(fault.Seal, "the file has %d bytes, the limit is %d", info.Size(), limit).In(path, 0)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Seal, "the file cannot be read").In(path, 0).WithFix("give the sidecar's user the right to read it")
	}
	return content, nil
}
