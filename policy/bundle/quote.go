package bundle

import (
	"slices"
	"strings"

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

// advices are what to do about what OPA says of a policy most often.
var advices = []struct{ text, fix string }{
	{" is unsafe", "give the variable a value in the rule's body, or correct its spelling"},
	{"undefined function", "correct its name, or import its package; a builtin that reaches out of the policy is not there"},
	{"undefined ref", "correct the path, or import what it begins with"},
	{"if` keyword is required", "write if before the body: deny contains msg if { ... }"},
	{"contains` keyword is required", "write contains before the message: deny contains msg if { ... }"},
	{"type error", "compare values of one type"},
	{"match error", "compare values of one type"},
	{"package expected", "begin the file with its package"},
	{"conflicting rules", "rename one of the two rules"},
	{"recursive", "let the rule not refer to itself"},
}

// advice is what to do about an error of OPA, and nothing where that is not known.
func advice(message string) string {
	for _, one := range advices {
		if strings.Contains(message, one.text) {
			return one.fix
		}
	}
	return ""
}
