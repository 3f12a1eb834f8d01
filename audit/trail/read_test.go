package trail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestReadWaitsAndFollows(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.SegmentSize, o.MaxSize = trail.MinSegmentSize, 64<<20
	opened := open(t, o)
	const events = 1500
	got := make(chan []audit.Line, 1)
	go func() {
		var all []audit.Line
		for {
			var after uint64
			if len(all) > 0 {
				after = all[len(all)-1].Seq
			}
			lines, err := opened.Read(t.Context(), after, 7)
			if len(lines) > 7 {
				t.Errorf("%d lines for a limit of 7", len(lines))
			}
			all = append(all, lines...)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				got <- all
				return
			}
		}
	}()
	for i := range events {
		add(t, opened, fmt.Sprint(i))
	}
	shut(t, opened)
	all := <-got
	var joined []byte
	for i, line := range all {
		if line.Seq != uint64(i)+1 || line.Time.IsZero() {
			t.Fatalf("line %d has seq %d and time %s", i, line.Seq, line.Time)
		}
		joined = append(append(joined, line.JSON...), '\n')
	}
	var content []byte
	segments, _ := chain.Segments(dir)
	for _, s := range segments {
		part, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, part...)
	}
	if len(segments) < 3 || !bytes.Equal(joined, content) {
		t.Errorf("%d segments; what was read is what is there: %v", len(segments), bytes.Equal(joined, content))
	}
}

func TestReadEnds(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	add(t, opened, "1")
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := opened.Read(ctx, opened.Last(), 1)
		waiting <- err
	}()
	cancel()
	wantCode(t, <-waiting, fault.Canceled)
	_, err := opened.Read(t.Context(), 99, 1)
	wantCode(t, err, fault.Audit)
	shut(t, opened)
	if lines, err := opened.Read(t.Context(), 0, 100); err != nil || len(lines) != 2 {
		t.Errorf("after Close: %d lines, %v", len(lines), err)
	}
	if _, err := opened.Read(t.Context(), 2, 100); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestReadRefusesWhatWasChanged(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	for i := range 20 {
		add(t, opened, fmt.Sprint(i))
	}
	path := lastSegment(t, dir)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(content, []byte(`{"seq":5,`), []byte(`{"seq":6,`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = opened.Read(t.Context(), 3, 10)
	wantCode(t, err, fault.Audit)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err = opened.Read(t.Context(), 0, 10)
	wantCode(t, err, fault.Audit)
	if err := os.Remove(filepath.Join(dir, filepath.Base(path))); err != nil {
		t.Fatal(err)
	}
	_, err = opened.Read(t.Context(), 0, 10)
	wantCode(t, err, fault.Audit)
}
