package sink

import (
	"bytes"
	"context"
	"io"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// Stdout is the name of the sink that prints.
const Stdout = "stdout"

// NewPrinter returns a runner that writes lines to a stream which somebody else
// reads, such as standard output. What the stream has taken counts as delivered.
// It fails where the stored cursor cannot be read.
func NewPrinter(to io.Writer, source Source, options Options) (*Runner, error) {
	return newRunner(Config{Name: Stdout}.withDefaults(), &printer{to: to}, Stdout, source, options)
}

// printer writes in a goroutine, since a write to a pipe that nobody reads ends
// with nothing but the process.
type printer struct {
	to io.Writer
	// written gets the result of the write of the lines first to last, which has not
	// been waited for; nil where there is none.
	written     chan error
	first, last uint64
}

// Send writes lines. A write that an earlier attempt has left comes to its end
// first: nothing is written into it.
func (p *printer) Send(ctx context.Context, lines []audit.Line) error {
	first, last := lines[0].Seq, lines[len(lines)-1].Seq
	if p.written != nil {
		same := p.first == first && p.last == last
		if err := p.wait(ctx); err != nil || same {
			return err
		}
	}
	text := make([]byte, 0, sizeOf(lines)+len(lines))
	for _, line := range lines {
		text = append(append(text, line.JSON...), '\n')
	}
	written := make(chan error, 1)
	p.written, p.first, p.last = written, first, last
	go func() {
		_, err := io.Copy(p.to, bytes.NewReader(text))
		written <- err
	}()
	return p.wait(ctx)
}

func (p *printer) wait(ctx context.Context) error {
	select {
	case err := <-p.written:
		p.written = nil
		if err != nil {
			return failure(Closed, "the output cannot be written")
		}
		return nil
	case <-ctx.Done():
		return failure(Timeout, "nobody reads the output")
	}
}

// Close has nothing to do: the stream is not ours.
func (p *printer) Close() {}
