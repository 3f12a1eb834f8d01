package engine

import (
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// unquoted are what parsers of YAML find, without the text that they found it in.
var unquoted = map[fault.Code]string{
	fault.YAML:       "the text is not YAML",
	fault.YAMLDup:    "a key stands twice",
	fault.YAMLAlias:  "an alias leads nowhere, in a circle, or grows without measure",
	fault.YAMLTag:    "a tag is not known here, or does not fit its value",
	fault.YAMLNumber: "a number cannot be kept as it is",
}

// hideText takes the text of the repository out of faults, where the platform
// does not want it shown.
func hideText(err error) error {
	faults := slices.Clone(fault.Of(err))
	for i, one := range faults {
		if message, ok := unquoted[one.Code]; ok {
			hidden := *one
			hidden.Message = message
			faults[i] = &hidden
		}
	}
	return faults.OrNil()
}
