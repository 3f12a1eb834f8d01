package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/prose"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
)

// renderRound is one round of render --watch.
type renderRound struct {
	*watching
	options  *renderOptions
	dir      string
	pool     *worker.Pool
	pipeline *plugin.Pipeline
	settings config.SealConfig
	revoke   func()
	last     compare.Side
}

func (o *renderOptions) watchRender(ctx context.Context, dir string, stdout, stderr io.Writer) error {
	located, root, err := o.locate(dir)
	if err != nil {
		return err
	}
	w, err := newWatching(root, relativeTo(root, located), o.inputs(), stdout, stderr)
	if err != nil {
		return err
	}
	settings, log, err := o.settings(stderr)
	if err != nil {
		return err
	}
	settings.Render.Workers.Concurrency, settings.Render.Workers.Spares = 1, watchSpares
	pool, err := newPool(settings.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return err
	}
	return w.run(ctx, &renderRound{watching: w, options: o, dir: dir, pool: pool, revoke: func() {}})
}

// inputs are the files of the command line that are read beside the source.
func (o *renderOptions) inputs() []string {
	var found []string
	for _, name := range []string{o.config, o.values.file} {
		if name != "" {
			found = append(found, name)
		}
	}
	return found
}

func (r *renderRound) close() { r.revoke() }

func (r *renderRound) prepare(ctx context.Context) error {
	settings, log, err := r.options.settings(r.stderr)
	if err != nil {
		return err
	}
	pipeline, err := newPipeline(ctx, &settings, r.pool, gating{skip: r.options.until == untilRender, offline: r.options.values.offline, log: log})
	if err != nil {
		return err
	}
	revoke := func() {}
	if r.options.until == untilSeal {
		if revoke, err = r.options.values.addSecrets(ctx, pipeline, &settings); err != nil {
			return err
		}
	}
	r.revoke()
	r.pipeline, r.settings, r.revoke = pipeline, settings, revoke
	return nil
}

func (r *renderRound) run(ctx context.Context) error {
	began := time.Now()
	r.options.ignored = r.skip
	job, err := r.options.job(ctx, r.dir, r.settings.Render.Limits.Archive.Source())
	if err != nil {
		return err
	}
	output, err := r.pipeline.Run(ctx, job)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(r.stdout, "%s in %s%s\n", prose.Several(len(output.Objects), "object"), rounded(time.Since(began)), verdictLine(output.Verdict))
	now := compare.Side{Path: job.Path, Environment: output.Environment, Rendered: rendered(output), Verdict: output.Verdict, Warnings: output.Warnings}
	r.changes(r.last, now)
	r.last = now
	return nil
}

// verdictLine sums up a verdict, if something was judged.
func verdictLine(v verdict.Verdict) string {
	if v.Rules == 0 {
		return ""
	}
	var t tally
	t.add(v)
	return fmt.Sprintf(", %s: %s", v.Environment, &t)
}
