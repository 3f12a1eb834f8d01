// Package seal encrypts values for Bitnami's sealed-secrets controller, so that
// the same value gives the same bytes in every process that has the salt.
//
// The format is upstream's own (pkg/crypto of sealed-secrets): a session key
// wrapped with RSA-OAEP, then AES-256-GCM with a nonce of zeros. A nonce of
// zeros is safe only while no session key serves two plaintexts. Upstream draws
// the key at random; here it comes from a seed that covers everything,
// the plaintext included:
//
//	seed   = HMAC-SHA-256(salt, parts)
//	parts  = each of version, certificate fingerprint, scope, namespace, name,
//	         key, plaintext, after its length as 8 bytes, big-endian
//	stream = HKDF-Expand(SHA-256, seed, "argocd-seal sealed-secret")
//
// The stream is read from its beginning for each item: the session key, then
// OAEP's seed.
package seal

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

const (
	seedVersion = "argocd-seal/v1"
	streamInfo  = "argocd-seal sealed-secret"
	// streamBytes is more than the 64 bytes that one item takes, and little
	// enough that an upstream that took more would fail and not repeat.
	streamBytes = 128
)

// Scope says where a sealed value can be unsealed.
type Scope string

// The scopes of sealed-secrets. Strict, the default, binds to namespace and name.
const (
	Strict        Scope = "strict"
	NamespaceWide Scope = "namespace-wide"
	ClusterWide   Scope = "cluster-wide"
)

// Label returns what RSA-OAEP binds a value to, as upstream's EncryptionLabel.
func (s Scope) Label(namespace, name string) string {
	switch s {
	case ClusterWide:
		return ""
	case NamespaceWide:
		return namespace
	default:
		return namespace + "/" + name
	}
}

// Sealer seals for one cluster. It is safe for concurrent use.
type Sealer struct {
	certificate *Certificate
	salt        Salt
	scope       Scope
	now         func() time.Time
	cache       *cache
}

// New returns a sealer after sealing a known text twice: a Go toolchain whose
// OAEP does not take our stream (as in FIPS-only mode, or should the promise of
// crypto/rsa change) must fail at start and not in a render.
func New(certificate *Certificate, salt Salt, scope Scope) (*Sealer, error) {
	switch scope {
	case "":
		scope = Strict
	case Strict, NamespaceWide, ClusterWide:
	default:
		return nil, fault.New(fault.Seal, "%q is not a scope", fault.Clean(string(scope), 40)).
			WithFix("write strict, namespace-wide or cluster-wide")
	}
	if certificate == nil || salt.bytes.Len() != SaltBytes {
		return nil, fault.New(fault.Seal, "a sealer needs a certificate and a salt")
	}
	s := &Sealer{certificate: certificate, salt: salt, scope: scope, now: time.Now, cache: newCache()}
	if err := certificate.check(s.now()); err != nil {
		return nil, err
	}
	probe := value.FromString("probe")
	first, err := s.encrypt(s.seed("probe", "probe", "probe", probe), "probe", probe)
	if err != nil {
		return nil, err
	}
	second, err := s.encrypt(s.seed("probe", "probe", "probe", probe), "probe", probe)
	if err != nil {
		return nil, err
	}
	if first != second {
		return nil, fault.New(fault.Seal, "sealing the same text twice gives two results").
			WithFix("run the released image, without GODEBUG settings")
	}
	return s, nil
}

// Scope returns the scope that everything is sealed with.
func (s *Sealer) Scope() Scope { return s.scope }

// Fingerprint returns the certificate's, for the audit trail.
func (s *Sealer) Fingerprint() string { return s.certificate.Fingerprint }

// NotAfter returns when the certificate expires.
func (s *Sealer) NotAfter() time.Time { return s.certificate.NotAfter }

// Seal returns the base64 text of spec.encryptedData for one key of a Secret.
// A value that was sealed before for the same place comes from memory. It fails
// with E_SEAL once the certificate has expired.
func (s *Sealer) Seal(namespace, name, key string, v value.Value) (string, error) {
	if err := s.certificate.check(s.now()); err != nil {
		return "", err
	}
	seed := s.seed(namespace, name, key, v)
	if sealed, ok := s.cache.get(seed); ok {
		return sealed, nil
	}
	sealed, err := s.encrypt(seed, s.scope.Label(namespace, name), v)
	if err != nil {
		return "", err
	}
	s.cache.put(seed, sealed)
	return sealed, nil
}

// CacheUse returns how many values came from memory and how many were sealed,
// since the start.
func (s *Sealer) CacheUse() (hits, misses uint64) { return s.cache.count() }

// Checksum returns a text that changes when one of the parts does, and that
// tells nothing of them to whoever lacks the salt.
func (s *Sealer) Checksum(parts ...[]byte) string {
	sum := s.mac(append([][]byte{[]byte("checksum")}, parts...)...)
	return hex.EncodeToString(sum[:16])
}

func (s *Sealer) seed(namespace, name, key string, v value.Value) [sha256.Size]byte {
	return s.mac([]byte(seedVersion), []byte(s.certificate.Fingerprint), []byte(s.scope),
		[]byte(namespace), []byte(name), []byte(key), v.Reveal())
}

func (s *Sealer) mac(parts ...[]byte) [sha256.Size]byte {
	mac := hmac.New(sha256.New, s.salt.bytes.Reveal())
	for _, part := range parts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		mac.Write(length[:])
		mac.Write(part)
	}
	var sum [sha256.Size]byte
	mac.Sum(sum[:0])
	return sum
}

func (s *Sealer) encrypt(seed [sha256.Size]byte, label string, v value.Value) (string, error) {
	stream, err := hkdf.Expand(sha256.New, seed[:], streamInfo, streamBytes)
	if err != nil {
		return "", fault.New(fault.Seal, "no key can be derived")
	}
	defer clear(stream)
	sealed, err := crypto.HybridEncrypt(bytes.NewReader(stream), s.certificate.key, v.Reveal(), []byte(label))
	if err != nil {
		return "", fault.New(fault.Seal, "the value cannot be encrypted").
			WithFix("run the released image, without GODEBUG=fips140=only")
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}
