package chain

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	maxKeyFile  = 64 << 10
	keyIDDigits = 32
	privateType = "PRIVATE KEY"
	publicType  = "PUBLIC KEY"
)

// Signer signs checkpoints. It is safe for concurrent use, and prints its id
// through every formatter, never the key.
type Signer struct {
	key ed25519.PrivateKey
	id  string
}

// NewSigner returns a signer with a key. It keeps key.
func NewSigner(key ed25519.PrivateKey) *Signer {
	return &Signer{key: key, id: KeyID(key.Public().(ed25519.PublicKey))}
}

// ID names the key.
func (s *Signer) ID() string { return s.id }

// Format keeps the key out of everything that is printed.
func (s *Signer) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, "key "+s.id)
}

// KeyID returns the id of a key: the first 32 digits of the SHA-256 of its form
// PKIX, in hexadecimal.
func KeyID(key ed25519.PublicKey) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic("chain: internal error: an Ed25519 key has no PKIX form")
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])[:keyIDDigits]
}

// ReadSigner reads an Ed25519 key from a PEM file with PKCS#8, as openssl genpkey
// and argocd-seal audit key write it. Mode 0400 is what to use. Kubernetes gives
// a mounted Secret's files to the pod's fsGroup with 0440, so that the group may
// read; any other right of the group or of others is refused with E_AUDIT.
func ReadSigner(path string) (*Signer, error) {
	const refused os.FileMode = 0o037
	content, mode, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	if mode.Perm()&refused != 0 {
		return nil, fault.New(fault.Audit, "the key of the audit trail has mode %04o", mode.Perm()).In(path, 0).
			WithFix("set mode 0400; in a pod: defaultMode: 0400 and an fsGroup")
	}
	bad := fault.New(fault.Audit, "this is not an Ed25519 key in PEM with PKCS#8").In(path, 0).
		WithFix("make one with argocd-seal audit key, or openssl genpkey -algorithm ed25519")
	block, rest := pem.Decode(content)
	if block == nil || block.Type != privateType || len(rest) > 0 {
		return nil, bad
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, bad
	}
	return NewSigner(key), nil
}

// ReadPublicKeys reads one or more Ed25519 public keys from a PEM file.
func ReadPublicKeys(path string) ([]ed25519.PublicKey, error) {
	content, _, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	bad := fault.New(fault.Audit, "this is not an Ed25519 public key in PEM").In(path, 0).
		WithFix("openssl pkey -in PRIVATE -pubout prints the public half of a key")
	var keys []ed25519.PublicKey
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if block.Type != publicType || err != nil || !ok {
			return nil, bad
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, bad
	}
	return keys, nil
}

// GenerateKey makes a key and writes its halves to two new files: the private one
// with mode 0400. It never overwrites a file. It returns the key's id.
func GenerateKey(private, public string) (string, error) {
	publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fault.New(fault.Audit, "no key can be made")
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(privateKey)
	if err != nil {
		return "", fault.New(fault.Audit, "the key cannot be encoded")
	}
	pkix, err := x509.MarshalPKIXPublicKey(publicKey)
	if err != nil {
		return "", fault.New(fault.Audit, "the key cannot be encoded")
	}
	if err := writeKey(private, privateType, pkcs8, 0o400); err != nil {
		return "", err
	}
	if err := writeKey(public, publicType, pkix, 0o444); err != nil {
		_ = os.Remove(private)
		return "", err
	}
	return KeyID(publicKey), nil
}

func writeKey(path, kind string, der []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Audit, "there is a file already").In(path, 0).WithFix("choose another name, or move the file away")
	}
	if err != nil {
		return fault.New(fault.Audit, "the file cannot be written: %s", cause(err)).In(path, 0)
	}
	err = errors.Join(pem.Encode(file, &pem.Block{Type: kind, Bytes: der}), file.Sync(), file.Close())
	if err != nil {
		_ = os.Remove(path)
		return fault.New(fault.Audit, "the file cannot be written").In(path, 0)
	}
	return nil
}

func readKeyFile(path string) ([]byte, fs.FileMode, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, fault.New(fault.Audit, "the key cannot be read: %s", cause(err)).In(path, 0)
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, fault.New(fault.Audit, "the key cannot be read: %s", cause(err)).In(path, 0)
	}
	content, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, 0, fault.New(fault.Audit, "the key cannot be read: %s", cause(err)).In(path, 0)
	}
	return content, info.Mode(), nil
}

// cause returns why a file could not be used, without its path.
func cause(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
