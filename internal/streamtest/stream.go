// Package streamtest is for tests: it sends an application to the plugin's service
// as the repo-server does.
package streamtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Dial connects to a plugin's socket until the test ends.
func Dial(t testing.TB, socket string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// FreeAddress returns an address on loopback that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// Archive packs files.
func Archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	writer := tar.NewWriter(zipped)
	for name, content := range files {
		if err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// Metadata is the first message of a stream: it announces an archive, the
// application's directory in it, and variables as NAME=value.
func Metadata(packed []byte, path string, env ...string) *apiclient.AppStreamRequest {
	sum := sha256.Sum256(packed)
	data := &apiclient.ManifestRequestMetadata{AppRelPath: path, Checksum: hex.EncodeToString(sum[:]), Size_: int64(len(packed))}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		data.Env = append(data.Env, &apiclient.EnvEntry{Name: name, Value: value})
	}
	return &apiclient.AppStreamRequest{Request: &apiclient.AppStreamRequest_Metadata{Metadata: data}}
}

// Chunk is a message with a part of the archive.
func Chunk(data []byte) *apiclient.AppStreamRequest {
	return &apiclient.AppStreamRequest{Request: &apiclient.AppStreamRequest_File{File: &apiclient.File{Chunk: data}}}
}

// Sender is the client's half of a stream.
type Sender interface {
	Send(*apiclient.AppStreamRequest) error
}

// Send sends messages until the server has answered; an early answer is no error
// of the sender.
func Send(to Sender, messages ...*apiclient.AppStreamRequest) {
	for _, message := range messages {
		if to.Send(message) != nil {
			return
		}
	}
}
