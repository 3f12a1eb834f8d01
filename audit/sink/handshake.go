package sink

import (
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"net"

	"github.com/tinylib/msgp/msgp"
)

const handshakeSalt = 16

// greeting is a receiver's HELO.
type greeting struct {
	nonce []byte
	// auth is the salt for the password, empty where no user is asked for.
	auth []byte
}

// handshake proves to the receiver that we have the shared key, and has the
// receiver prove the same. The key itself is never sent.
func (f *fluent) handshake(conn net.Conn) error {
	key, problem := readSecret(f.keyFile)
	if problem != nil {
		return problem
	}
	message, err := readMessage(conn)
	if err != nil {
		return err
	}
	hello, ok := parseGreeting(message)
	if !ok {
		return failure(Answer, "the receiver does not greet as the Fluent Forward protocol says; has it a shared key?")
	}
	salt := make([]byte, handshakeSalt)
	_, _ = rand.Read(salt) // never fails
	ping, err := f.ping(hello, salt, key)
	if err != nil {
		return err
	}
	if _, err := conn.Write(ping); err != nil {
		return explain(err)
	}
	if message, err = readMessage(conn); err != nil {
		return err
	}
	allowed, server, proof := parsePong(message)
	if !allowed {
		return failure(Credential, "the receiver refuses the shared key, the user or the password")
	}
	if want := proofOf(salt, server, hello.nonce, key); subtle.ConstantTimeCompare([]byte(want), proof) != 1 {
		return failure(Credential, "the receiver does not have the shared key")
	}
	return nil
}

// ping answers a greeting.
func (f *fluent) ping(hello greeting, salt []byte, key string) ([]byte, error) {
	username, password := "", ""
	if len(hello.auth) > 0 && f.username != "" {
		secret, problem := readSecret(f.passwordFile)
		if problem != nil {
			return nil, problem
		}
		username = f.username
		password = hexDigest(hello.auth, []byte(username), []byte(secret))
	}
	ping := msgp.AppendArrayHeader(nil, 6)
	ping = msgp.AppendString(ping, "PING")
	ping = msgp.AppendString(ping, f.instance)
	ping = msgp.AppendBytes(ping, salt)
	ping = msgp.AppendString(ping, proofOf(salt, []byte(f.instance), hello.nonce, key))
	ping = msgp.AppendString(ping, username)
	return msgp.AppendString(ping, password), nil
}

func proofOf(salt, hostname, nonce []byte, key string) string {
	return hexDigest(salt, hostname, nonce, []byte(key))
}

func hexDigest(parts ...[]byte) string {
	hash := sha512.New()
	for _, part := range parts {
		_, _ = hash.Write(part) // never fails
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// parseGreeting reads ["HELO", {"nonce": ..., "auth": ..., "keepalive": ...}].
func parseGreeting(message []byte) (hello greeting, ok bool) {
	rest, ok := open(message, "HELO", 2)
	if !ok {
		return greeting{}, false
	}
	fields, rest, err := msgp.ReadMapHeaderBytes(rest)
	for ; err == nil && fields > 0; fields-- {
		var name []byte
		if name, rest, err = text(rest); err != nil {
			break
		}
		switch string(name) {
		case "nonce":
			hello.nonce, rest, err = text(rest)
		case "auth":
			hello.auth, rest, err = text(rest)
		default:
			rest, err = msgp.Skip(rest)
		}
	}
	return hello, err == nil
}

// parsePong reads ["PONG", allowed, reason, hostname, proof]. The reason is the
// receiver's text and is left alone.
func parsePong(message []byte) (allowed bool, hostname, proof []byte) {
	rest, ok := open(message, "PONG", 5)
	if !ok {
		return false, nil, nil
	}
	allowed, rest, err := msgp.ReadBoolBytes(rest)
	if err == nil {
		_, rest, err = text(rest)
	}
	if err == nil {
		hostname, rest, err = text(rest)
	}
	if err == nil {
		proof, _, err = text(rest)
	}
	return allowed && err == nil, hostname, proof
}

// open returns what follows the name in a message that is a list of so many.
func open(message []byte, name string, items uint32) (rest []byte, ok bool) {
	count, rest, err := msgp.ReadArrayHeaderBytes(message)
	if err != nil || count < items {
		return nil, false
	}
	got, rest, err := text(rest)
	return rest, err == nil && string(got) == name
}
