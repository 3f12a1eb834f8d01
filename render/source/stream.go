package source

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// packedReader counts the bytes of the archive as they were sent.
type packedReader struct {
	from  io.Reader
	limit int64
	count int64
}

func (r *packedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.count += int64(n)
	if r.count > r.limit {
		return 0, overLimit("compressedBytes", "the archive is larger than %d bytes compressed", r.limit)
	}
	return n, err
}

// expandedReader decompresses the only member of a gzip stream and counts what
// comes out, so that a small archive that expands without measure stops early.
type expandedReader struct {
	packed   *packedReader
	buffered *bufio.Reader
	gzip     *gzip.Reader
	limits   Limits
	count    int64
	// zeros is how many of the last bytes were zero: a tar archive ends with
	// two blocks of them.
	zeros int64
}

func newExpandedReader(from io.Reader, limits Limits) (*expandedReader, error) {
	packed := &packedReader{from: from, limit: limits.CompressedBytes}
	// gzip reads a bufio.Reader byte by byte and so leaves what follows the
	// member in it, where end finds it.
	buffered := bufio.NewReaderSize(packed, 32<<10)
	member, err := gzip.NewReader(buffered)
	if errors.Is(err, io.EOF) && packed.count == 0 {
		return nil, fault.New(fault.Stream, "the archive is empty").WithFix(streamFix)
	}
	if err != nil {
		return nil, damaged(err)
	}
	member.Multistream(false)
	return &expandedReader{packed: packed, buffered: buffered, gzip: member, limits: limits}, nil
}

func (r *expandedReader) Read(p []byte) (int, error) {
	n, err := r.gzip.Read(p)
	r.count += int64(n)
	if trailing := int64(n - len(bytes.TrimRight(p[:n], "\x00"))); trailing < int64(n) {
		r.zeros = trailing
	} else {
		r.zeros += trailing
	}
	switch {
	case r.count > r.limits.ExpandedBytes:
		return 0, overLimit("expandedBytes", "the archive is larger than %d bytes expanded", r.limits.ExpandedBytes)
	case r.count > r.limits.RatioFreeBytes && r.count/r.limits.Ratio > r.packed.count:
		return 0, overLimit("ratio", "the archive expands to more than %d times its size", r.limits.Ratio)
	}
	return n, err
}

// tarEnd is how many zero bytes end a tar archive.
const tarEnd = 1024

// end checks that the archive ends as a tar archive does and that nothing is
// hidden behind its end: other readers might see it.
func (r *expandedReader) end() error {
	chunk := make([]byte, 32<<10)
	for {
		n, err := r.Read(chunk)
		if len(bytes.TrimRight(chunk[:n], "\x00")) > 0 {
			return fault.New(fault.Stream, "the archive goes on after its end").WithFix(streamFix)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(err)
		}
	}
	if r.zeros < tarEnd {
		return damaged(io.ErrUnexpectedEOF)
	}
	switch _, err := r.buffered.ReadByte(); {
	case err == nil:
		return fault.New(fault.Stream, "bytes follow the compressed archive").WithFix(streamFix)
	case !errors.Is(err, io.EOF):
		return damaged(err)
	}
	return nil
}

const streamFix = "retry; if it stays, look for what changes the stream between repo-server and sidecar"

// damaged turns an error of reading the archive into a fault with a constant
// text. Faults pass through, so that the caller's reader can end the reading
// with its own.
func damaged(err error) error {
	var known *fault.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, context.Canceled):
		return fault.New(fault.Canceled, "the caller went away while the archive was read")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Timeout, "the archive did not arrive in time")
	default:
		return fault.New(fault.Stream, "the archive is cut short or damaged").WithFix(streamFix)
	}
}

// overLimit is the fault of a source that is too large; the setting is named as
// in plugin.yaml.
func overLimit(setting, format string, args ...any) *fault.Error {
	return fault.New(fault.Limit, format, args...).WithFix(
		"leave out files that no application needs, or raise render.limits.archive.%s", setting)
}
