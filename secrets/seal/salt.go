package seal

import (
	"os"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// SaltBytes is the size of a salt.
const SaltBytes = 32

// Salt is the secret that makes sealing repeatable for us and for nobody else:
// without it no guess of a value can be tested against what is sealed. All
// replicas that serve a cluster share one. Replacing it changes every
// ciphertext once.
type Salt struct{ bytes value.Value }

// ReadSalt reads a salt file: exactly 32 raw bytes, and no right for others.
// Mode 0400 is what to use. Kubernetes gives a mounted Secret's files to the
// pod's fsGroup with 0440, so that the group may read; write or execute rights
// of the group, and any right of others, are refused.
func ReadSalt(path string) (Salt, error) {
	const refused os.FileMode = 0o037
	content, err := readBounded(path, SaltBytes+1)
	if err != nil {
		return Salt{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return Salt{}, fault.New(fault.Seal, "the salt file cannot be read").In(path, 0)
	}
	if mode := info.Mode().Perm(); mode&refused != 0 {
		return Salt{}, fault.New(fault.Seal, "the salt file has mode %04o", mode).In(path, 0).
			WithFix("set mode 0400; in a pod: defaultMode: 0400 and an fsGroup")
	}
	salt, err := NewSalt(content)
	if err != nil {
		return Salt{}, fault.Of(err)[0].In(path, 0)
	}
	return salt, nil
}

// NewSalt returns a salt of 32 random bytes. It keeps b.
func NewSalt(b []byte) (Salt, error) {
	const fewest = 12 // 32 random bytes have 12 or more distinct ones, but for one time in 10^13
	if len(b) != SaltBytes {
		return Salt{}, fault.New(fault.Seal, "the salt has %d bytes instead of %d", len(b), SaltBytes).
			WithFix("head -c %d /dev/urandom > salt; chmod 0400 salt", SaltBytes)
	}
	distinct := map[byte]bool{}
	for _, c := range b {
		distinct[c] = true
	}
	if len(distinct) < fewest {
		return Salt{}, fault.New(fault.Seal, "the salt is not random").
			WithFix("head -c %d /dev/urandom > salt; chmod 0400 salt", SaltBytes)
	}
	return Salt{bytes: value.New(b)}, nil
}
