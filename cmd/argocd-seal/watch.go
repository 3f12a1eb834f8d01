package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/compare/report"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	filewatch "github.com/argocd-seal/argocd-seal-plugin/internal/watch"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// watchSpares is how many workers wait while somebody edits: a second one, so that
// two saves one after the other are both quick.
const watchSpares = 2

// round is what a watch does each time that something has changed.
type round interface {
	// prepare reads what the rounds have in common: configuration and policies.
	prepare(ctx context.Context) error
	// run renders, and says what came of it. An error is shown, and the watch goes
	// on.
	run(ctx context.Context) error
	// close gives up what prepare has made.
	close()
}

// watching runs rounds until the context ends.
type watching struct {
	root string
	// inputs are files and directories that prepare has read.
	inputs         []string
	skip           source.Skip
	keep           string
	stdout, stderr io.Writer
}

// newWatching watches the root of a source. keep is the directory below it that is
// read even where Git ignores it.
func newWatching(root, keep string, inputs []string, stdout, stderr io.Writer) (*watching, error) {
	w := &watching{root: root, keep: keep, stdout: stdout, stderr: stderr}
	for _, input := range inputs {
		absolute, err := filepath.Abs(input)
		if err != nil {
			return nil, fault.New(fault.Path, "the path %s cannot be made absolute", fault.Clean(input, 200))
		}
		w.inputs = append(w.inputs, absolute)
	}
	return w, w.ignore()
}

// ignore reads what Git ignores.
func (w *watching) ignore() error {
	skip, err := source.GitIgnored(w.root, w.keep)
	if err == nil {
		w.skip = skip
	}
	return err
}

func (w *watching) run(ctx context.Context, r round) error {
	files, err := filewatch.New(filewatch.Config{
		Root: w.root, More: w.inputs,
		Skip: func(name string, isDir bool) bool { return w.skip(name, isDir) },
	})
	if err != nil {
		return err
	}
	// Nothing is lost with a watch that ends.
	defer func() { _ = files.Close() }()
	defer r.close()
	if err := r.prepare(ctx); err != nil {
		return err
	}
	for {
		w.rule(time.Now())
		if err := r.run(ctx); err != nil && ctx.Err() == nil {
			w.fault(err)
		}
		if ctx.Err() != nil {
			return nil
		}
		changed, err := files.Next(ctx)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
		w.refresh(ctx, r, changed)
	}
}

// refresh reads again what the rounds have in common where that has changed. What
// is wrong with it is shown, and what was read before holds.
func (w *watching) refresh(ctx context.Context, r round, changed []string) {
	if slices.ContainsFunc(changed, func(name string) bool { return filepath.Base(name) == ".gitignore" }) {
		if err := w.ignore(); err != nil {
			w.fault(err)
		}
	}
	if slices.ContainsFunc(changed, w.isInput) {
		if err := r.prepare(ctx); err != nil {
			w.fault(err)
		}
	}
}

func (w *watching) isInput(name string) bool {
	return slices.ContainsFunc(w.inputs, func(input string) bool {
		return name == input || strings.HasPrefix(name, input+string(filepath.Separator))
	})
}

// rule begins a round: a line across a terminal, or the time alone.
func (w *watching) rule(now time.Time) {
	text := now.Format(time.TimeOnly)
	if width := columns(w.stdout); width > 0 {
		text = "── " + text + " " + strings.Repeat("─", max(0, width-len(text)-4))
	}
	_, _ = fmt.Fprintln(w.stdout, text)
}

func (w *watching) fault(err error) {
	text := fault.Text(fault.Of(err))
	if colored(w.stdout) {
		text = prose.Paint(prose.Red, text)
	}
	_, _ = fmt.Fprintln(w.stdout, text)
}

// changes writes what differs from the round before, and tells whether something
// does.
func (w *watching) changes(before, after compare.Side) {
	if before.Path == "" {
		return
	}
	difference := compare.Compare(before, after, compare.Options{})
	if difference.Status == "" {
		_, _ = fmt.Fprintln(w.stdout, "  no object differs from before")
		return
	}
	_ = report.Changes(w.stdout, difference, "  ", report.Options{Color: colored(w.stdout)})
}

// tally counts outcomes by what they mean.
type tally struct{ denied, warned, waived, failed int }

func (t *tally) add(v verdict.Verdict) {
	t.denied += v.Count(verdict.Deny)
	t.warned += v.Count(verdict.Warn)
	t.waived += v.Count(verdict.Waived)
}

func (t *tally) String() string {
	text := fmt.Sprintf("%d denied, %s, %d waived", t.denied, prose.Several(t.warned, "warning"), t.waived)
	if t.failed > 0 {
		text += ", " + prose.Several(t.failed, "error")
	}
	return text
}

func rounded(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

func relativeTo(root, dir string) string {
	relative, err := filepath.Rel(root, dir)
	if err != nil {
		return "."
	}
	return filepath.ToSlash(relative)
}
