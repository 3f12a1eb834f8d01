package reference

import (
	"regexp"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
)

// Store is a store other than Vault, by the word that references and bindings
// have for it. Nothing here can read it: an operator in the cluster does.
type Store string

// The other stores.
const (
	AWS   Store = "aws-sm"
	GCP   Store = "gcp-sm"
	Azure Store = "azure-kv"
)

// Stores returns all other stores.
func Stores() []Store { return []Store{AWS, GCP, Azure} }

// naming is what a store's documentation says of its names. The word for the
// whole is what a message says, and must be enough to write one.
type naming struct {
	name, version       *regexp.Regexp
	ofNames, ofVersions string
}

// A complete ARN is asked for: a partial one finds any secret whose name begins
// as it does, which no binding could decide on. A version by its id has uuid/
// before it, which is how External Secrets Operator tells it from a stage.
var namings = map[Store]naming{
	AWS: {
		name:       regexp.MustCompile(`^(?:[A-Za-z0-9/_+=.@-]{1,512}|arn:aws[a-z-]{0,20}:secretsmanager:[a-z0-9-]{1,32}:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}-[A-Za-z0-9]{6})$`),
		ofNames:    "write 1 to 512 letters, digits and / _ + = . @ -, or a complete ARN with the six characters that AWS adds",
		version:    regexp.MustCompile(`^(?:[A-Za-z0-9_+=.@-]{1,256}|uuid/[A-Za-z0-9-]{32,64})$`),
		ofVersions: "write a staging label such as AWSPREVIOUS, or uuid/ and the id of a version",
	},
	GCP: {
		name:       regexp.MustCompile(`^(?:projects/(?:[a-z][a-z0-9-]{4,28}[a-z0-9]|[0-9]{1,19})/secrets/)?[A-Za-z0-9_-]{1,255}$`),
		ofNames:    "write 1 to 255 letters, digits, _ and -, with projects/PROJECT/secrets/ before them or without",
		version:    regexp.MustCompile(`^(?:[1-9][0-9]{0,17}|[A-Za-z][A-Za-z0-9_-]{0,62})$`),
		ofVersions: "write a number from 1, latest, or an alias",
	},
	Azure: {
		name:       regexp.MustCompile(`^[A-Za-z0-9-]{1,127}$`),
		ofNames:    "write 1 to 127 letters, digits and -",
		version:    regexp.MustCompile(`^[0-9a-fA-F]{32}$`),
		ofVersions: "write the 32 hexadecimal digits of a version",
	},
}

// bareID is the id of a version in AWS without what tells it from a stage.
var bareID = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// pointerGrammar is what a reference to a store looks like.
func pointerGrammar(store Store) string {
	return "<" + string(store) + ":NAME>, <" + string(store) + ":NAME#KEY> or <" + string(store) + ":NAME#KEY#VERSION>"
}

// shaped says in a fault what a pointer looks like, where the text begins one.
func shaped(text string, err *fault.Error) *fault.Error {
	if store, ok := storeOf(text); ok {
		err.Expected = pointerGrammar(store)
	}
	return err
}

// storeOf returns the store whose reference begins a text.
func storeOf(text string) (Store, bool) {
	for _, store := range Stores() {
		if rest, ok := strings.CutPrefix(text, "<"+string(store)); ok && strings.HasPrefix(rest, ":") {
			return store, true
		}
	}
	return "", false
}

// parsePointer reads NAME[#[KEY][#VERSION]]. A modifier has nothing to work on.
func parsePointer(store Store, body string) (*Reference, *fault.Error) {
	head, chain, piped := strings.Cut(body, "|")
	if piped {
		name, _, _ := strings.Cut(strings.TrimSpace(chain), " ")
		return nil, fault.New(fault.Modifier, "the modifier %s cannot be applied: no value of %s is read here", quote(name), store).
			WithFix("take it out, and keep the value in the store in the form that is needed, or pick a property of it with #KEY")
	}
	fields := strings.Split(head, "#")
	ref := &Reference{Dialect: Pointer, Store: store, Path: fields[0]}
	rules := namings[store]
	refuse := func(format, text, fix string) (*Reference, *fault.Error) {
		return nil, shaped("<"+string(store)+":", fault.New(fault.RefSyntax, format, quote(text), store).WithFix("%s", fix))
	}
	if !rules.name.MatchString(ref.Path) {
		return refuse("%s is not a name of %s", ref.Path, rules.ofNames)
	}
	if len(fields) > 3 {
		return refuse("%s has more than a name, a key and a version of %s", head, "write "+pointerGrammar(store))
	}
	if len(fields) == 3 {
		ref.Label = fields[2]
		switch {
		case store == AWS && bareID.MatchString(ref.Label):
			return refuse("%s is the id of a version, and would be taken for a stage of %s", ref.Label, "write uuid/ before it")
		case !rules.version.MatchString(ref.Label):
			return refuse("%s is not a version of %s", ref.Label, rules.ofVersions)
		}
	}
	if len(fields) > 1 {
		ref.Key = fields[1]
	}
	if ref.Key == "" && len(fields) != 2 {
		return ref, nil // the whole secret
	}
	if err := checkKey(ref.Key, Pointer); err != nil {
		return nil, shaped("<"+string(store)+":", err)
	}
	return ref, nil
}

// Name returns the name of what a pointer points to, as the store itself has it.
func (r *Reference) Name() string {
	if r.Store == GCP {
		return r.Path[strings.LastIndexByte(r.Path, '/')+1:]
	}
	return r.Path
}

// Project returns the project that a pointer names, empty where it is the
// store's own.
func (r *Reference) Project() string {
	if rest, ok := strings.CutPrefix(r.Path, "projects/"); ok && r.Store == GCP {
		project, _, _ := strings.Cut(rest, "/")
		return project
	}
	return ""
}

// spelled are words that people write in the place of a store's.
var spelled = map[string]Store{
	"awssm": AWS, "awsssm": AWS, "awssecretsmanager": AWS, "awssecretmanager": AWS,
	"gcpsm": GCP, "gcpsecretmanager": GCP, "gcpsecretsmanager": GCP, "googlesm": GCP,
	"azurekv": Azure, "azkv": Azure, "azurekeyvault": Azure, "azurekvs": Azure,
}

// nearStore finds the store that a misspelt scheme means. A word of a letter
// more or less must still have the dash: <aws:x> may well be XML.
func nearStore(word string) (Store, bool) {
	plain := strings.ToLower(strings.TrimSpace(word))
	if store, ok := spelled[strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(plain)]; ok {
		return store, true
	}
	if !strings.Contains(plain, "-") {
		return "", false
	}
	names := make([]string, 0, len(namings))
	for _, store := range Stores() {
		names = append(names, string(store))
	}
	near := nearest.Of(plain, names)
	return Store(near), slices.Contains(names, near) && within(plain, near)
}

// within tells whether a word has at most one letter more or less than another,
// or one that differs, or two neighbours in the wrong order.
func within(word, name string) bool {
	if len(word) == len(name) {
		var apart []int
		for i := range len(word) {
			if word[i] != name[i] {
				apart = append(apart, i)
			}
		}
		swapped := len(apart) == 2 && apart[1] == apart[0]+1 && word[apart[0]] == name[apart[1]] && word[apart[1]] == name[apart[0]]
		return len(apart) < 2 || swapped
	}
	if len(word) > len(name) {
		word, name = name, word
	}
	for i := range len(name) {
		if name[:i]+name[i+1:] == word {
			return true
		}
	}
	return false
}
