// Package leak is the last look at what is about to be emitted: it searches for
// every value that was read, in the forms in which text travels. It knows
// nothing of how the objects were made, so a fault in that shows here.
package leak

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// MinSearched is the least size in bytes of a value that is searched for inside
// of texts. Shorter ones stand in any text by chance, so only a whole string
// that is one of them counts, and a boolean never does.
const MinSearched = 6

// maxName is the largest value of letters or of digits alone that is not
// searched for in the keys of maps: "secret" is a poor password, and stands in
// secretKeyRef. Texts are searched for it all the same.
const maxName = 11

// Watched is a value that must not leave.
type Watched struct {
	Value value.Value
	// Name says whose value it is, such as "kv/demo/db#password".
	Name string
}

// window is how many bytes of a needle the index looks at. No needle is
// shorter: base64 without the characters at its ends has more characters than
// the value has bytes.
const window = MinSearched

type needle struct {
	text []byte
	name string
	// inKeys is set where the keys of maps are searched too.
	inKeys bool
}

type scanner struct {
	// first is a bitmap over two bytes, to skip nearly everything at once.
	first   [1 << 16 / 64]uint64
	needles map[[window]byte][]needle
	whole   map[string]string
}

// Scan searches the objects for the values and returns one fault for each
// field that holds one. Faults name whose value it is, and not the value.
func Scan(objects []object.Object, watched []Watched) fault.List {
	if len(watched) == 0 {
		return nil
	}
	s := newScanner(watched)
	var faults fault.List
	for _, o := range objects {
		s.walk(o.Fields, "", func(field, name string) {
			faults = append(faults, o.Fault(fault.Leak, field, "the value of %s stands here in clear", name).
				WithFix("take the text out of the manifest, or ask the platform team to list it under nonSecret"))
		})
	}
	return faults
}

func newScanner(watched []Watched) *scanner {
	s := &scanner{needles: map[[window]byte][]needle{}, whole: map[string]string{}}
	for _, w := range watched {
		content := w.Value.Reveal()
		switch {
		case len(content) == 0 || w.Value.Kind() == value.Bool:
		case len(content) < MinSearched:
			s.addShort(content, w.Name)
		default:
			for _, form := range forms(content) {
				s.add(form, w.Name, !isName(form))
			}
		}
	}
	return s
}

// addShort registers a value that counts only as a whole scalar.
func (s *scanner) addShort(content []byte, name string) {
	s.whole[string(content)] = name
	s.whole[base64.StdEncoding.EncodeToString(content)] = name
}

// isName tells whether a text could be the name of a field.
func isName(text []byte) bool {
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	only := func(kind func(rune) bool) bool {
		return !bytes.ContainsFunc(text, func(r rune) bool { return !kind(r) })
	}
	return len(text) <= maxName && (only(letter) || only(digit))
}

func (s *scanner) add(text []byte, name string, inKeys bool) {
	if len(text) < window {
		return
	}
	key := [window]byte(text[:window])
	if slices.ContainsFunc(s.needles[key], func(n needle) bool { return bytes.Equal(n.text, text) }) {
		return
	}
	s.needles[key] = append(s.needles[key], needle{text, name, inKeys})
	pair := uint16(text[0])<<8 | uint16(text[1])
	s.first[pair/64] |= 1 << (pair % 64)
}

// find returns whose value a text holds; isKey tells that the text is the key of
// a map.
func (s *scanner) find(text string, isKey bool) (string, bool) {
	for i := 0; i+window <= len(text); i++ {
		pair := uint16(text[i])<<8 | uint16(text[i+1])
		if s.first[pair/64]&(1<<(pair%64)) == 0 {
			continue
		}
		for _, n := range s.needles[[window]byte([]byte(text[i:i+window]))] {
			if strings.HasPrefix(text[i:], string(n.text)) && (n.inKeys || !isKey) {
				return n.name, true
			}
		}
	}
	return "", false
}

func (s *scanner) walk(node any, field string, report func(field, name string)) {
	switch node := node.(type) {
	case string:
		if name, ok := s.whole[node]; ok {
			report(field, name)
		} else if name, ok := s.find(node, false); ok {
			report(field, name)
		}
	case json.Number:
		if name, ok := s.find(node.String(), false); ok {
			report(field, name)
		}
	case map[string]any:
		for _, key := range sortedKeys(node) {
			if name, ok := s.find(key, true); ok {
				report(field, name)
				continue
			}
			s.walk(node[key], strings.TrimPrefix(field+"."+key, "."), report)
		}
	case []any:
		for i, item := range node {
			s.walk(item, fmt.Sprintf("%s[%d]", field, i), report)
		}
	}
}

// forms returns a value as it may stand in a text.
func forms(content []byte) [][]byte {
	found := [][]byte{content}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift := range 3 {
			found = append(found, shifted(encoding, content, shift))
		}
	}
	lower := hex.EncodeToString(content)
	text := string(content)
	found = append(found, []byte(lower), []byte(strings.ToUpper(lower)),
		[]byte(url.QueryEscape(text)), []byte(url.PathEscape(text)),
		percent(content, "0123456789abcdef"), percent(content, "0123456789ABCDEF"))
	return append(found, jsonForms(text)...)
}

// shifted returns the base64 characters that depend on nothing but content,
// where it begins shift bytes into a group of three.
func shifted(encoding *base64.Encoding, content []byte, shift int) []byte {
	padded := append(make([]byte, shift), content...)
	encoded := encoding.AppendEncode(nil, padded)
	begin := []int{0, 2, 3}[shift]
	end := len(padded) * 8 / 6
	return encoded[begin:end]
}

func percent(content []byte, digits string) []byte {
	out := make([]byte, 0, 3*len(content))
	for _, c := range content {
		out = append(out, '%', digits[c>>4], digits[c&15])
	}
	return out
}

// jsonForms are the value inside a JSON string: as encoders write it with and
// without escapes for HTML, and with every character escaped.
func jsonForms(text string) [][]byte {
	var found [][]byte
	for _, escapeHTML := range []bool{true, false} {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(escapeHTML)
		if encoder.Encode(text) == nil {
			quoted := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
			found = append(found, quoted[1:len(quoted)-1])
		}
	}
	var escaped strings.Builder
	for _, r := range text {
		if r > 0xffff {
			return found
		}
		fmt.Fprintf(&escaped, `\u%04x`, r)
	}
	return append(found, []byte(escaped.String()), []byte(strings.ReplaceAll(strings.ToUpper(escaped.String()), `\U`, `\u`)))
}

func sortedKeys(fields map[string]any) []string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
