package chain

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

const (
	signatureMark = `"signature":"`
	signatureEnd  = `"}}`
)

var signatureSize = base64.StdEncoding.EncodedLen(ed25519.SignatureSize)

// AppendCheckpoint adds a signed line to buf, without a line feed. Of the event
// everything but its checkpoint is used.
func (s *Signer) AppendCheckpoint(buf []byte, header Header, event audit.Event, within int) ([]byte, error) {
	event.Checkpoint = &audit.Signature{Key: s.ID(), Within: within}
	encoded, err := Encode(event)
	if err != nil {
		return nil, err
	}
	start := len(buf)
	buf = Append(buf, header, encoded)
	buf = buf[:len(buf)-len(signatureEnd)]
	signature := ed25519.Sign(s.key, buf[start:])
	buf = base64.StdEncoding.AppendEncode(buf, signature)
	return append(buf, signatureEnd...), nil
}

// IsSigned tells whether a line ends like a checkpoint. No other line can: in a
// string of JSON the quotes would have backslashes.
func IsSigned(line []byte) bool {
	_, _, ok := cutSignature(line)
	return ok
}

// CheckSignature tells whether a line ends with a signature by the key.
func CheckSignature(line []byte, key ed25519.PublicKey) bool {
	signed, encoded, ok := cutSignature(line)
	if !ok {
		return false
	}
	signature, err := base64.StdEncoding.Strict().DecodeString(string(encoded))
	return err == nil && ed25519.Verify(key, signed, signature)
}

// cutSignature returns what a checkpoint signs, and its signature in base64.
func cutSignature(line []byte) (signed, signature []byte, ok bool) {
	rest, ok := bytes.CutSuffix(line, []byte(signatureEnd))
	if !ok || len(rest) < signatureSize {
		return nil, nil, false
	}
	at := len(rest) - signatureSize
	return rest[:at], rest[at:], bytes.HasSuffix(rest[:at], []byte(signatureMark))
}
