package worker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// frameKind says what a frame holds; see the package documentation.
type frameKind byte

const (
	frameSetup   frameKind = 'S'
	frameRequest frameKind = 'Q'
	frameReady   frameKind = 'R'
	frameObject  frameKind = 'O'
	frameWarning frameKind = 'W'
	frameFault   frameKind = 'F'
	frameDone    frameKind = 'D'
)

const (
	frameHeader = 5
	// maxControl bounds every frame but objects and requests.
	maxControl = 64 << 10
	// maxRequestHeader bounds a request without its files: names of files and
	// directories, and the application's parameters.
	maxRequestHeader = 512 << 20
)

// errFrame is what the other side gets wrong about a frame.
var errFrame = errors.New("malformed frame")

// writeFrame writes one frame.
func writeFrame(w io.Writer, kind frameKind, payload []byte) error {
	header := make([]byte, frameHeader)
	header[0] = byte(kind)
	binary.BigEndian.PutUint32(header[1:], uint32(len(payload)))
	if _, err := w.Write(header); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}

// readFrame reads one frame whose length must not exceed what limit allows for
// its kind; a limit of 0 refuses the kind. Memory grows with what arrives, not
// with what the header promises. A stream that ends between frames gives io.EOF.
func readFrame(r io.Reader, limit func(frameKind) int64) (frameKind, []byte, error) {
	header := make([]byte, frameHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return 0, nil, err
	}
	kind, size := frameKind(header[0]), int64(binary.BigEndian.Uint32(header[1:]))
	if most := limit(kind); size > most {
		return kind, nil, fmt.Errorf("%w: %q of %d bytes, more than %d", errFrame, kind, size, most)
	}
	payload, err := readExactly(r, size)
	return kind, payload, err
}

// readExactly reads size bytes.
func readExactly(r io.Reader, size int64) ([]byte, error) {
	const trusted = 1 << 20
	if size <= trusted {
		data := make([]byte, size)
		_, err := io.ReadFull(r, data)
		return data, unexpected(err)
	}
	data, err := io.ReadAll(io.LimitReader(r, size))
	if err == nil && int64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	return data, err
}

// unexpected turns the end of a stream into an error inside of a frame.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// only returns a limit for readFrame that allows a single kind.
func only(kind frameKind, size int64) func(frameKind) int64 {
	return func(got frameKind) int64 {
		if got != kind {
			return -1
		}
		return size
	}
}
