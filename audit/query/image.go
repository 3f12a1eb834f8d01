package query

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/pattern"
)

// image is NAME, NAME@DIGEST or DIGEST, with a pattern for the name.
type image struct {
	name   pattern.Pattern
	digest string
}

func compileImage(text string) (asked image, err error) {
	name, digest, _ := strings.Cut(text, "@")
	if strings.HasPrefix(text, "sha256:") {
		name, digest = "**", text
	}
	asked.digest = digest
	asked.name, err = compilePattern("--image", name)
	return asked, err
}

func (i image) match(seen audit.Image) bool {
	return i.name.Match(seen.Image) && strings.HasPrefix(seen.Digest, i.digest)
}

// ran tells whether a render had an image that is asked for.
func (f *Filter) ran(e *Record) bool {
	if len(f.images) == 0 {
		return true
	}
	for _, seen := range e.Images {
		for _, asked := range f.images {
			if asked.match(seen) {
				return true
			}
		}
	}
	return false
}
