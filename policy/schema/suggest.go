package schema

import (
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
)

// maxListed is how many names are listed where none is near.
const maxListed = 12

// maxCandidates bounds how many names are put together for a suggestion: a
// tenant's schema may have very many.
const maxCandidates = 500

// suggest says which of some names a misspelt one may have meant. Few names are
// listed where none is near.
func suggest(name string, names []string) string {
	near := nearest.Of(name, names)
	switch {
	case near != "":
		return fmt.Sprintf("did you mean %q?", near)
	case len(names) > 0 && len(names) <= maxListed:
		return "known here: " + strings.Join(names, ", ")
	default:
		return ""
	}
}
