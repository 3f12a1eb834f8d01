package bundle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func digestOf(files, data []File, options Options) (string, error) {
	h := sha256.New()
	add(h, "rego "+string(options.Version))
	for _, namespace := range options.Namespaces {
		add(h, "namespace "+namespace)
	}
	add(h, DigestOf(files))
	add(h, DigestOf(data))
	parameters, err := json.Marshal(options.Parameters)
	if err != nil {
		return "", fault.New(fault.PolicyLoad, "the parameters are not JSON")
	}
	add(h, string(parameters))
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// DigestOf returns "sha256:" and the hash of the files' paths and contents, in
// whatever order they come.
func DigestOf(files []File) string {
	lines := make([]string, 0, len(files))
	for _, f := range files {
		lines = append(lines, fmt.Sprintf("%s %x", f.Path, sha256.Sum256(f.Body)))
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range lines {
		add(h, line)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// add hashes a text with its length before it, so that two lists of texts never
// run together to the same bytes.
func add(h hash.Hash, text string) {
	var size [8]byte
	binary.BigEndian.PutUint64(size[:], uint64(len(text)))
	h.Write(size[:])
	h.Write([]byte(text))
}
