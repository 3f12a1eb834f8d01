package sink

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net"

	"github.com/tinylib/msgp/msgp"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// fluent sends batches in PackedForward mode of the Fluent Forward protocol and
// waits for the acknowledgement of each, which Fluent Bit and Fluentd send when
// the batch is in their buffer. The protocol is written here with an encoder of
// msgpack: fluent-logger-golang sends and acknowledges each line on its own, and
// knows neither authorities, client certificates nor shared keys; fluent-forward-go
// has no limits of time and size for what the receiver sends.
// https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1.5
type fluent struct {
	at                              endpoint
	tag, instance                   string
	keyFile, username, passwordFile string
	// conn is open between batches, nil where there is none.
	conn net.Conn
}

func (f *fluent) Send(ctx context.Context, lines []audit.Line) error {
	chunk, message := f.message(lines)
	reused := f.conn != nil
	err := f.send(ctx, chunk, message)
	if err != nil && reused && explain(err).Reason == Closed && ctx.Err() == nil {
		// A receiver may end a connection that is idle.
		err = f.send(ctx, chunk, message)
	}
	return err
}

func (f *fluent) send(ctx context.Context, chunk string, message []byte) (err error) {
	if f.conn == nil {
		if err := f.connect(ctx); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	defer watch(ctx, f.conn)()
	if _, err := f.conn.Write(message); err != nil {
		return explain(err)
	}
	answer, err := readMessage(f.conn)
	if err != nil {
		return err
	}
	if acknowledged(answer) != chunk {
		return failure(Answer, "the receiver did not acknowledge what was sent")
	}
	return nil
}

func (f *fluent) connect(ctx context.Context) error {
	conn, err := f.at.dial(ctx)
	if err != nil {
		return err
	}
	if f.keyFile != "" {
		stop := watch(ctx, conn)
		err = f.handshake(conn)
		stop()
	}
	if err != nil {
		_ = conn.Close()
		return err
	}
	f.conn = conn
	return nil
}

// message returns a batch as it is sent, and the id that acknowledges it.
func (f *fluent) message(lines []audit.Line) (chunk string, message []byte) {
	entries := make([]byte, 0, sizeOf(lines)+16*len(lines))
	for _, line := range lines {
		entries = appendEntry(entries, line)
	}
	sum := sha256.Sum256(entries)
	chunk = base64.StdEncoding.EncodeToString(sum[:16])
	message = make([]byte, 0, len(entries)+len(f.tag)+64)
	message = msgp.AppendArrayHeader(message, 3)
	message = msgp.AppendString(message, f.tag)
	message = msgp.AppendBytes(message, entries)
	message = msgp.AppendMapHeader(message, 2)
	message = msgp.AppendInt(msgp.AppendString(message, "size"), len(lines))
	message = msgp.AppendString(msgp.AppendString(message, "chunk"), chunk)
	return chunk, message
}

func (f *fluent) Close() {
	if f.conn != nil {
		_ = f.conn.Close()
		f.conn = nil
	}
}
