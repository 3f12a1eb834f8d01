package reference

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// Annotations are what argocd-vault-plugin's annotations of one object say. The
// zero value is an object without them: only native and path references count.
type Annotations struct {
	// Path is where generic references look; empty means that <text> is text.
	Path string
	// Version is the version for generic references; 0 means the latest.
	Version int
	// Ignore leaves the whole object as it is.
	Ignore bool
	// RemoveMissing drops the entry of a generic reference whose key is missing.
	RemoveMissing bool
}

// The annotations of argocd-vault-plugin, from its docs/howitworks.md.
const (
	annotationPrefix        = "avp.kubernetes.io/"
	annotationPath          = annotationPrefix + "path"
	annotationVersion       = annotationPrefix + "secret-version"
	annotationKVVersion     = annotationPrefix + "kv-version"
	annotationIgnore        = annotationPrefix + "ignore"
	annotationRemoveMissing = annotationPrefix + "remove-missing"
)

// ParseAnnotations reads argocd-vault-plugin's annotations. The annotation
// kv-version is checked and otherwise not needed: the mount knows its version.
func ParseAnnotations(annotations map[string]string) (Annotations, error) {
	var parsed Annotations
	for _, flag := range []struct {
		name string
		into *bool
	}{{annotationIgnore, &parsed.Ignore}, {annotationRemoveMissing, &parsed.RemoveMissing}} {
		if text, ok := annotations[flag.name]; ok {
			set, err := strconv.ParseBool(text)
			if err != nil {
				return Annotations{}, annotationFault(flag.name, text, `write "true" or "false"`)
			}
			*flag.into = set
		}
	}
	if text, ok := annotations[annotationKVVersion]; ok && text != "1" && text != "2" {
		return Annotations{}, annotationFault(annotationKVVersion, text, `write "1" or "2", or remove the annotation`)
	}
	if text := annotations[annotationVersion]; text != "" {
		version, err := parseVersion(text)
		if err != nil {
			return Annotations{}, annotationFault(annotationVersion, text, `write a number from "1"`)
		}
		parsed.Version = version
	}
	if parsed.Path = annotations[annotationPath]; parsed.Path != "" {
		if err := checkPath(parsed.Path); err != nil {
			return Annotations{}, err.At("", "metadata.annotations["+annotationPath+"]")
		}
	}
	return parsed, nil
}

func annotationFault(name, text, fix string) *fault.Error {
	return fault.New(fault.RefSyntax, "%s is not a value of this annotation", quote(text)).
		At("", "metadata.annotations["+name+"]").WithFix("%s", fix)
}

// Template is a text with references in it, as a sequence of parts.
type Template []Part

// Part is a literal text, or a reference where Ref is set.
type Part struct {
	Literal string
	Ref     *Reference
}

// Whole returns the reference that is the whole text, or nil.
func (t Template) Whole() *Reference {
	if len(t) == 1 {
		return t[0].Ref
	}
	return nil
}

// References returns the references in the order of the text.
func (t Template) References() []*Reference {
	var refs []*Reference
	for _, part := range t {
		if part.Ref != nil {
			refs = append(refs, part.Ref)
		}
	}
	return refs
}

// Find cuts a text at its references. It returns nil where there is none, and
// every malformed reference as a fault. Looked is what resembles a reference
// and is none: people should know that it stays as it is.
func Find(text string, annotations Annotations) (template Template, looked []string, err error) {
	if strings.IndexByte(text, '<') < 0 || annotations.Ignore {
		return nil, nil, nil
	}
	var faults fault.List
	start, found := 0, false
	for at := 0; at < len(text); {
		if text[at] != '<' {
			at++
			continue
		}
		match, ref, fail := matchAt(text[at:], annotations)
		switch {
		case fail != nil:
			faults = append(faults, fail)
		case ref != nil:
			if at > start {
				template = append(template, Part{Literal: text[start:at]})
			}
			template, found = append(template, Part{Ref: ref}), true
			start = at + match
		default:
			if name, ok := lookalike(text[at:]); ok {
				looked = append(looked, name)
			}
		}
		at += max(match, 1)
	}
	if !found {
		return nil, looked, faults.OrNil()
	}
	if start < len(text) {
		template = append(template, Part{Literal: text[start:]})
	}
	return template, looked, faults.OrNil()
}

// matchAt reads the reference that begins at text[0], which is '<'. It returns
// its length, or 0 where the text is not meant as a reference.
func matchAt(text string, annotations Annotations) (int, *Reference, *fault.Error) {
	if _, points := storeOf(text); points || strings.HasPrefix(text, nativePrefix) {
		end := nativeEnd(text)
		if end < 0 {
			return strings.IndexByte(text, ':') + 1, nil, shaped(text, fault.New(fault.RefSyntax, "%s has no closing > on its line", quoteOpen(text)).
				WithFix("end it with > on the same line"))
		}
		return parseAt(text[:end])
	}
	end := strings.IndexByte(text, '>') + 1
	if end > 0 && strings.HasPrefix(text, pathPrefix) && strings.Contains(text[:end], "#") {
		return parseAt(text[:end])
	}
	if near, meant, ok := nearMiss(text); ok {
		return 1, nil, shaped(meant, fault.New(fault.RefSyntax, "%s looks like a reference and is none", quote(near)).
			WithFix("begin it with %s in lower case and without spaces", meant))
	}
	if annotations.Path == "" || end <= 0 || strings.ContainsRune(text[:end], '\n') {
		return 0, nil, nil
	}
	ref, err := parseGeneric(text[:end], annotations)
	return end, ref, err
}

func parseAt(text string) (int, *Reference, *fault.Error) {
	ref, err := Parse(text)
	if err != nil {
		return len(text), nil, fault.Of(err)[0]
	}
	return len(text), ref, nil
}

// nativeEnd returns the length of the reference at the start of text: up to the
// first > outside of a modifier's braces, on the same line and before another
// reference begins.
func nativeEnd(text string) int {
	if newline := strings.IndexByte(text, '\n'); newline >= 0 {
		text = text[:newline]
	}
	end := -1
	scan(text, func(i int, c byte) bool {
		if c == '>' {
			end = i + 1
		}
		return end < 0 && (i == 0 || c != '<')
	})
	return end
}

// nearMiss finds spellings that a reader takes for a reference: another case,
// spaces around the word, and for the words of other stores, which are harder to
// keep in mind, a slip as well. It returns what was written and what was meant.
func nearMiss(text string) (near, meant string, ok bool) {
	const longest = 24
	head := text[1:min(len(text), longest)]
	word, _, found := strings.Cut(head, ":")
	if !found || strings.ContainsAny(word, "\n<>") {
		return "", "", false
	}
	if strings.EqualFold(strings.TrimSpace(word), "vault") {
		return text[:len(word)+2], nativePrefix, true
	}
	if store, ok := nearStore(word); ok {
		return text[:len(word)+2], "<" + string(store) + ":", true
	}
	return "", "", false
}

// homoglyphs are letters that look like those of "vault", "path" and the words
// for other stores.
var homoglyphs = strings.NewReplacer(
	"ν", "v", "ѵ", "v", "ⅴ", "v", "ｖ", "v", "а", "a", "α", "a", "ａ", "a", "υ", "u", "ս", "u", "ｕ", "u",
	"ⅼ", "l", "ӏ", "l", "ｌ", "l", "т", "t", "τ", "t", "ｔ", "t", "р", "p", "ρ", "p", "ｐ", "p", "һ", "h", "ｈ", "h",
	"ѕ", "s", "ｓ", "s", "ԝ", "w", "ω", "w", "ｗ", "w", "м", "m", "ｍ", "m", "ɡ", "g", "ｇ", "g", "с", "c", "ϲ", "c", "ｃ", "c",
	"ᴢ", "z", "ｚ", "z", "г", "r", "ｒ", "r", "е", "e", "ｅ", "e", "к", "k", "κ", "k", "ｋ", "k",
	"‐", "-", "‑", "-", "‒", "-", "–", "-", "−", "-", "－", "-",
	"：", ":", "꞉", ":", "\u200b", "", "\u00a0", "", "\u2060", "",
)

// lookalike finds text that only looks like a reference because of letters from
// another alphabet. It is text, and not a reference: the grammar is ASCII.
func lookalike(text string) (string, bool) {
	const longest = 32
	head := text[:min(len(text), longest)]
	for !utf8.ValidString(head) && head != "" {
		head = head[:len(head)-1]
	}
	plain := homoglyphs.Replace(head)
	_, points := storeOf(plain)
	if plain == head || !points && !strings.HasPrefix(plain, nativePrefix) && !strings.HasPrefix(plain, pathPrefix) {
		return "", false
	}
	if stop := strings.IndexAny(head, "#@|> "); stop >= 0 { // what follows may be a text in clear
		head = head[:stop]
	}
	return head, true
}

// Render puts values in the place of references. Resolve returns the value of
// one reference behind its modifiers. A template that is one whole reference
// keeps the kind of its value; every other result is a text.
func (t Template) Render(resolve func(*Reference) (value.Value, error)) (value.Value, error) {
	var text []byte
	for _, part := range t {
		if part.Ref == nil {
			text = append(text, part.Literal...)
			continue
		}
		v, err := resolve(part.Ref)
		if err != nil {
			return value.Value{}, err
		}
		if len(t) == 1 {
			return v, nil
		}
		if !v.Scalar() {
			return value.Value{}, NotText(v.Kind())
		}
		text = append(text, v.Reveal()...)
	}
	return value.New(text), nil
}

// NotText is the fault for a value that has no text of its own.
func NotText(kind value.Kind) *fault.Error {
	return fault.New(fault.Modifier, "the value is %s and has no text of its own", kind).
		WithFix("pick a part of it with | jsonPath {.name}, or store a text in Vault")
}
