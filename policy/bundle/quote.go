package bundle

import (
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/quote"
)

// quoted adds to faults the lines of policies and data that they speak of.
func quoted(err error, policies []Source, options Options) error {
	if err == nil {
		return nil
	}
	files, _ := Read(slices.Concat(policies, options.Data), append(slices.Clone(PolicyFiles), DataFiles...)...)
	return quote.Platform(err, func(name string) ([]byte, bool) {
		at := slices.IndexFunc(files, func(f File) bool { return f.Name == name })
		if at < 0 {
			return nil, false
		}
		return files[at].Body, true
	})
}
