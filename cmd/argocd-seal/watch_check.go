package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/report"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
)

// checkRound is one round of check --watch.
type checkRound struct {
	*watching
	options  *checkOptions
	paths    []string
	pool     *worker.Pool
	pipeline *plugin.Pipeline
	preview  previewing
	settings config.SealConfig
	// last holds what each application was when it could be rendered last; nil
	// before the first round.
	last map[string]compare.Side
	// judged holds what the last round made of which files, by the application's
	// path, as long as the same policies hold.
	judged map[string]judgement
}

// judgement is what came of an application's files.
type judgement struct {
	source *source.Tree
	side   compare.Side
}

// watchCheck is check --watch.
func (o *checkOptions) watchCheck(ctx context.Context, paths []string, stdout, stderr io.Writer) error {
	located, root, err := o.locate(paths[0])
	if err != nil {
		return err
	}
	for _, other := range paths[1:] {
		if _, its, err := o.locate(other); err != nil || its != root {
			return fault.New(fault.Parameter, "--watch takes directories of one repository").WithFix("start a second watch for the other, or set --root")
		}
	}
	keep := "."
	if len(paths) == 1 {
		keep = relativeTo(root, located)
	}
	w, err := newWatching(root, keep, append(o.inputs(), o.policies...), stdout, stderr)
	if err != nil {
		return err
	}
	settings, log, err := o.settings(stderr)
	if err != nil {
		return err
	}
	processors := runtime.GOMAXPROCS(0)
	settings.Render.Workers.Concurrency, settings.Render.Workers.Spares = processors, max(processors, watchSpares)
	pool, err := newPool(settings.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return err
	}
	return w.run(ctx, &checkRound{watching: w, options: o, paths: paths, pool: pool})
}

func (*checkRound) close() {}

func (r *checkRound) prepare(ctx context.Context) error {
	settings, log, err := r.options.settings(r.stderr)
	if err != nil {
		return err
	}
	r.options.choosePolicies(&settings)
	pipeline, err := newPipeline(ctx, &settings, r.pool, gating{log: log, unverified: r.options.unverified})
	if err != nil {
		return err
	}
	r.preview = previewLocally(pipeline, &settings)
	r.pipeline, r.settings, r.judged = pipeline, settings, nil
	return nil
}

func (r *checkRound) run(ctx context.Context) error {
	began := time.Now()
	r.options.ignored = r.skip
	var jobs []plugin.Job
	for _, dir := range r.paths {
		found, err := r.options.find(ctx, dir, r.settings)
		if err != nil {
			return err
		}
		jobs = append(jobs, found...)
	}
	sides := make([]compare.Side, len(jobs))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, job := range jobs {
		group.Go(func() error {
			sides[i] = r.judge(ctx, job)
			return nil
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return nil
	}
	r.judged = map[string]judgement{}
	for i, job := range jobs {
		r.judged[job.Path] = judgement{job.Source, sides[i]}
	}
	if err := r.summary(sides, time.Since(began)); err != nil {
		return err
	}
	r.remember(sides)
	return nil
}

// judge renders an application, unless all its files are as they were: a save
// mostly concerns one of many.
func (r *checkRound) judge(ctx context.Context, job plugin.Job) compare.Side {
	if before, ok := r.judged[job.Path]; ok && len(job.Parameters) == 0 && !promoted(r.pipeline) && engine.Unchanged(before.source, job.Source, job.Path) {
		return before.side
	}
	return sideOf(ctx, r.preview, job)
}

// summary writes all findings in the first round, and afterwards what differs from
// the round before.
func (r *checkRound) summary(sides []compare.Side, took time.Duration) error {
	var t tally
	objects := 0
	results := make([]report.Result, len(sides))
	for i, side := range sides {
		objects += len(side.Rendered.Objects)
		t.add(side.Verdict)
		if len(side.Faults) > 0 {
			t.failed++
		}
		results[i] = report.Result{Path: side.Path, Verdict: side.Verdict, Faults: side.Faults}
	}
	if r.last == nil {
		return report.Write(r.stdout, report.Table, results, report.Options{Color: colored(r.stdout), Width: columns(r.stdout), Quiet: r.options.quiet})
	}
	_, _ = fmt.Fprintf(r.stdout, "%s in %s in %s: %s\n", prose.Several(objects, "object"), prose.Several(len(sides), "application"), rounded(took), &t)
	for _, side := range sides {
		r.application(side)
	}
	return nil
}

// application writes what differs in one application, below its name where there
// are several.
func (r *checkRound) application(side compare.Side) {
	before, known := r.last[side.Path]
	if len(side.Faults) == 0 && known && compare.Compare(before, side, compare.Options{}).Status == "" {
		return
	}
	name := fault.Clean(side.Path, 200)
	if colored(r.stdout) {
		name = prose.Paint(prose.Bold, name)
	}
	_, _ = fmt.Fprintln(r.stdout, name)
	switch {
	case len(side.Faults) > 0:
		r.fault(side.Faults)
	case !known:
		_, _ = fmt.Fprintf(r.stdout, "  is new: %s\n", prose.Several(len(side.Rendered.Objects), "object"))
	default:
		r.changes(before, side)
	}
}

// remember keeps what could be rendered for the next round.
func (r *checkRound) remember(sides []compare.Side) {
	former := r.last
	r.last = map[string]compare.Side{}
	for _, side := range sides {
		if len(side.Faults) > 0 {
			before, known := former[side.Path]
			if !known {
				continue
			}
			side = before
		}
		r.last[side.Path] = side
	}
}
