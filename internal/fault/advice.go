package fault

import (
	"fmt"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
)

// maxKnown is how many names are listed.
const maxKnown = 15

// Meant returns a copy that says which of the known names a misspelt one is most
// like, and otherwise, where they are few, what they are. Nobody must be told of
// names here that they may not know.
func (e *Error) Meant(name string, known []string) *Error {
	return e.meant(nearest.Of(name, known), known)
}

// MeantWord is [Error.Meant] by [nearest.Word], for words that people shorten and
// lengthen.
func (e *Error) MeantWord(name string, known []string) *Error {
	return e.meant(nearest.Word(name, known), known)
}

// Like is [Error.MeantWord] without the list of what is known, where the fix says
// that.
func (e *Error) Like(name string, known []string) *Error {
	advised := *e
	advised.Nearest = nearest.Word(name, known)
	return &advised
}

func (e *Error) meant(near string, known []string) *Error {
	advised := *e
	advised.Nearest = near
	if len(known) <= maxKnown {
		advised.Known = strings.Join(known, ", ")
	}
	return &advised
}

// Advice is all that the fault says about what to do, as one sentence part: the
// nearest name or those that are known, and the fix.
func (e *Error) Advice() string {
	var parts []string
	switch {
	case e.Nearest != "":
		parts = append(parts, fmt.Sprintf("did you mean %q?", Clean(e.Nearest, maxPart)))
	case e.Known != "" && e.Fix == "" && !strings.Contains(e.Message, e.Known):
		parts = append(parts, "known here: "+Clean(e.Known, maxPart))
	}
	if e.Fix != "" {
		parts = append(parts, Clean(e.Fix, maxPart))
	}
	return strings.Join(parts, " ")
}
