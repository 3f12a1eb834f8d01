package plugin

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// streamReceiver is the receiving half of the three streaming calls.
type streamReceiver interface {
	Recv() (*apiclient.AppStreamRequest, error)
}

// idleTimeout is how long the repo-server may send nothing in the middle of an
// archive. It compresses the archive before it sends the first message.
const idleTimeout = 10 * time.Second

// intake reads one stream: a message of metadata, then the archive in chunks.
// It is an [io.Reader] over the archive, which never touches the disk.
//
// A call to Recv cannot be interrupted but by ending the call it belongs to, so
// a goroutine receives and intake waits for it with a timeout. The goroutine
// ends at the latest when the handler has returned.
type intake struct {
	metadata *apiclient.ManifestRequestMetadata
	messages chan received
	done     <-chan struct{}
	timer    *time.Timer
	rest     []byte
	digest   hash.Hash
	err      error
}

type received struct {
	message *apiclient.AppStreamRequest
	err     error
}

// receive starts to read a stream and returns once the metadata is there. done
// is closed when the request ends.
func receive(stream streamReceiver, done <-chan struct{}, started func() (finished func())) (*intake, error) {
	in := &intake{messages: make(chan received), done: done, timer: time.NewTimer(idleTimeout), digest: sha256.New()}
	finished := started()
	go func() {
		defer finished()
		for {
			message, err := stream.Recv()
			select {
			case in.messages <- received{message, err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	first, err := in.next()
	if errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Stream, "the stream ended before it began")
	}
	if err != nil {
		return nil, err
	}
	if in.metadata = first.GetMetadata(); in.metadata == nil {
		return nil, fault.New(fault.Stream, "the first message of the stream has no metadata")
	}
	return in, nil
}

// next waits for one message, at most idleTimeout.
func (in *intake) next() (*apiclient.AppStreamRequest, error) {
	in.timer.Reset(idleTimeout)
	select {
	case got := <-in.messages:
		if got.err != nil && !errors.Is(got.err, io.EOF) {
			return nil, fault.New(fault.Stream, "the stream broke off")
		}
		return got.message, got.err
	case <-in.timer.C:
		return nil, fault.New(fault.Stream, "nothing was received for %v", idleTimeout)
	case <-in.done:
		return nil, fault.New(fault.Canceled, "the request ended while the archive was being received")
	}
}

// Read gives the archive's bytes.
func (in *intake) Read(p []byte) (int, error) {
	for len(in.rest) == 0 {
		if in.err != nil {
			return 0, in.err
		}
		message, err := in.next()
		if err != nil {
			in.err = err
			continue
		}
		file := message.GetFile()
		if file == nil {
			in.err = fault.New(fault.Stream, "a message in the middle of the stream is no part of the archive")
			continue
		}
		in.rest = file.GetChunk()
		in.digest.Write(in.rest)
	}
	n := copy(p, in.rest)
	in.rest = in.rest[n:]
	return n, nil
}

// verify compares the archive with the checksum in the metadata, a SHA-256 of
// the compressed bytes. It must be called after the archive was read to its
// end and before anything of it is used. The result is the checksum.
func (in *intake) verify() (digest string, err error) {
	if n, err := in.Read(make([]byte, 1)); n > 0 {
		return "", fault.New(fault.Stream, "there are bytes after the end of the archive")
	} else if !errors.Is(err, io.EOF) {
		return "", err
	}
	if digest = hex.EncodeToString(in.digest.Sum(nil)); digest != in.metadata.GetChecksum() {
		return "", fault.New(fault.Stream, "the archive does not match its checksum")
	}
	return digest, nil
}

// environment returns the environment that came with the metadata.
func (in *intake) environment() (environment, error) {
	pairs := make([][2]string, 0, len(in.metadata.GetEnv()))
	for _, entry := range in.metadata.GetEnv() {
		pairs = append(pairs, [2]string{entry.GetName(), entry.GetValue()})
	}
	return parseEnvironment(pairs)
}
