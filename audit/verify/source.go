package verify

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// input is one file of a trail, or a stream.
type input struct {
	name   string
	path   string
	stream io.Reader
	// first is the seq of its first line after the file's name, 0 where the name
	// does not say it; order is the same after its content.
	first, order uint64
}

// find lists the files of paths in the order of the trail.
func find(paths []string) (inputs []input, whole bool, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, false, unreadable(path, err)
		}
		if !info.IsDir() {
			one := input{name: filepath.ToSlash(path), path: path}
			one.first, _ = chain.ParseSegmentName(filepath.Base(path))
			one.order = one.first
			if one.first == 0 {
				if one.order, err = firstSeq(path); err != nil {
					return nil, false, err
				}
			}
			inputs = append(inputs, one)
			continue
		}
		whole = true
		segments, err := chain.Segments(path)
		if err != nil {
			return nil, false, unreadable(path, err)
		}
		if len(segments) == 0 {
			return nil, false, fault.New(fault.Audit, "there is no file of a trail").In(filepath.ToSlash(path), 0)
		}
		for _, s := range segments {
			inputs = append(inputs, input{name: filepath.ToSlash(s.Path), path: s.Path, first: s.First, order: s.First})
		}
	}
	slices.SortStableFunc(inputs, func(a, b input) int { return cmp.Compare(a.order, b.order) })
	return inputs, whole, nil
}

// firstSeq looks into a file for the seq of its first line, 0 where it has none.
func firstSeq(path string) (uint64, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, unreadable(path, err)
	}
	defer func() { _ = file.Close() }()
	line, err := chain.NewLines(file).Next()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, chain.ErrTorn) && !errors.Is(err, chain.ErrTooLong) {
		return 0, unreadable(path, err)
	}
	header, _ := chain.ParseHeader(line)
	return header.Seq, nil
}

func unreadable(path string, err error) error {
	var reason *os.PathError
	if errors.As(err, &reason) {
		err = reason.Err
	}
	return fault.New(fault.Audit, "cannot be read: %v", err).In(filepath.ToSlash(path), 0)
}

// item is a line, where it stands, and why it is none.
type item struct {
	file string
	line int
	text []byte
	// due is the seq that the file's name asks for, in its first line.
	due     uint64
	problem error
}

// walk goes through the lines of all inputs.
type walk struct {
	inputs []input
	at     int
	lines  *chain.Lines
	open   io.Closer
	number int
	steps  int
}

// next returns the next line, io.EOF at the end. Its text is good until the next
// call.
func (w *walk) next(ctx context.Context) (item, error) {
	if w.steps++; w.steps%1024 == 0 && ctx.Err() != nil {
		return item{}, fault.New(fault.Canceled, "the verification was stopped")
	}
	for w.at < len(w.inputs) {
		if w.lines == nil {
			if err := w.start(); err != nil {
				return item{}, err
			}
		}
		text, err := w.lines.Next()
		if errors.Is(err, io.EOF) {
			w.close()
			w.at++
			continue
		}
		w.number++
		one := item{file: w.inputs[w.at].name, line: w.number, text: text}
		if w.number == 1 {
			one.due = w.inputs[w.at].first
		}
		switch {
		case errors.Is(err, chain.ErrTorn), errors.Is(err, chain.ErrTooLong):
			one.problem = err
			w.close() // what follows on it cannot be told apart
			w.at++
		case err != nil:
			return item{}, unreadable(w.inputs[w.at].name, err)
		}
		return one, nil
	}
	return item{}, io.EOF
}

func (w *walk) start() error {
	in := w.inputs[w.at]
	w.number = 0
	if in.stream != nil {
		w.lines = chain.NewLines(in.stream)
		return nil
	}
	file, err := os.Open(in.path)
	if err != nil {
		return unreadable(in.path, err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return unreadable(in.path, err)
	}
	w.open = file
	w.lines = chain.NewLines(&snapshot{file: file, left: info.Size()})
	return nil
}

func (w *walk) close() {
	if w.open != nil {
		_ = w.open.Close()
	}
	w.open, w.lines = nil, nil
}

// snapshot reads a file that may grow: what it held at the start, to the end of
// the last line of it. So a running writer is neither followed for ever nor taken
// for a torn tail.
type snapshot struct {
	file *os.File
	left int64
	last byte
	done bool
}

// A write is over in much less than this.
const (
	patience = 10
	pause    = 20 * time.Millisecond
)

func (s *snapshot) Read(p []byte) (int, error) {
	if s.done || s.left <= 0 && (s.last == '\n' || s.last == 0) {
		return 0, io.EOF
	}
	if s.left > 0 {
		n, err := s.file.Read(p[:min(int64(len(p)), s.left)])
		if s.left -= int64(n); n > 0 {
			s.last = p[n-1]
		}
		return n, err
	}
	for range patience {
		n, err := s.file.Read(p)
		if end := bytes.IndexByte(p[:n], '\n'); end >= 0 {
			s.done = true
			return end + 1, nil
		}
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		time.Sleep(pause)
	}
	return 0, io.EOF
}
