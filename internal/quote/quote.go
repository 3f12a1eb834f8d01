// Package quote adds to faults the lines of the repository that they speak of,
// with what could be a credential left out.
//
// An app team's fault is shown to everybody who may look at the Application,
// and kept in Redis and in its status, while the repository may be read by fewer.
// So the package errs on the side of showing less: it shows no line of a fault
// that may concern a value from Vault, of a Secret it shows keys and references
// alone, and near the words that credentials are called by it shows no value.
//
// It reads tenants' files in the process that holds Vault's token, therefore it
// uses no parser, only a bounded scan of lines.
package quote

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

const (
	// maxFile, maxLines and maxPath bound what is looked at of one file: bytes,
	// lines, and bytes of the path to a field.
	maxFile  = 1 << 20
	maxLines = 50_000
	maxPath  = 1024
	// maxDepth is how many levels of nesting have a name.
	maxDepth = 100
	// maxBack is how many lines above a line are looked at for what it is.
	maxBack = 50
	// maxQuotes is how many faults of a list get a line: more are not shown.
	maxQuotes = 50
	// maxLine is the longest line that is looked at, and window how many
	// characters of it are shown.
	maxLine = 4096
	window  = 100
)

// Files gives the content of a file by the name that faults call it.
type Files func(name string) ([]byte, bool)

// File is [Files] for one file.
func File(name string, content []byte) Files {
	return func(asked string) ([]byte, bool) { return content, asked == name }
}

// ofSource are the codes that speak of a file of the application's source and of
// nothing that was read from Vault.
var ofSource = []fault.Code{
	fault.Path, fault.RemoteRef, fault.Plugin, fault.Kustomize, fault.Chart, fault.Dependency, fault.Schema, fault.SchemaRef,
	fault.Hook, fault.Template, fault.YAML, fault.YAMLAlias, fault.YAMLDup, fault.YAMLNumber, fault.YAMLTag,
	fault.ObjectShape, fault.ObjectDup, fault.Environment, fault.RefSyntax, fault.RefPosition, fault.Forbidden,
	fault.Namespace, fault.Policy, fault.Image, fault.ImageSignature, fault.ImageAttestation, fault.ImageVulnerable, fault.ImageRegistry,
}

// Holds tells whether a line can be where a fault's field got its value from. An
// overlay changes what a base says, whose line would then say something else than
// the fault.
type Holds func(one *fault.Error, line string) bool

// Source returns err with the lines of an application's source in those of its
// faults that may have one. A nil holds takes any line of a field.
func Source(err error, files Files, holds Holds) error { return fill(err, files, holds, ofSource) }

// Platform returns err with the lines of a file of the platform: plugin.yaml,
// policies or waivers.
func Platform(err error, files Files) error {
	return fill(err, files, nil, []fault.Code{fault.Config, fault.PolicyLoad, fault.Waiver})
}

func fill(err error, files Files, holds Holds, codes []fault.Code) error {
	if err == nil || files == nil {
		return err
	}
	faults := slices.Clone(fault.Of(err))
	known := map[string]*file{}
	quoted := 0
	for i, one := range faults {
		if one.Quote != nil || one.File == "" || one.Line < 0 || one.Line == 0 && one.Field == "" || quoted == maxQuotes || !slices.Contains(codes, one.Code) {
			continue
		}
		at, seen := known[one.File]
		if !seen {
			at = open(one.File, files)
			known[one.File] = at
		}
		if quote := at.quote(one, holds); quote != nil {
			filled := *one
			filled.Quote = quote
			faults[i] = &filled
			quoted++
		}
	}
	if quoted == 0 {
		return err
	}
	return faults
}

// file is one file that faults speak of.
type file struct {
	name  string
	lines []line
	// template tells that a renderer reads the text first, so that its
	// indentation says nothing, and policy that it is Rego.
	template, policy bool
	secrets          map[int]bool
}

// open reads a file, and returns nil for one that is not of a kind that people
// write by hand.
func open(name string, files Files) *file {
	kinds := []string{".yaml", ".yml", ".json", ".tpl", ".rego"}
	if !slices.Contains(kinds, path.Ext(name)) && path.Base(name) != "CODEOWNERS" {
		return nil
	}
	content, ok := files(name)
	if !ok || len(content) > maxFile || !utf8.Valid(content) {
		return nil
	}
	text := strings.TrimPrefix(string(content), "\ufeff")
	return &file{
		name: name, lines: outlineOf(text), secrets: map[int]bool{},
		template: path.Ext(name) == ".tpl" || strings.Contains(text, "{{"), policy: path.Ext(name) == ".rego",
	}
}

// quote returns the line that a fault speaks of, and nil where none may be shown.
func (f *file) quote(one *fault.Error, holds Holds) *fault.Quote {
	if f == nil || one.Line > len(f.lines)+1 || len(f.lines) == 0 {
		return nil
	}
	// What is missing at the end is missed behind the last line.
	at := max(min(one.Line, len(f.lines))-1, 0)
	if one.Column == 0 && one.Field != "" && !f.template && !f.policy {
		found, ok := f.find(at, one.Field)
		if !ok && one.Line == 0 {
			return nil
		}
		if l := f.lines[found]; l.path != one.Field || holds == nil || holds(one, l.text) {
			at = found
		}
	}
	l := f.lines[at]
	if len(l.text) > maxLine || strings.TrimSpace(l.text) == "" {
		return nil
	}
	text, ok := l.text, !looksSecret(l.text) && !delicate.MatchString(l.text)
	if !f.policy {
		text, ok = f.shown(at)
	}
	if !ok {
		return nil
	}
	column, width := pointed(l, text, one, f.template || f.policy)
	return cut(at+1, text, column, width)
}

// find returns the line of a field of the object that begins at a line, or of
// what the field is in; the object's first line where none of it is found, and
// then ok is false.
func (f *file) find(start int, field string) (best int, ok bool) {
	length := 0
	best = start
	for at := start; at < len(f.lines) && f.lines[at].document == f.lines[start].document; at++ {
		l := f.lines[at]
		if l.inside || l.key < 0 || len(l.path) <= length {
			continue
		}
		if rest, within := strings.CutPrefix(field, l.path); within && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			best, length = at, len(l.path)
		}
	}
	return best, length > 0
}

// pointed says which bytes of a line are meant: what stands at the fault's
// column; without one the value of its field, or its key where there is none.
func pointed(l line, text string, one *fault.Error, opaque bool) (from, to int) {
	end := len(strings.TrimRight(text, " "))
	if comment := strings.Index(text, " #"); comment >= 0 && !opaque {
		end = len(strings.TrimRight(text[:comment], " "))
	}
	switch {
	case one.Column > 0:
		from = byteAt(text, one.Column)
		if l.key >= 0 && from == l.key {
			return from, l.keyEnd
		}
		return from, max(wordEnd(text, from, end, l), from+1)
	case one.Field != "" && l.key >= 0 && l.value < end && (l.path == one.Field || l.own() == one.Field):
		return l.value, end
	case one.Field != "" && l.key >= 0:
		return l.key, l.keyEnd
	default:
		return 0, 0
	}
}

// wordEnd is where the word ends that begins at a byte; the value of the line is
// one word.
func wordEnd(text string, from, end int, l line) int {
	if from >= end {
		return from
	}
	if from == l.value && strings.IndexByte("[{", text[from]) < 0 {
		return end
	}
	if quote := text[from]; quote == '"' || quote == '\'' {
		if closing := strings.IndexByte(text[from+1:end], quote); closing >= 0 {
			return from + closing + 2
		}
		return end
	}
	if length := strings.IndexAny(text[from:end], " :,]}"); length > 0 {
		return from + length
	}
	return end
}

// byteAt is where the character of a column begins.
func byteAt(text string, column int) int {
	for at := range text {
		if column--; column == 0 {
			return at
		}
	}
	return len(text)
}

// cut makes a quote of a line, and shows of a long one what is around the part
// that is meant.
func cut(number int, text string, from, to int) *fault.Quote {
	const mark = "..."
	from, to = min(from, len(text)), min(to, len(text))
	before, meant, after := clean(text[:from]), clean(text[from:to]), clean(strings.TrimRight(text[to:], " "))
	if total := utf8.RuneCountInString(before + meant + after); total > window {
		if keep := window / 2; utf8.RuneCountInString(before) > keep {
			before = mark + last(before, keep)
		}
		meant = ahead(meant, window-utf8.RuneCountInString(before))
		after = ahead(after, max(window-utf8.RuneCountInString(before+meant), len(mark)))
	}
	quote := &fault.Quote{Line: number, Text: before + meant + after}
	if meant != "" || from > 0 {
		quote.Column, quote.Width = utf8.RuneCountInString(before)+1, max(utf8.RuneCountInString(meant), 1)
	}
	return quote
}

func clean(text string) string { return fault.Clean(text, 8*maxLine) }

// ahead shortens a text to a number of characters.
func ahead(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:max(most-3, 0)]) + "..."
	}
	return text
}

// last returns the last characters of a text.
func last(text string, count int) string {
	runes := []rune(text)
	return string(runes[max(len(runes)-count, 0):])
}
