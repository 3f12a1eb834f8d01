package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/policy/report"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
)

// checkOptions are those of render, but for what is printed.
type checkOptions struct {
	renderOptions
	level    string
	policies []string
	format   string
	quiet    bool
	// unverified leaves images as they are, where their registries are out of reach.
	unverified bool
}

func newCheckCommand() *cobra.Command {
	var options checkOptions
	cmd := &cobra.Command{
		Use:   "check PATH...",
		Short: "Judge directories by the policies, as the sidecar would",
		Long: "Render every application at and below each PATH and judge it by the environments of --config,\n" +
			"or by a level of the built-in policies. Exit code 0: all pass; 1: something is denied; 2: something cannot be judged.",
		Example: "  argocd-seal check .\n" +
			"  argocd-seal check apps --config plugin.yaml --environment production --format sarif\n" +
			"  argocd-seal check apps/web --level production-security --policy ./policies\n" +
			"  argocd-seal check apps/web --watch",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	options.addSourceFlags(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&options.level, "level", string(builtin.Basic), "level of the built-in policies where there is no --config")
	flags.StringArrayVar(&options.policies, "policy", nil, "directory with more policies; repeat it for several")
	flags.StringVar(&options.format, "format", string(report.Table), "table, json, sarif, junit, github or html")
	flags.BoolVar(&options.unverified, "unverified-images", false, "do not ask registries about images; a notice says so")
	flags.BoolVarP(&options.quiet, "quiet", "q", false, "show no progress, and only what is denied in a table")
	flags.BoolVarP(&options.watch, "watch", "w", false, "check again when files change, and show what differs")
	return cmd
}

func (o *checkOptions) run(ctx context.Context, paths []string, stdout, stderr io.Writer) error {
	format, err := report.Known(o.format)
	if err != nil {
		return err
	}
	if o.watch && format != report.Table {
		return fault.New(fault.Parameter, "--watch shows a table and what differs, not the format %s", format).WithFix("leave out --format or --watch")
	}
	if o.watch {
		return o.watchCheck(ctx, paths, stdout, stderr)
	}
	settings, log, err := o.settings(stderr)
	if err != nil {
		return err
	}
	o.choosePolicies(&settings)
	// A laptop or runner has nobody else to serve: the sidecar's bounds do not
	// matter here.
	settings.Render.Workers.Spares, settings.Render.Workers.Concurrency = runtime.GOMAXPROCS(0), runtime.GOMAXPROCS(0)
	pool, err := newPool(settings.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return err
	}
	pipeline, err := newPipeline(ctx, &settings, pool, gating{log: log, unverified: o.unverified})
	if err != nil {
		return err
	}
	var jobs []plugin.Job
	for _, dir := range paths {
		found, err := o.find(ctx, dir, settings)
		if err != nil {
			return err
		}
		jobs = append(jobs, found...)
	}
	results := check(ctx, pipeline, jobs, o.progress(stderr))
	options := report.Options{
		Color: colored(stdout), Width: columns(stdout), Quiet: o.quiet, Version: version, Rules: rulesOf(pipeline, settings),
	}
	if err := report.Write(stdout, format, results, options); err != nil {
		return err
	}
	return conclude(format, results)
}

// progress is where to show progress: on a terminal, if at all.
func (o *checkOptions) progress(stderr io.Writer) io.Writer {
	if o.quiet || !isTerminal(stderr) {
		return io.Discard
	}
	return stderr
}

// rulesOf returns the rules of all environments. One that several ask stands
// several times.
func rulesOf(pipeline *plugin.Pipeline, settings config.SealConfig) []bundle.Rule {
	loaded, ok := pipeline.Gate.(*reload.Gate)
	if !ok {
		return nil
	}
	gate := loaded.Snapshot()
	var rules []bundle.Rule
	for _, environment := range settings.Environments {
		rules = append(rules, gate.Rules(environment.Name)...)
	}
	return rules
}

// choosePolicies makes an environment of the command line where no file brings
// one, and adds the policies of the command line to all.
func (o *checkOptions) choosePolicies(settings *config.SealConfig) {
	if len(settings.Environments) == 0 {
		settings.Environments = []config.Environment{{Name: localEnvironment, Policy: config.EnvironmentPolicy{Level: o.level}}}
	}
	for i := range settings.Environments {
		asked := &settings.Environments[i].Policy
		asked.Bundles = slices.Clone(asked.Bundles)
		for _, dir := range o.policies {
			asked.Bundles = append(asked.Bundles, config.PolicyBundle{Directory: dir})
		}
	}
}

// find returns one job for each application at and below a directory.
func (o *checkOptions) find(ctx context.Context, dir string, settings config.SealConfig) ([]plugin.Job, error) {
	job, err := o.job(ctx, dir, settings.Render.Limits.Archive.Source())
	if err != nil {
		return nil, err
	}
	var jobs []plugin.Job
	for _, application := range engine.Applications(job.Source, job.Path) {
		one := job
		one.Path, one.Identity.Path = application, application
		if o.identity.App == "" && application != "." {
			one.Identity.App = path.Base(application)
		}
		jobs = append(jobs, one)
	}
	if len(jobs) == 0 {
		return nil, fault.New(fault.Empty, "there is no application at or below %s", filepath.ToSlash(dir))
	}
	return jobs, nil
}

// check judges as many jobs at a time as there are processors, and keeps their
// order.
func check(ctx context.Context, pipeline *plugin.Pipeline, jobs []plugin.Job, shown io.Writer) []report.Result {
	results := make([]report.Result, len(jobs))
	progress := startProgress(shown, "applications", len(jobs), progressAfter)
	defer progress.stop()
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, job := range jobs {
		group.Go(func() error {
			verdict, err := pipeline.Check(ctx, job)
			results[i] = report.Result{Path: job.Path, Verdict: verdict, Faults: fault.Of(err)}
			progress.done.Add(1)
			return nil
		})
	}
	_ = group.Wait()
	return results
}

// conclude turns results into the command's exit. A table has shown the faults;
// the formats for machines leave them to standard error too.
func conclude(format report.Format, results []report.Result) error {
	var faults fault.List
	denied, unjudged := false, 0
	for _, result := range results {
		faults = append(faults, result.Faults...)
		denied = denied || result.Verdict.Denied()
		if len(result.Faults) > 0 {
			unjudged++
		}
	}
	switch {
	case len(faults) > 0 && format == report.Table:
		return fmt.Errorf("%w: %d of %d", errUnjudged, unjudged, len(results))
	case len(faults) > 0:
		return faults
	case denied:
		return errDenied
	default:
		return nil
	}
}

// errUnjudged ends a check whose table has said already what was wrong.
var errUnjudged = errors.New("applications that cannot be judged")
