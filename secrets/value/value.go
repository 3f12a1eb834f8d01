// Package value holds what Vault holds. A [Value] prints as [Redacted] through
// every formatter and encoder, so that no log line, error or dump can carry one
// by accident: the only way to the bytes is [Value.Reveal].
package value

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Redacted is what a value prints as.
const Redacted = "[redacted]"

// Kind is the JSON kind of a value. It is not secret.
type Kind int

// The kinds. Invalid is the kind of the zero Value, which holds nothing.
const (
	Invalid Kind = iota
	Text
	Number
	Bool
	Null
	Object
	List
)

// String names the kind for messages: "a number".
func (k Kind) String() string {
	names := [...]string{"nothing", "text", "a number", "a boolean", "null", "an object", "a list"}
	if k < 0 || int(k) >= len(names) {
		return names[Invalid]
	}
	return names[k]
}

// Value is one value of a secret: its kind and its bytes. The bytes of a text
// are its characters, those of any other kind its exact JSON as Vault sent it,
// so that no number passes through a float.
//
// The bytes live in a closure and not in a field: packages that print by
// reflection, unexported fields included, see a function and print its address.
// A Value is safe for concurrent use until [Value.Zero] is called.
type Value struct {
	kind Kind
	cell func() []byte
}

// New returns a text. It keeps b and does not copy it.
func New(b []byte) Value { return of(Text, b) }

// FromString returns a text with a copy of s.
func FromString(s string) Value { return New([]byte(s)) }

// FromJSON returns the value that one JSON value stands for. The error does not
// quote the input.
func FromJSON(raw []byte) (Value, error) {
	raw = bytes.TrimSpace(raw)
	// encoding/json would put U+FFFD in the place of what is not UTF-8.
	if !json.Valid(raw) || !utf8.Valid(raw) {
		return Value{}, fmt.Errorf("value: not one JSON value")
	}
	switch raw[0] {
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return Value{}, fmt.Errorf("value: not a JSON string")
		}
		return FromString(s), nil
	case 't', 'f':
		return of(Bool, bytes.Clone(raw)), nil
	case 'n':
		return of(Null, bytes.Clone(raw)), nil
	case '{', '[':
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return Value{}, fmt.Errorf("value: not one JSON value")
		}
		if raw[0] == '{' {
			return of(Object, compact.Bytes()), nil
		}
		return of(List, compact.Bytes()), nil
	default:
		return of(Number, bytes.Clone(raw)), nil
	}
}

func of(kind Kind, b []byte) Value {
	return Value{kind: kind, cell: func() []byte { return b }}
}

// Kind returns the value's kind.
func (v Value) Kind() Kind { return v.kind }

// Len returns the number of bytes.
func (v Value) Len() int { return len(v.Reveal()) }

// Scalar tells whether the value has a text of its own: text, number, boolean.
func (v Value) Scalar() bool { return v.kind == Text || v.kind == Number || v.kind == Bool }

// Reveal returns the bytes themselves, not a copy. They must not be changed,
// kept beyond the request, or given to anything that may fail with a message.
func (v Value) Reveal() []byte {
	if v.cell == nil {
		return nil
	}
	return v.cell()
}

// Clone returns a value with its own copy of the bytes.
func (v Value) Clone() Value { return of(v.kind, bytes.Clone(v.Reveal())) }

// Zero overwrites the bytes. It shortens how long a value stays in memory; it
// does not reach copies that a decoder or an encoder of the runtime has made.
func (v Value) Zero() { clear(v.Reveal()) }

// Equal compares kind and bytes; the bytes in constant time for equal lengths.
func (v Value) Equal(other Value) bool {
	return v.kind == other.kind && subtle.ConstantTimeCompare(v.Reveal(), other.Reveal()) == 1
}

// String returns [Redacted].
func (Value) String() string { return Redacted }

// GoString returns [Redacted].
func (Value) GoString() string { return Redacted }

// Format prints [Redacted] for every verb, quoted for %q, and keeps the width.
func (Value) Format(state fmt.State, verb rune) {
	text := Redacted
	if verb == 'q' {
		text = strconv.Quote(text)
	}
	if width, ok := state.Width(); ok && width > len(text) && width <= 1024 {
		text = strings.Repeat(" ", width-len(text)) + text
	}
	_, _ = io.WriteString(state, text)
}

// MarshalJSON encodes [Redacted].
func (Value) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(Redacted)), nil }

// MarshalText encodes [Redacted]; XML, TOML and map keys use it.
func (Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalBinary encodes [Redacted].
func (Value) MarshalBinary() ([]byte, error) { return []byte(Redacted), nil }

// GobEncode encodes [Redacted].
func (Value) GobEncode() ([]byte, error) { return []byte(Redacted), nil }

// MarshalYAML encodes [Redacted].
func (Value) MarshalYAML() (any, error) { return Redacted, nil }

// LogValue logs [Redacted].
func (Value) LogValue() slog.Value { return slog.StringValue(Redacted) }
