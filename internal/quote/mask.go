package quote

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	freeName = `literals?|\w*(?:commands?|cmds?|args?|arguments?)|entrypoint`
	anyName  = `(?:values?|defaults?|envs?|` + freeName + `)`
)

// hidden stands for what is not shown of a line.
const hidden = "(not shown)"

var (
	// reference is what a reference to Vault or to another store looks like, well
	// formed or not: it points to a value and is none. Of one that does not end,
	// what is behind the path may be a text in clear. Only an ARN has colons.
	reference = regexp.MustCompile(`(?i)<\s*(?:vault|path|secret|aws-sm|gcp-sm|azure-kv)\s*:(?:(?:arn:[a-z-]*:secretsmanager:[a-z0-9-]*:[0-9]*:secret:)?[^<>"':]*>|[a-z0-9._/-]*)`)
	// secretDocument is in documents that hold values in clear, or patch such ones.
	secretDocument = regexp.MustCompile(`(?i)["']?\bkind["']?\s*:\s*["']?\w*secret|["']?\b(?:stringData|secretGenerator)["']?\s*:|/(?:data|stringData)/|\bpath["']?\s*:\s*(?:[!&]\S*\s+)*["']?/(?:data|stringData)(?:["'\s,}\]]|$)`)
	// plainKind is in documents that say what they are.
	plainKind = regexp.MustCompile(`(?m)^\s*["']?kind["']?\s*:\s*["']?\w`)
	dataKey   = regexp.MustCompile(`(?m)["']?\b(?:data|binaryData)["']?\s*:`)
	// delicate are words near which credentials stand.
	delicate = regexp.MustCompile(`(?i)pass|pwd|\bpw\b|secret|token|credential|\bcreds?\b|api[-_.]?key|private|access[-_.]?key|\w*key["']?\s*[:=]|auth|bearer|jwt|cookie|session|\bsalt\b|seed|\bpin\b|\botp\b|dsn|conn(?:ection)?[-_.]?str|licen[cs]e|cert|signature|webhook`)
	// credential is what credentials look like wherever they stand.
	credential = regexp.MustCompile(`-----BEGIN|\bhvs\.|\bhvb\.|AKIA|gh[pousr]_|github_pat_|glpat-|xox[abprs]-|eyJ[A-Za-z0-9_-]{8}|://[^/\s]*@|\b[0-9a-fA-F]{32,}\b`)
	// digest is a long number that says which image or commit.
	digest = regexp.MustCompile(`sha(?:256|512):[0-9a-f]+`)
	// opaque is a text long enough to be a credential; [random] looks closer.
	opaque = regexp.MustCompile(`[A-Za-z0-9+/_=-]{20,}`)
	// anyValue is the field for which nobody can tell what it is, and anyKey its
	// key. Commands take passwords as arguments.
	anyValue = regexp.MustCompile(`(?i)(?:^|[\s{,\[-])["']?` + anyName + `["']?\s*:`)
	anyKey   = regexp.MustCompile(`(?i)^` + anyName + `$`)
	// free are keys below which lines are texts that may only look like keys.
	free = regexp.MustCompile(`(?i)^(?:` + freeName + `)$`)
	// names are keys below which the names of Secrets stand, and no values.
	names = []string{"secretKeyRef", "secretRef", "imagePullSecrets", "configMapKeyRef", "configMapRef"}
	// flags are values that nobody chooses for a credential.
	flags = []string{"true", "false", "null"}
	// safe are the fields of a Secret that say what it is.
	safe = []string{"apiVersion", "kind", "metadata", "metadata.name", "metadata.namespace", "stringData", "data", "type"}
)

// text is the part of a line that may be shown, with where each of its parts
// stands in it; ok is false where none may.
func (f *file) shown(at int) (text string, ok bool) {
	l := f.lines[at]
	switch {
	case l.inside && !f.template:
		// A line of a longer text, or of a collection that began above: what it
		// belongs to is unknown here.
		return "", false
	case !f.suspect(at):
		return l.text, true
	case slices.Contains(safe, l.path) && l.key >= 0 && !f.template && plainWord(l.text[l.value:]):
		return l.text, true
	case l.inside:
		return "", false
	case f.argument(l):
		start := l.value
		if l.key >= 0 {
			start = l.key
		}
		return l.text[:start] + masked(l.text[start:]), true
	case l.key < 0 || unfinished(l.text[:l.value]):
		return "", false
	default:
		return l.text[:l.value] + masked(l.text[l.value:]), true
	}
}

// argument tells whether a line is an item of a command, or of another list of
// texts, of which the references alone are shown.
func (f *file) argument(l line) bool {
	above := l.keys
	if l.key >= 0 {
		above = l.keys[:max(len(l.keys)-1, 0)]
	}
	return strings.HasPrefix(strings.TrimSpace(l.text), "- ") && slices.ContainsFunc(above, free.MatchString)
}

// plainWord tells a name or version from everything else.
func plainWord(text string) bool {
	text = strings.Trim(strings.TrimSpace(text), `"'`)
	return len(text) <= 63 && !credential.MatchString(text) && !random(text) && !strings.ContainsAny(text, " :{[&!|>")
}

// suspect tells whether a line may hold a credential.
func (f *file) suspect(at int) bool {
	l := f.lines[at]
	if f.secret(l.document) {
		return true
	}
	text := reference.ReplaceAllString(l.text, "")
	if looksSecret(text) || unfinished(l.text) {
		return true
	}
	if l.key >= 0 && slices.Contains(flags, strings.TrimSpace(l.text[l.value:])) {
		return false
	}
	if above := l.keys[:max(len(l.keys)-1, 0)]; len(above) > 0 && slices.Contains(names, above[len(above)-1]) && !anyValue.MatchString(text) {
		return false
	}
	if delicate.MatchString(text) || anyValue.MatchString(text) || slices.ContainsFunc(l.keys, delicate.MatchString) || slices.ContainsFunc(l.keys, anyKey.MatchString) {
		return true
	}
	return l.key < 0 && f.named(at)
}

// named tells whether a line may hold what the lines above it announce: the flag
// or key that names a credential, and then the credential. Comments and empty
// lines may stand between them.
func (f *file) named(at int) bool {
	for back := 1; back <= at; back++ {
		text := strings.TrimSpace(f.lines[at-back].text)
		if back > maxBack || len(text) > maxLine || delicate.MatchString(text) || anyValue.MatchString(text) {
			return true
		}
		if text != "" && text[0] != '#' {
			return false
		}
	}
	return false
}

// unfinished tells whether a reference does not end.
func unfinished(text string) bool {
	return slices.ContainsFunc(reference.FindAllString(text, -1), func(one string) bool { return !strings.HasSuffix(one, ">") })
}

// looksSecret tells by the text alone.
func looksSecret(text string) bool {
	text = digest.ReplaceAllString(text, "")
	if credential.MatchString(text) {
		return true
	}
	return slices.ContainsFunc(opaque.FindAllString(text, -1), random)
}

// random tells a text that a machine made from words: it has letters of both
// cases and digits, and is long.
func random(text string) bool {
	return len(text) >= 20 && strings.ContainsAny(text, "0123456789") &&
		strings.ToLower(text) != text && strings.ToUpper(text) != text
}

// masked leaves of a value the references in it.
func masked(value string) string {
	trimmed := strings.TrimSpace(value)
	if trimmed == "" || strings.HasPrefix(trimmed, "#") {
		return ""
	}
	var b strings.Builder
	rest := 0
	hide := func(text string) {
		if strings.Trim(text, ` "'`) != "" {
			text = hidden
		}
		b.WriteString(text)
	}
	for _, found := range reference.FindAllStringIndex(value, -1) {
		hide(value[rest:found[0]])
		b.WriteString(value[found[0]:found[1]])
		rest = found[1]
	}
	hide(value[rest:])
	return b.String()
}

// secret tells whether a document holds values in clear. A template is one
// document, since what it renders to is not known here.
func (f *file) secret(document int) bool {
	if f.template {
		document = 0
	}
	known, ok := f.secrets[document]
	if !ok {
		known = f.holdsSecrets(document)
		f.secrets[document] = known
	}
	return known
}

var secretName = regexp.MustCompile(`(?i)secret|credential|passw|token`)

func (f *file) holdsSecrets(document int) bool {
	if secretName.MatchString(path.Base(f.name)) && !f.template {
		return true
	}
	var text strings.Builder
	for _, l := range f.lines {
		if f.template || l.document == document {
			text.WriteString(l.text + "\n")
		}
	}
	return secretDocument.MatchString(text.String()) || !plainKind.MatchString(text.String()) && dataKey.MatchString(text.String())
}

func itoa(number int) string { return strconv.Itoa(number) }
