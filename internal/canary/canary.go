// Package canary is for tests: it draws secrets that nobody can write by
// chance, and searches all that a test can see for them, in the forms in which
// text travels.
//
// A test that reads values starts a [Watch], which searches when the test ends:
//
//	watch := canary.Over(t)
//	password := watch.Secret(canary.Draw())
//	...
//	watch.See("manifests", manifests)
//	watch.SeeError(err)
//
// It shares no code with the leak scan of the secrets stage, which it tests.
package canary

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

const (
	// window is how many characters of a canary in a row give it away.
	window = 8
	// maxInflated bounds what one gzip stream is inflated to, and maxDepth how
	// often something is unpacked that was found inside of something else.
	maxInflated = 64 << 20
	maxDepth    = 4
	alphabet    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
)

// Draw returns 32 random hexadecimal digits.
func Draw() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// Find tells in which form a canary, or any eight characters of it in a row,
// stands in content.
func Find(content []byte, canary string) (form string, found bool) {
	return newNest([]string{canary}).find(content, 0)
}

// nest are the needles of some canaries by their first bytes, so that one pass
// over a content finds all.
type nest map[[window]byte][]needle

type needle struct{ text, form string }

func newNest(canaries []string) nest {
	n := nest{}
	for _, canary := range canaries {
		for i := 0; i+window <= len(canary); i++ {
			n.addForms(canary[i : i+window])
		}
	}
	return n
}

func (n nest) addForms(part string) {
	n.add(part, "raw")
	digits := hex.EncodeToString([]byte(part))
	n.add(digits, "hex")
	n.add(strings.ToUpper(digits), "hex")
	for _, format := range []string{"%%%02x", "%%%02X"} {
		n.add(each(part, format), "URL-encoded")
	}
	for _, format := range []string{`\u%04x`, `\u%04X`} {
		n.add(each(part, format), "JSON escapes")
	}
	for shift := range 3 {
		padded := append(make([]byte, shift), part...)
		begin, end := (shift*8+5)/6, len(padded)*8/6 // whole characters of the part alone
		n.add(base64.RawStdEncoding.EncodeToString(padded)[begin:end], fmt.Sprintf("base64 at %d", shift))
		n.add(base64.RawURLEncoding.EncodeToString(padded)[begin:end], fmt.Sprintf("base64url at %d", shift))
	}
}

func each(part, format string) string {
	var out strings.Builder
	for i := range len(part) {
		fmt.Fprintf(&out, format, part[i])
	}
	return out.String()
}

func (n nest) add(text, form string) {
	key := [window]byte([]byte(text))
	n[key] = append(n[key], needle{text, form})
}

func (n nest) find(content []byte, depth int) (string, bool) {
	for i := 0; i+window <= len(content); i++ {
		for _, needle := range n[[window]byte(content[i:])] {
			if bytes.HasPrefix(content[i:], []byte(needle.text)) {
				return needle.form, true
			}
		}
	}
	if depth == maxDepth {
		return "", false
	}
	for _, inner := range unpack(content) {
		if form, found := n.find(inner, depth+1); found {
			return form + ", packed", true
		}
	}
	return "", false
}

// unpack returns what the gzip streams inside of a content hold, and the gzip
// streams that stand there as base64.
func unpack(content []byte) [][]byte {
	var found [][]byte
	for _, at := range indexes(content, []byte("\x1f\x8b\x08")) {
		reader, err := gzip.NewReader(bytes.NewReader(content[at:]))
		if err != nil {
			continue
		}
		// A stream that is cut off shows what it has.
		inflated, _ := io.ReadAll(io.LimitReader(reader, maxInflated))
		found = append(found, inflated)
	}
	for _, at := range indexes(content, []byte("H4sI")) { // base64 of the same three bytes
		text := content[at:]
		end := bytes.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(alphabet, r) })
		if end >= 0 {
			text = text[:end]
		}
		plain := strings.NewReplacer("-", "+", "_", "/").Replace(string(text))
		decoded, _ := base64.RawStdEncoding.DecodeString(plain)
		found = append(found, decoded)
	}
	return found
}

func indexes(content, part []byte) []int {
	var found []int
	for at := 0; ; at++ {
		next := bytes.Index(content[at:], part)
		if next < 0 {
			return found
		}
		at += next
		found = append(found, at)
	}
}
