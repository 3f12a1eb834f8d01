package main

import (
	"context"
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
	"github.com/argocd-seal/argocd-seal-plugin/policy/report"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
)

// checkOptions are those of render, but for what is printed.
type checkOptions struct {
	renderOptions
	level    string
	policies []string
	format   string
}

func newCheckCommand() *cobra.Command {
	var options checkOptions
	cmd := &cobra.Command{
		Use:   "check PATH...",
		Short: "Judge directories by the policies, as the sidecar would",
		Long: "Render every application at and below each PATH and judge it by the environments of --config,\n" +
			"or by a level of the built-in policies. Exit code 0: all pass; 1: something is denied; 2: something cannot be judged.",
		Example: "  argocd-seal check examples\n" +
			"  argocd-seal check apps --config plugin.yaml --environment production --format sarif\n" +
			"  argocd-seal check apps/web --level production-security --policy ./policies",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	options.addSourceFlags(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&options.level, "level", string(builtin.Basic), "level of the built-in policies where there is no --config")
	flags.StringArrayVar(&options.policies, "policy", nil, "directory with more policies; repeat it for several")
	flags.StringVar(&options.format, "format", string(report.Table), "table, json, sarif, junit or github")
	return cmd
}

func (o *checkOptions) run(ctx context.Context, paths []string, stdout, stderr io.Writer) error {
	if !slices.Contains(report.Formats(), report.Format(o.format)) {
		return fault.New(fault.Parameter, "there is no format %q", o.format).WithFix("use table, json, sarif, junit or github")
	}
	settings, log, err := o.settings(stderr)
	if err != nil {
		return err
	}
	o.choosePolicies(&settings)
	settings.Render.Workers.Spares = runtime.NumCPU()
	pool, err := newPool(settings.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return err
	}
	pipeline, err := newPipeline(ctx, &settings, pool, true)
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
	results := check(ctx, pipeline, jobs)
	if err := report.Write(stdout, report.Format(o.format), results, report.Options{Version: version}); err != nil {
		return err
	}
	return conclude(results)
}

// choosePolicies makes an environment of the command line where no file brings
// one, and adds the policies of the command line to all.
func (o *checkOptions) choosePolicies(settings *config.SealConfig) {
	if len(settings.Environments) == 0 {
		settings.Environments = []config.Environment{{Name: "local", Policy: config.EnvironmentPolicy{Level: o.level}}}
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

// check judges all jobs at a time that the processors allow, and keeps their
// order.
func check(ctx context.Context, pipeline *plugin.Pipeline, jobs []plugin.Job) []report.Result {
	results := make([]report.Result, len(jobs))
	var group errgroup.Group
	group.SetLimit(runtime.NumCPU())
	for i, job := range jobs {
		group.Go(func() error {
			verdict, err := pipeline.Check(ctx, job)
			results[i] = report.Result{Path: job.Path, Verdict: verdict, Faults: fault.Of(err)}
			return nil
		})
	}
	_ = group.Wait()
	return results
}

// conclude turns results into the command's exit.
func conclude(results []report.Result) error {
	var faults fault.List
	denied := false
	for _, result := range results {
		faults = append(faults, result.Faults...)
		denied = denied || result.Verdict.Denied()
	}
	if len(faults) > 0 {
		return faults
	}
	if denied {
		return errDenied
	}
	return nil
}
