package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/waiver"
)

// Fingerprint names the content of every file that [New] would read. As long as
// it stays the same, New has nothing new to say.
func (c Config) Fingerprint() (string, error) {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(c.Environments)) {
		env := c.Environments[name]
		sets := [][]bundle.Source{env.Gatekeeper, env.AdmissionPolicies, env.Kyverno}
		for _, own := range env.Bundles {
			sets = append(sets, own.Policies, own.Data)
		}
		for _, sources := range sets {
			files, err := bundle.Read(sources, slices.Concat(bundle.PolicyFiles, bundle.DataFiles)...)
			if err != nil {
				return "", err
			}
			_, _ = fmt.Fprintf(h, "%q %s\n", name, bundle.DigestOf(files))
		}
	}
	if c.Waivers != "" {
		body, err := waiver.Read(c.WaiversFS, c.Waivers)
		if err != nil {
			return "", err
		}
		_, _ = h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
