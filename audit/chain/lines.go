package chain

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// The ways in which bytes are no line.
var (
	// ErrTorn means that the input ends without a line feed.
	ErrTorn = errors.New("the line has no end")
	// ErrTooLong means that a line is longer than [MaxLine].
	ErrTooLong = fmt.Errorf("the line is longer than %d bytes", MaxLine)
)

// Lines reads lines from a stream, in memory bounded by [MaxLine]. It is for one
// goroutine.
type Lines struct {
	reader *bufio.Reader
	long   []byte
}

// NewLines returns a reader of lines.
func NewLines(r io.Reader) *Lines { return &Lines{reader: bufio.NewReaderSize(r, 64<<10)} }

// Next returns the next line without its line feed. It is good until the next
// call. At the end it returns io.EOF; with [ErrTorn] it returns what there is of
// the last line. After an error nothing more can be read.
func (l *Lines) Next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.reader.ReadSlice('\n')
		if len(l.long)+len(part) > MaxLine+1 {
			return nil, ErrTooLong
		}
		if err == nil && len(l.long) == 0 {
			return part[:len(part)-1], nil
		}
		l.long = append(l.long, part...)
		switch {
		case err == nil:
			return l.long[:len(l.long)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.long) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return l.long, ErrTorn
		default:
			return nil, err
		}
	}
}
