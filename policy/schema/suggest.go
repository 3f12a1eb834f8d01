package schema

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// maxCompared bounds names that are compared, in bytes: comparing costs the
// product of both lengths.
const maxCompared = 64

// maxListed is how many names are listed where none is near.
const maxListed = 12

// maxCandidates bounds how many names one is compared with: a tenant's schema may
// have very many.
const maxCandidates = 500

// suggest says which of some names a misspelt one may have meant: one of which a
// third of the letters differ at most, whatever their case. Few names are
// listed where none is near.
func suggest(name string, names []string) string {
	best := ""
	if len(names) > maxCandidates {
		return ""
	}
	if len(name) <= maxCompared {
		lower, nearest := strings.ToLower(name), max(len(name)/3, 1)+1
		for _, candidate := range names {
			if d := levenshtein.ComputeDistance(lower, strings.ToLower(candidate)); d < nearest && len(candidate) <= maxCompared {
				best, nearest = candidate, d
			}
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(names) > 0 && len(names) <= maxListed:
		return "known here: " + strings.Join(names, ", ")
	default:
		return ""
	}
}
