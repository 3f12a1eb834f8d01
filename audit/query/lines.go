package query

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// lines reads the lines of the files of one stream, one after the other.
type lines struct {
	files  []file
	buffer *bufio.Reader
	open   io.Closer
	name   string
	number int
	stats  *Stats
}

func newLines(stream Stream, stats *Stats) *lines {
	return &lines{files: stream.files, buffer: bufio.NewReaderSize(nil, MaxLine+len("\n")), stats: stats}
}

// next returns the next line, without its line feed; it is valid until the call
// after. finished is false for what stands at the end of a file without a line
// feed. io.EOF is the end of the last file.
func (l *lines) next() (line []byte, finished bool, err error) {
	for {
		if l.open == nil {
			if err := l.advance(); err != nil {
				return nil, false, err
			}
		}
		line, err := l.buffer.ReadSlice('\n')
		switch {
		case err == nil:
			l.number++
			return bytes.TrimSuffix(line, []byte("\n")), true, nil
		case errors.Is(err, bufio.ErrBufferFull):
			l.number++
			l.stats.bad(fault.New(fault.Limit, "the line is longer than %d bytes", MaxLine).In(l.name, l.number))
			if err := l.skip(); err != nil {
				return nil, false, err
			}
		case errors.Is(err, io.EOF):
			l.close()
			if len(line) > 0 {
				l.number++
				return line, false, nil
			}
		default:
			return nil, false, l.unreadable()
		}
	}
}

// skip passes over the rest of a line.
func (l *lines) skip() error {
	for {
		switch _, err := l.buffer.ReadSlice('\n'); {
		case err == nil:
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			l.close()
			return nil
		default:
			return l.unreadable()
		}
	}
}

func (l *lines) advance() error {
	if len(l.files) == 0 {
		return io.EOF
	}
	next := l.files[0]
	l.files, l.name, l.number = l.files[1:], next.name, 0
	opened, err := next.open()
	if err != nil {
		return l.unreadable()
	}
	l.open = opened
	l.buffer.Reset(opened)
	return nil
}

func (l *lines) close() {
	if l.open != nil {
		_ = l.open.Close()
		l.open = nil
	}
}

func (l *lines) unreadable() error {
	return fault.New(fault.Audit, "the file cannot be read").In(l.name, 0).WithFix("check that it is there and that you may read it")
}
