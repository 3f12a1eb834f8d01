package object

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// ParseLine reads one object from the line of JSON that [Object.AppendJSON]
// wrote. The sidecar calls it on what a worker sent, so it trusts nothing:
// duplicate keys, numbers that do not fit and deep nesting are refused.
func ParseLine(line []byte, file string, number int) (Object, error) {
	value, err := decodeJSON(file, line)
	if err != nil {
		return Object{}, err
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return Object{}, fault.New(fault.ObjectShape, "the document is %s, not an object", Describe(value)).In(file, number)
	}
	return Object{Fields: fields, File: file, Line: number}, nil
}

func looksLikeJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
}

// jsonReader decodes JSON token by token, because the standard decoder keeps
// the last of two equal keys and says nothing.
type jsonReader struct {
	file    string
	data    []byte
	decoder *json.Decoder
	nodes   int
}

// decodeJSON reads exactly one JSON value. Text that is not JSON gives E_YAML.
func decodeJSON(file string, data []byte) (any, error) {
	reader := &jsonReader{file: file, data: data, decoder: json.NewDecoder(bytes.NewReader(data))}
	reader.decoder.UseNumber()
	value, err := reader.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := reader.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, reader.fault(fault.YAML, "there is text after the end of the JSON document")
	}
	return value, nil
}

func (r *jsonReader) value(depth int) (any, error) {
	if r.nodes++; r.nodes > MaxNodes {
		return nil, r.fault(fault.Limit, "the file holds more than %d nodes", MaxNodes)
	}
	if depth > MaxDepth {
		return nil, r.fault(fault.Limit, "nested more than %d levels deep", MaxDepth)
	}
	token, err := r.decoder.Token()
	if err != nil {
		return nil, r.syntaxFault()
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return r.mapping(depth)
		}
		return r.list(depth)
	case json.Number:
		return r.number(token)
	case string:
		if len(token) > MaxScalarBytes {
			return nil, r.fault(fault.Limit, "a string of %d bytes is longer than %d", len(token), MaxScalarBytes)
		}
		return token, nil
	default:
		return token, nil
	}
}

func (r *jsonReader) mapping(depth int) (any, error) {
	fields := map[string]any{}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		if err != nil {
			return nil, r.syntaxFault()
		}
		key, _ := token.(string)
		if _, twice := fields[key]; twice {
			return nil, r.fault(fault.YAMLDup, "the key %q stands twice", fault.Clean(key, 80))
		}
		if fields[key], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	if _, err := r.decoder.Token(); err != nil {
		return nil, r.syntaxFault()
	}
	return fields, nil
}

func (r *jsonReader) list(depth int) (any, error) {
	items := []any{}
	for r.decoder.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if _, err := r.decoder.Token(); err != nil {
		return nil, r.syntaxFault()
	}
	return items, nil
}

// number keeps integers as they are written and writes floats as Argo CD does.
func (r *jsonReader) number(number json.Number) (any, error) {
	if _, err := number.Int64(); err == nil {
		if number == "-0" {
			return json.Number("0"), nil
		}
		return number, nil
	}
	value, err := number.Float64()
	if err != nil || !bytes.ContainsAny([]byte(number), ".eE") {
		return nil, r.fault(fault.YAMLNumber, "the number %q cannot be kept exactly", fault.Clean(number.String(), 40)).
			WithFix("put it in quotes if it is a string")
	}
	return floatNumber(value), nil
}

func (r *jsonReader) syntaxFault() *fault.Error {
	return r.fault(fault.YAML, "the document is not valid JSON")
}

func (r *jsonReader) fault(code fault.Code, format string, args ...any) *fault.Error {
	read := min(int(r.decoder.InputOffset()), len(r.data))
	return fault.New(code, format, args...).In(r.file, 1+bytes.Count(r.data[:read], []byte("\n")))
}
