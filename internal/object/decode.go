package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/yamlhint"
)

// The bounds of one decoded file. Aliases repeat what they point at, so the
// bounds count what a file expands to and not what it is written as.
const (
	// MaxDepth is the deepest nesting of mappings and lists.
	MaxDepth = 100
	// MaxAliases is how many aliases a file may use.
	MaxAliases = 10_000
	// MaxNodes is how many scalars, mappings and lists a file may expand to.
	MaxNodes = 2_000_000
	// MaxExpandedBytes is how many bytes of scalars a file may expand to.
	MaxExpandedBytes = 64 << 20
	// MaxScalarBytes bounds one string; the API server takes no larger object.
	MaxScalarBytes = 3 << 20
)

// Decode reads a stream of YAML documents, or one JSON document, into objects
// in the order of the stream. Documents that hold nothing are left out; lists
// are not flattened (see [Flatten]) and the shape is not checked (see [Check]).
//
// Scalars mean what they mean to Argo CD and kubectl, which read YAML 1.1:
// "yes" is true and 017 is 15. Integers keep every digit. Unlike those readers
// Decode refuses what readers disagree on: duplicate keys, unknown tags,
// numbers that do not fit, text that is not UTF-8.
//
// Faults are located in file. Decode is safe for concurrent use.
func Decode(file string, data []byte) ([]Object, error) {
	data, err := CheckEncoding(file, data)
	if err != nil {
		return nil, err
	}
	if looksLikeJSON(data) {
		if value, err := decodeJSON(file, data); err == nil {
			return appendDocument(nil, file, 1, value)
		} else if fault.CodeOf(err) != fault.YAML {
			return nil, err
		}
		// A YAML flow mapping may begin like JSON and use what JSON has not.
	}
	if bytes.IndexByte(data, '\r') >= 0 { // Argo CD's reader ends lines with a line feed alone
		data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	}
	if at := unclearMarker(data); at >= 0 {
		return nil, fault.New(fault.YAML, "readers do not agree whether a document ends here").
			In(file, 1+len(lineBreak.FindAllIndex(data[:at], -1))).WithFix("write --- alone, in a line that ends as all others do")
	}
	return decodeYAML(file, data)
}

// DecodeValue reads a text that is one YAML document of any form, as [Decode]
// reads documents. A mapping comes as map[string]any, a list as []any, a number
// as json.Number. Faults quote the text.
func DecodeValue(data []byte) (value any, err error) {
	defer func() {
		if recover() != nil {
			value, err = nil, fault.New(fault.YAML, "the document cannot be parsed")
		}
	}()
	if data, err = CheckEncoding("", data); err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, more yaml.Node
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return nil, parseFault("", data, err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.YAML, "there is more than one document")
	}
	if document.IsZero() {
		return nil, nil
	}
	return (&builder{source: newSource(data)}).value(&document, 0)
}

// CheckAliases refuses YAML whose aliases lead in a circle (E_YAML_ALIAS) or grow
// without measure (E_YAML_ALIAS, E_LIMIT), for parsers that follow them without a
// bound or count only the nodes that they make. Whatever else is wrong is left to
// the parser.
func CheckAliases(file string, data []byte) error {
	if !bytes.ContainsRune(data, '&') || !bytes.ContainsRune(data, '*') {
		return nil
	}
	_, err := decodeYAML(file, data)
	switch fault.CodeOf(err) {
	case fault.YAMLAlias, fault.Limit:
		return err
	default:
		return nil
	}
}

func decodeYAML(file string, data []byte) (objects []Object, err error) {
	// The parser reports its own faults by error; anything else that goes wrong
	// in it must not take the process down.
	defer func() {
		if recover() != nil {
			objects, err = nil, fault.New(fault.YAML, "the document cannot be parsed").In(file, 0)
		}
	}()
	builder := &builder{file: file, source: newSource(data)}
	decoder := yaml.NewDecoder(io.MultiReader(bytes.NewReader(data), lastBreak(data)))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, parseFault(file, data, err)
		}
		value, err := builder.value(&document, 0)
		if err != nil {
			return nil, err
		}
		line := document.Line
		if len(document.Content) > 0 {
			line = document.Content[0].Line
		}
		if objects, err = appendDocument(objects, file, line, value); err != nil {
			return nil, err
		}
	}
}

// lastBreak is the line break that a file should end with. Argo CD and kubectl
// add it, which shows in a block of text at the end.
func lastBreak(data []byte) io.Reader {
	if bytes.HasSuffix(data, []byte("\n")) {
		return strings.NewReader("")
	}
	return strings.NewReader("\n")
}

func appendDocument(objects []Object, file string, line int, value any) ([]Object, error) {
	switch value := value.(type) {
	case nil:
		return objects, nil
	case map[string]any:
		return append(objects, Object{Fields: value, File: file, Line: line}), nil
	default:
		return nil, fault.New(fault.ObjectShape, "the document is %s, not an object", Describe(value)).
			In(file, line).WithFix("a document begins with apiVersion and kind; exclude the file if it is not a manifest")
	}
}

const byteOrderMark = "\ufeff"

// CheckEncoding refuses what is not UTF-8 with E_YAML_ENC, and returns the text
// without a byte order mark. YAML may be UTF-16 too: of two parsers one would
// read objects where the other sees none.
func CheckEncoding(file string, data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if bytes.HasPrefix(data, []byte(byteOrderMark)) || bytes.Contains(data, []byte("\n"+byteOrderMark)) {
		return nil, fault.New(fault.YAMLEnc, "a byte order mark stands inside of the file").In(file, 0).WithFix("remove it: files that were joined may have one each")
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) || !utf8.Valid(data) {
		return nil, fault.New(fault.YAMLEnc, "the file is not UTF-8").In(file, 0).WithFix("save it as UTF-8")
	}
	return data, nil
}

// yamlLine finds the line in the parser's text, such as
// "yaml: line 3: mapping values are not allowed in this context".
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func parseFault(file string, data []byte, err error) *fault.Error {
	text := err.Error()
	match := yamlLine.FindStringSubmatch(text)
	line := 0
	if match != nil {
		line, _ = strconv.Atoi(match[1])
		text = strings.TrimPrefix(text, match[0])
		line = yamlhint.Line(text, line, data)
	}
	code := fault.YAML
	if strings.Contains(text, "exceeded max depth") {
		code = fault.Limit
	}
	return fault.New(code, "%s", fault.Clean(text, 256)).In(file, line).WithFix("%s", yamlhint.Fix(text))
}

// Describe names the type of a decoded value for people.
func Describe(value any) string {
	switch value := value.(type) {
	case nil:
		return "empty"
	case map[string]any:
		return "a mapping"
	case []any:
		return "a list"
	case string:
		return "a string"
	case bool:
		return "true or false"
	case json.Number:
		if strings.ContainsAny(value.String(), ".eE") {
			return "a number with a fraction"
		}
	}
	return "a number"
}
