package sink

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"

	"github.com/tinylib/msgp/msgp"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// maxMessage bounds what a Fluent receiver sends: a greeting or an
// acknowledgement, which have some hundred bytes.
const maxMessage = 16 << 10

var errNotObject = errors.New("not one JSON object")

// appendEntry adds a line as Fluent has it: the time and the fields of the event,
// in the order of the trail. What is not a JSON object is sent as text, so that
// nothing holds a sink up.
func appendEntry(to []byte, line audit.Line) []byte {
	to = msgp.AppendArrayHeader(to, 2)
	// EventTime is an extension of type 0: seconds and nanoseconds.
	to = append(to, 0xd7, 0x00)
	to = binary.BigEndian.AppendUint32(to, uint32(line.Time.Unix()))
	to = binary.BigEndian.AppendUint32(to, uint32(line.Time.Nanosecond()))
	record, err := appendJSON(to, line.JSON)
	if err != nil {
		to = msgp.AppendMapHeader(to, 1)
		to = msgp.AppendString(to, "line")
		return msgp.AppendString(to, string(line.JSON))
	}
	return record
}

// appendJSON adds a JSON object as msgpack.
func appendJSON(to, object []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if !json.Valid(object) || !bytes.HasPrefix(bytes.TrimSpace(object), []byte("{")) {
		return nil, errNotObject
	}
	return appendNext(to, decoder)
}

func appendNext(to []byte, decoder *json.Decoder) ([]byte, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		return appendMany(to, decoder, token)
	case string:
		return msgp.AppendString(to, token), nil
	case bool:
		return msgp.AppendBool(to, token), nil
	case json.Number:
		if whole, err := token.Int64(); err == nil {
			return msgp.AppendInt64(to, whole), nil
		}
		fraction, err := token.Float64()
		return msgp.AppendFloat64(to, fraction), err
	}
	return msgp.AppendNil(to), nil
}

// appendMany adds an object or a list. Its length comes first, so that its items
// are collected.
func appendMany(to []byte, decoder *json.Decoder, open json.Delim) ([]byte, error) {
	var items []byte
	count := uint32(0)
	for ; decoder.More(); count++ {
		var err error
		if items, err = appendNext(items, decoder); err != nil {
			return nil, err
		}
	}
	if _, err := decoder.Token(); err != nil { // the closing delimiter
		return nil, err
	}
	if open == '{' {
		to = msgp.AppendMapHeader(to, count/2)
	} else {
		to = msgp.AppendArrayHeader(to, count)
	}
	return append(to, items...), nil
}

// readMessage returns the next value that the receiver sends. It is taken apart
// only when it is here whole, so that no length in it is believed.
func readMessage(conn net.Conn) ([]byte, error) {
	var message []byte
	part := make([]byte, 1<<10)
	for {
		n, err := conn.Read(part)
		message = append(message, part[:n]...)
		if n > 0 {
			switch _, incomplete := msgp.Skip(message); {
			case incomplete == nil:
				return message, nil
			case !errors.Is(msgp.Cause(incomplete), msgp.ErrShortBytes) || len(message) > maxMessage:
				return nil, failure(Answer, "the receiver does not speak the Fluent Forward protocol")
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil, failure(Closed, "the receiver ended the connection before it acknowledged")
		case err != nil:
			return nil, explain(err)
		}
	}
}

// acknowledged returns the id in an acknowledgement, or nothing.
func acknowledged(answer []byte) string {
	fields, rest, err := msgp.ReadMapHeaderBytes(answer)
	for ; err == nil && fields > 0; fields-- {
		var name string
		if name, rest, err = msgp.ReadStringBytes(rest); err != nil {
			break
		}
		if name == "ack" {
			id, _, _ := text(rest)
			return string(id)
		}
		rest, err = msgp.Skip(rest)
	}
	return ""
}

// text reads a string or bytes: receivers send either.
func text(from []byte) (content, rest []byte, err error) {
	if msgp.NextType(from) == msgp.BinType {
		return msgp.ReadBytesZC(from)
	}
	return msgp.ReadStringZC(from)
}
