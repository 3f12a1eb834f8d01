// Package chain is the format of the audit trail: a line, how lines are chained
// and signed, and how the files that hold them are named.
//
// A line is one JSON object that begins with seq and prev:
//
//	{"seq":7,"prev":"<SHA-256 of line 6>","version":1,"time":"…",…}
//
// What is hashed is the bytes of a line without its line feed, so nobody needs
// to agree with us on how JSON is written to check it. A checkpoint ends with its
// signature, which is over all bytes before it:
//
//	{"seq":8,"prev":"…",…,"checkpoint":{"key":"…","within":1016,"signature":"…"}}
package chain

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// MaxLine is the size in bytes of the longest line, without its line feed.
const MaxLine = 1 << 20

// Sum is the SHA-256 of a line. The zero value stands before the first line.
type Sum [sha256.Size]byte

// Hash returns the sum of a line, given without its line feed.
func Hash(line []byte) Sum { return sha256.Sum256(line) }

// String returns the sum in hexadecimal.
func (s Sum) String() string { return hex.EncodeToString(s[:]) }

// ParseSum is the inverse of String. It takes no capitals.
func ParseSum(text []byte) (sum Sum, ok bool) {
	if len(text) != hex.EncodedLen(len(sum)) || bytes.ContainsAny(text, "ABCDEF") {
		return Sum{}, false
	}
	_, err := hex.Decode(sum[:], text)
	return sum, err == nil
}

// Header is what chains a line to the one before.
type Header struct {
	Seq  uint64
	Prev Sum
}

const (
	seqMark   = `{"seq":`
	prevMark  = `,"prev":"`
	eventMark = `",`
	// headerSize is the most bytes that a header adds to an event.
	headerSize = len(seqMark) + 20 + len(prevMark) + 2*sha256.Size + len(eventMark)
)

// Encode returns an event as the JSON that [Append] takes. Characters stay as
// they are where JSON allows it, so that a trail can be searched as text.
func Encode(event audit.Event) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(event); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Fits tells whether an encoded event can become a line.
func Fits(event []byte) bool { return len(event)-1+headerSize <= MaxLine }

// Append adds the line of an encoded event to buf, without a line feed.
func Append(buf []byte, header Header, event []byte) []byte {
	buf = append(buf, seqMark...)
	buf = strconv.AppendUint(buf, header.Seq, 10)
	buf = append(buf, prevMark...)
	buf = hex.AppendEncode(buf, header.Prev[:])
	buf = append(buf, eventMark...)
	return append(buf, event[1:]...)
}

// ParseHeader reads the start of a line. It takes what Append writes and no other
// spelling; what follows the header is not looked at.
func ParseHeader(line []byte) (header Header, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(seqMark))
	if !ok {
		return Header{}, false
	}
	digits, rest, ok := bytes.Cut(rest, []byte(prevMark))
	if !ok || len(digits) == 0 || len(digits) > 20 || digits[0] < '1' || digits[0] > '9' {
		return Header{}, false
	}
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	const sumSize = 2 * sha256.Size
	if err != nil || len(rest) < sumSize || !bytes.HasPrefix(rest[sumSize:], []byte(eventMark)) {
		return Header{}, false
	}
	prev, ok := ParseSum(rest[:sumSize])
	return Header{Seq: seq, Prev: prev}, ok
}
