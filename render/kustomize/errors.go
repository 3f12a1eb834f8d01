package kustomize

import (
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxQuote bounds the text that is quoted from kustomize.
const maxQuote = 600

// tidy is what is taken out of kustomize's text, in order.
var tidy = []struct {
	pattern *regexp.Regexp
	with    string
}{
	// Kustomize tries each base as a file first, and each file as a base last,
	// and tells of both.
	{regexp.MustCompile(`accumulation err='accumulating resources from '[^']*': '[^']*' must resolve to a file': `), ""},
	{regexp.MustCompile(`accumulation err='(.*)': must build at directory: '[^']*': file is not directory`), "$1"},
	// It appends whole objects, one after the other.
	{regexp.MustCompile(`(?s)\s*\*{4} Too many possible referral targets.*`), ""},
	{regexp.MustCompile(`Go (?:struct field [A-Za-z]+\.(\S+)|value) of type \S+`), "field $1"},
	// A secretGenerator's literals are values in clear, and so may be lines of its
	// files.
	{regexp.MustCompile(`(?s)literal sources \[.*\]: .*expected key=value`), "a literal is not written as key=value"},
	{regexp.MustCompile(`(?s)invalid literal source .*, expected key=value`), "a literal is not written as key=value"},
	{regexp.MustCompile(`(?s)has invalid utf8 bytes ?:.*`), "is not UTF-8"},
	// And it prints pointers and structures as Go does.
	{regexp.MustCompile(`resid\.ResId\{Gvk:resid\.Gvk\{.*?Kind:"([^"]*)".*?\}, Name:"([^"]*)".*?\}`), "$1 $2"},
	{regexp.MustCompile(`generator &\{[^{}]*\}`), "a generator"},
	{regexp.MustCompile(`\\n|\s+`), " "},
}

// cleanText makes a line for people out of kustomize's text: without the paths
// of the in-memory file system, the repetitions and the names of Go types.
func cleanText(text string) string {
	text = strings.ReplaceAll(text, mount+"/", "")
	text = strings.ReplaceAll(text, mount, ".")
	for _, step := range tidy {
		text = step.pattern.ReplaceAllString(text, step.with)
	}
	return fault.Clean(strings.TrimSpace(text), maxQuote)
}

// explain turns an error of a build into a located fault.
func (b *build) explain(err error) error {
	var found *fault.Error
	if errors.As(err, &found) {
		if found.File == "" {
			found = found.In(b.survey.top.file, 0)
		}
		return found
	}
	return b.explainText(err.Error())
}

// explainText sorts and locates kustomize's text.
func (b *build) explainText(text string) *fault.Error {
	if found := b.findSyntaxFault(text); found != nil {
		return found
	}
	file, line := b.survey.place(text)
	message := "kustomize cannot build this"
	if b.req.Limits.QuoteErrors {
		message = cleanText(text)
	}
	return fault.New(codeOf(text), "%s", message).In(file, line).
		WithFix("kustomize build shows the same on a laptop")
}

// codeOf sorts kustomize's errors by what a person has to do.
func codeOf(text string) fault.Code {
	switch {
	case strings.Contains(text, "external plugins disabled"), strings.Contains(text, "must specify --enable-helm"):
		return fault.Plugin
	case strings.Contains(text, "security; file"), strings.Contains(text, "file does not exist"):
		return fault.Path
	case saysSyntax(text):
		return fault.YAML
	default:
		return fault.Kustomize
	}
}

func saysSyntax(text string) bool {
	return strings.Contains(text, "MalformedYAMLError") || yamlError.MatchString(text)
}

// findSyntaxFault looks for the file that is not YAML. Kustomize often hides its
// place, because it goes on to try the text as something else.
func (b *build) findSyntaxFault(text string) *fault.Error {
	if !saysSyntax(text) && !strings.Contains(text, "unable to parse") {
		return nil
	}
	for _, k := range b.survey.order {
		for _, ref := range k.refs {
			if ref.file == "" || ref.kind == toFile {
				continue
			}
			data, _ := b.files.file(ref.file)
			err := parseStream(data)
			if err == nil {
				continue
			}
			if match := yamlError.FindStringSubmatch(err.Error()); match != nil {
				return syntaxFault(ref.file, match, b.req.Limits.QuoteErrors)
			}
			return fault.New(fault.YAML, "the file is not YAML").In(ref.file, 0)
		}
	}
	return nil
}

// parseStream parses all documents of a file.
func parseStream(data []byte) error {
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// place finds the file and line that an error speaks of. Kustomize names the
// directories and files on the way to the fault, so that the last one it names
// is nearest to it.
func (s *survey) place(text string) (file string, line int) {
	within := s.lastDirectory(text)
	file = s.top.file
	if within != nil {
		file = within.file
	}
	if patch, line := s.placeOfPatch(text); patch != "" {
		return patch, line
	}
	if ref, owner := s.lastReference(text, within); ref != nil {
		if file, line = owner.file, ref.line; ref.file != "" {
			file, line = ref.file, 0
		}
	}
	if match := yamlError.FindStringSubmatch(text); match != nil {
		line = syntaxLine(match)
	}
	return file, line
}

// lastDirectory finds the kustomization that an error names last.
func (s *survey) lastDirectory(text string) *kustomization {
	var last *kustomization
	at := -1
	for _, k := range s.order {
		if found := strings.LastIndex(text, "'"+absolute(k.dir)+"'"); found > at {
			last, at = k, found
		}
	}
	return last
}

// lastReference finds the reference that an error names last, in one
// kustomization or, where that is not known, in any.
func (s *survey) lastReference(text string, in *kustomization) (last *reference, owner *kustomization) {
	at := -1
	for _, k := range s.order {
		for _, ref := range k.refs {
			if in != nil && k != in || ref.kind == inline || ref.dir != nil {
				continue
			}
			if found := lastQuoted(text, ref.value); found > at {
				last, owner, at = ref, k, found
			}
		}
	}
	return last, owner
}

// lastQuoted finds where a text holds a value in one of kustomize's quotes.
func lastQuoted(text, value string) int {
	at := -1
	for _, quoted := range []string{"'" + value + "'", `"` + value + `"`, "(" + value + ")", "File: " + value} {
		at = max(at, strings.LastIndex(text, quoted))
	}
	return at
}

// patchTarget finds the object in kustomize's text about a patch that fits no
// object: its kind, and its name before the namespace.
var patchTarget = regexp.MustCompile(`patch "?([A-Za-z0-9]+)\.[^/\s]*/(\S+)\.(?:\[noNs\]|[a-z0-9-]+)`)

// placeOfPatch finds the patch for an object that the build does not have.
func (s *survey) placeOfPatch(text string) (file string, line int) {
	match := patchTarget.FindStringSubmatch(text)
	if match == nil {
		return "", 0
	}
	for _, k := range s.order {
		for _, ref := range k.refs {
			isPatch := ref.kind == toYAML || ref.kind == toPatch || ref.kind == inline
			if !isPatch {
				continue
			}
			data, offset := []byte(ref.value), ref.line
			file := k.file
			if ref.file != "" {
				data, _ = s.files.file(ref.file)
				file, offset = ref.file, 0
			}
			for _, document := range scan(data) {
				if document.kind == match[1] && document.name == match[2] {
					return file, offset + document.line
				}
			}
		}
	}
	return "", 0
}
