package inject

import (
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// fetched are a template's words for one location. The words stand in braces
// and take pipes; before and after are whole actions around them.
type fetched struct{ before, words, after string }

// expression writes an entry as a Go template for whatever fills it in the
// cluster. Pipes are that template language's words for modifiers; a modifier
// without words cannot be left to the cluster.
func (s *Secret) expression(entry *Entry, fetch func(Location) fetched, pipes map[string]string) (string, *fault.Error) {
	if entry.Decode && entry.Template.Whole() == nil {
		return "", s.fault("", "key %q is base64 with references inside, which cannot be left to the cluster", entry.Key).
			WithFix("write it under stringData without base64")
	}
	var out strings.Builder
	next := 0
	for i, part := range entry.Template {
		if part.Ref == nil {
			literal := escapeTemplate(part.Literal)
			if before, ok := strings.CutSuffix(literal, "{"); ok && i+1 < len(entry.Template) {
				literal = before + "{{ `{` }}" // it would join the braces that follow
			}
			out.WriteString(literal)
			continue
		}
		value := fetch(entry.Locations[next])
		next++
		for _, modifier := range part.Ref.Modifiers {
			pipe, ok := pipes[modifier.Name]
			if !ok {
				return "", s.fault("", "the modifier %s of key %q cannot be left to the cluster", modifier.Name, entry.Key).
					WithFix("store the value in Vault in the form that is needed, or use the injection %s", KindSealedSecret)
			}
			value.words += " | " + pipe
		}
		if entry.Decode {
			value.words += " | " + pipes["base64decode"]
		}
		out.WriteString(value.before + "{{ " + value.words + " }}" + value.after)
	}
	return out.String(), nil
}

// escapeTemplate keeps Go's template language from reading a literal.
func escapeTemplate(literal string) string {
	return strings.ReplaceAll(literal, "{{", "{{ `{{` }}")
}

// direct returns the one location of an entry that is a whole reference, and
// whether its value must be decoded from base64. It returns false for an entry
// that needs a template.
func (e *Entry) direct() (location Location, decode, ok bool) {
	ref := e.Template.Whole()
	if ref == nil || len(e.Locations) != 1 {
		return Location{}, false, false
	}
	switch {
	case len(ref.Modifiers) == 0:
		return e.Locations[0], e.Decode, true
	case !e.Decode && len(ref.Modifiers) == 1 && ref.Modifiers[0].Name == "base64decode":
		return e.Locations[0], true, true
	case e.Decode && len(ref.Modifiers) == 1 && ref.Modifiers[0].Name == "base64encode":
		return e.Locations[0], false, true
	}
	return Location{}, false, false
}
