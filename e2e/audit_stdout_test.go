package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStandardOutputThatNobodyReads expects renders to go on while nobody takes
// what is printed, and all of it to be there when somebody does.
func TestStandardOutputThatNobodyReads(t *testing.T) {
	place := newAudited(t)
	plugin := place.plugin("stdout: true", "required: true")
	read, write, err := os.Pipe()
	must(t, err)
	defer func() { _ = read.Close() }()
	plugin.Stdout = write
	sidecar := place.serve(plugin)
	must(t, write.Close())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	// Much more than the 64 KiB that a pipe holds.
	const events = 1000
	must(t, sidecar.Flood(ctx, events, "E_STREAM", func(number int) []string {
		return identity(fmt.Sprintf("shop-%d", number), "https://git.example.com/shop.git")
	}))
	must(t, render(ctx, sidecar, shopRepository(t), "shop"))
	last := place.last()
	lines := bufio.NewScanner(read)
	seq := uint64(0)
	for seq < last && lines.Scan() {
		if got := seqOf(t, lines.Text()); got != seq+1 {
			t.Fatalf("line %d comes after line %d", got, seq)
		}
		seq++
	}
	if seq < last {
		t.Errorf("the output ends with line %d of %d", seq, last)
	}
	if code, err := sidecar.Exit(); code != 0 || err != nil {
		t.Errorf("exit status %d, %v", code, err)
	}
}

// printed is standard output of one sidecar after another, each of which has a
// file of its own.
type printed struct {
	t     *testing.T
	dir   string
	files []string
}

// next is the file of the sidecar that starts now.
func (p *printed) next() *os.File {
	p.t.Helper()
	p.files = append(p.files, filepath.Join(p.dir, fmt.Sprintf("stdout-%d", len(p.files))))
	file, err := os.Create(p.files[len(p.files)-1])
	must(p.t, err)
	p.t.Cleanup(func() { _ = file.Close() })
	return file
}

func (p *printed) start()                  {}
func (p *printed) stop()                   {}
func (p *printed) section() string         { return "" }
func (p *printed) last() uint64            { return lastSeq(p.t, p.files[len(p.files)-1]) }
func (p *printed) same(line string) string { return line }

// got are the whole lines: a kill may cut one off.
func (p *printed) got() []string {
	p.t.Helper()
	var lines []string
	for _, file := range p.files {
		content, err := os.ReadFile(file)
		must(p.t, err)
		if end := bytes.LastIndexByte(content, '\n'); end >= 0 {
			lines = append(lines, strings.Split(string(content[:end]), "\n")...)
		}
	}
	return lines
}
