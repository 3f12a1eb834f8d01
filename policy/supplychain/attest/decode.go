package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The bounds of one statement. Whoever fetches statements bounds their size
// too; the largest SBOMs and reports of real images have a fifth of these.
const (
	// MaxBody is the size of one statement or VEX file, in bytes.
	MaxBody = 8 << 20
	// MaxDepth is the deepest nesting of objects and lists.
	MaxDepth = 100
	// MaxNodes is how many values one statement has: a value of two bytes costs
	// fifty in memory.
	MaxNodes = 1_000_000
	// maxText bounds a text that is compared or shown, in bytes.
	maxText = 2048
)

// malformed is a fault of a statement's form.
func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.ImageAttestation, format, args...)
}

func excess(format string, args ...any) *fault.Error { return fault.New(fault.Limit, format, args...) }

// decoder reads JSON token by token: the standard library keeps the last of two
// equal keys and says nothing. Numbers stay as they are written.
type decoder struct {
	tokens *json.Decoder
	nodes  int
}

// decode reads one JSON object.
func decode(body []byte) (map[string]any, *fault.Error) {
	if len(body) > MaxBody {
		return nil, excess("it is larger than %d MiB", MaxBody>>20)
	}
	if !utf8.Valid(body) {
		return nil, malformed("it is not UTF-8")
	}
	d := &decoder{tokens: json.NewDecoder(bytes.NewReader(body))}
	d.tokens.UseNumber()
	value, err := d.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.tokens.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("it is not valid JSON")
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return nil, malformed("it is not a JSON object")
	}
	return fields, nil
}

func (d *decoder) value(depth int) (any, *fault.Error) {
	if d.nodes++; d.nodes > MaxNodes {
		return nil, excess("it holds more than %d values", MaxNodes)
	}
	token, err := d.tokens.Token()
	if err != nil {
		return nil, malformed("it is not valid JSON")
	}
	delimiter, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if depth == MaxDepth {
		return nil, excess("it is nested more than %d levels deep", MaxDepth)
	}
	if delimiter == '{' {
		return d.object(depth)
	}
	return d.list(depth)
}

func (d *decoder) object(depth int) (any, *fault.Error) {
	fields := map[string]any{}
	for d.tokens.More() {
		token, err := d.tokens.Token()
		key, isText := token.(string)
		if err != nil || !isText {
			return nil, malformed("it is not valid JSON")
		}
		if _, twice := fields[key]; twice {
			return nil, malformed("the key %q stands twice in one object", fault.Clean(key, 80))
		}
		value, fault := d.value(depth + 1)
		if fault != nil {
			return nil, fault
		}
		fields[key] = value
	}
	return fields, d.end()
}

func (d *decoder) list(depth int) (any, *fault.Error) {
	var items []any
	for d.tokens.More() {
		item, err := d.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if items == nil {
		items = []any{}
	}
	return items, d.end()
}

func (d *decoder) end() *fault.Error {
	if _, err := d.tokens.Token(); err != nil {
		return malformed("it is not valid JSON")
	}
	return nil
}
