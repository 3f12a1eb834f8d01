package trail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// maxReadBytes bounds what one Read returns; one line may always be returned.
const maxReadBytes = 4 << 20

// Read returns lines after a seq, in order, at most limit and at most 4 MiB or one
// line. It waits until there is one. Where lines after the seq have been deleted
// it goes on with the first that is there: compare Seq.
//
// After Close it returns what is left, then io.EOF. It returns E_AUDIT where the
// trail ends before the seq, or where a file is not what was written, and
// E_TIMEOUT or E_CANCELED at the context's end.
func (t *Trail) Read(ctx context.Context, after uint64, limit int) ([]audit.Line, error) {
	for {
		v, err := t.shown.wait(ctx, after)
		if err != nil {
			return nil, err
		}
		if v.last < after {
			return nil, fault.New(fault.Audit, "the audit trail ends with line %d, and a reader has seen line %d", v.last, after).
				WithFix("find out who replaced the trail; then let the reader begin anew")
		}
		if v.last == after {
			return nil, io.EOF
		}
		lines, err := t.collect(v, after, max(limit, 1))
		if !errors.Is(err, fs.ErrNotExist) {
			return lines, err
		}
		if !t.shown.snapshot().deletedSince(v) {
			return nil, cannot("read the audit trail", err)
		}
	}
}

// collect reads lines from the files of a view.
func (t *Trail) collect(v view, after uint64, limit int) ([]audit.Line, error) {
	segments := v.segments()
	want := max(after+1, segments[0].first)
	at, exact := slices.BinarySearchFunc(segments, want, func(s segment, seq uint64) int { return cmp.Compare(s.first, seq) })
	if !exact {
		at--
	}
	c := collection{want: want, limit: limit}
	for _, s := range segments[at:] {
		if c.full() || s.size == 0 {
			break
		}
		if err := t.collectFrom(s, &c); err != nil {
			return nil, err
		}
	}
	if len(c.lines) == 0 {
		return nil, changed(t.path(segments[at].first), want)
	}
	return c.lines, nil
}

// changed says that a line is not there, or not as it was written.
func changed(path string, seq uint64) error {
	return fault.New(fault.Audit, "line %d of the audit trail is not what was written", seq).In(path, 0).
		WithFix("argocd-seal audit verify shows what was changed")
}

// collection is what a read has found so far.
type collection struct {
	want  uint64
	limit int
	bytes int
	lines []audit.Line
}

func (c *collection) full() bool { return len(c.lines) >= c.limit || c.bytes >= maxReadBytes }

func (t *Trail) collectFrom(s segment, c *collection) error {
	path := t.path(s.first)
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return cannot("read the audit trail", err)
	}
	defer func() { _ = file.Close() }()
	offset := t.shown.offset(c.want-1, s.first)
	lines := chain.NewLines(io.NewSectionReader(file, offset, s.size-offset))
	for !c.full() {
		text, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return changed(path, c.want)
		}
		offset += int64(len(text)) + 1
		header, ok := chain.ParseHeader(text)
		if ok && header.Seq < c.want {
			continue
		}
		var event struct{ Time time.Time }
		if !ok || header.Seq != c.want || json.Unmarshal(text, &event) != nil {
			return changed(path, c.want)
		}
		c.lines = append(c.lines, audit.Line{Seq: c.want, Time: event.Time, JSON: slices.Clone(text)})
		c.bytes += len(text)
		c.want++
	}
	t.shown.remember(place{seq: c.want - 1, first: s.first, offset: offset})
	return nil
}
