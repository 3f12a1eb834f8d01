package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/internal/compare"
	"github.com/argocd-seal/argocd-seal-plugin/internal/compare/report"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// diffOptions are those of check, but for what is printed.
type diffOptions struct {
	checkOptions
	exitCode, sealed bool
}

func newDiffCommand() *cobra.Command {
	var options diffOptions
	cmd := &cobra.Command{
		Use:   "diff A B [PATH...]",
		Short: "Show what changes in the objects between two revisions or two overlays",
		Long: "Render the applications of A and of B and compare their objects: field by field, with references to Vault,\n" +
			"injections, images and, with --config or --level, the verdicts of the policies. Neither Vault nor a key is needed,\n" +
			"and data that a Secret holds in clear is never shown.\n\n" +
			"A and B are revisions of the Git repository around the current directory (a branch, a tag, a commit, HEAD~1) or\n" +
			"directories; \".\" is the work tree as it is. With two directories, such as two overlays, the applications below them\n" +
			"are compared by their path below each. With a revision and a directory, the directory is compared with itself as it\n" +
			"was. PATH names directories below, by default all.\n\n" +
			"Exit code 0: compared; 1: something differs and --exit-code is set; 2: an application of B cannot be rendered, or\n" +
			"a revision, directory or option is wrong.",
		Example: "  argocd-seal diff main HEAD\n" +
			"  argocd-seal diff HEAD . apps/web\n" +
			"  argocd-seal diff overlays/staging overlays/production --config plugin.yaml\n" +
			"  argocd-seal diff origin/main HEAD --output markdown > comment.md",
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.run(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	options.addSourceFlags(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&options.level, "level", "", "level of the built-in policies whose verdicts are compared, where there is no --config")
	flags.StringArrayVar(&options.policies, "policy", nil, "directory with more policies; repeat it for several")
	flags.StringVarP(&options.format, "output", "o", string(report.Text), "text, markdown, html or json")
	flags.BoolVarP(&options.quiet, "quiet", "q", false, "show no progress")
	flags.BoolVar(&options.sealed, "sealed", false, "compare the objects as they leave the sidecar, with made-up values and one throw-away key for both sides")
	flags.BoolVar(&options.exitCode, "exit-code", false, "exit with 1 where something differs")
	return cmd
}

// errDifferent ends a diff that was asked for an exit code.
var errDifferent = errors.New("there are differences")

// errUnrendered ends a diff whose report has said already what was wrong.
var errUnrendered = errors.New("applications that cannot be rendered")

func (o *diffOptions) run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	format, err := report.Known(o.format)
	if err != nil {
		return err
	}
	settings, log, err := o.settings(stderr)
	if err != nil {
		return err
	}
	judged := o.config != "" || o.level != "" || len(o.policies) > 0
	if judged {
		o.choosePolicies(&settings)
	}
	settings.Render.Workers.Spares, settings.Render.Workers.Concurrency = runtime.GOMAXPROCS(0), runtime.GOMAXPROCS(0)
	pool, err := newPool(settings.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	sides, err := o.sides(ctx, args[0], args[1], args[2:], settings.Render.Limits.Archive.Source())
	if err != nil {
		return err
	}
	if err := pool.Start(ctx); err != nil {
		return err
	}
	pipeline, err := newPipeline(ctx, &settings, pool, gating{skip: !judged, log: log, unverified: true})
	if err != nil {
		return err
	}
	sides.preview, err = o.preview(pipeline, &settings)
	if err != nil {
		return err
	}
	result, err := sides.compare(ctx, pipeline, o.progress(stderr))
	if err != nil {
		return err
	}
	if err := report.Write(stdout, format, result, report.Options{Color: colored(stdout), Version: version}); err != nil {
		return err
	}
	return o.conclude(format, result)
}

// conclude turns a report into the command's exit. A text has shown the faults;
// the other formats leave them to standard error too.
func (o *diffOptions) conclude(format report.Format, result report.Report) error {
	var faults fault.List
	failed, differs := 0, false
	for _, application := range result.Applications {
		faults = append(faults, application.Faults...)
		if len(application.Faults) > 0 {
			failed++
		}
		differs = differs || application.Status != ""
	}
	switch {
	case failed > 0 && format == report.Text:
		return fmt.Errorf("%w: %d of %d", errUnrendered, failed, len(result.Applications)+result.Unchanged)
	case failed > 0:
		return faults
	case differs && o.exitCode:
		return errDifferent
	default:
		return nil
	}
}

// previewing renders a job as far as it is compared.
type previewing func(ctx context.Context, job plugin.Job) (plugin.Output, error)

// preview is how both sides are rendered: up to the references, or sealed by one
// sealer, so that they differ by nothing but what they hold.
func (o *diffOptions) preview(pipeline *plugin.Pipeline, settings *config.SealConfig) (previewing, error) {
	if !o.sealed {
		return previewLocally(pipeline, settings), nil
	}
	sealer, err := throwAwaySealer()
	if err != nil {
		return nil, err
	}
	pipeline.Secrets = localStage(pipeline, settings, versionedFakes{}, sealer)
	return pipeline.PreviewSealed, nil
}

// versionedFakes makes another value up for each version that a reference names,
// so that it shows where another one is named.
type versionedFakes struct{ store.Fakes }

// Read implements [store.Source].
func (f versionedFakes) Read(ctx context.Context, query store.Query) (store.Secret, error) {
	if query.Version > 0 {
		query.Path = fmt.Sprintf("%s@%d", query.Path, query.Version)
	}
	return f.Fakes.Read(ctx, query)
}

// sideOf renders one application for a comparison.
func sideOf(ctx context.Context, preview previewing, job plugin.Job) compare.Side {
	output, err := preview(ctx, job)
	side := compare.Side{Path: job.Path, Faults: fault.Of(err)}
	if err != nil {
		return side
	}
	side.Environment, side.Verdict, side.Warnings = output.Environment, output.Verdict, output.Warnings
	if side.Environment == localEnvironment {
		side.Environment = ""
	}
	side.Rendered = rendered(output)
	return side
}

// rendered is an output as it is compared.
func rendered(output plugin.Output) compare.Rendered {
	injected := map[string]string{}
	for _, one := range output.Injected {
		injected[one.Object] = string(one.Kind)
	}
	return compare.Rendered{Objects: output.Objects, Injected: injected}
}

// previewLocally has the secrets stage tell what it would do, for which it needs
// neither Vault nor a key.
func previewLocally(pipeline *plugin.Pipeline, settings *config.SealConfig) previewing {
	pipeline.Secrets = localStage(pipeline, settings, nil, nil)
	return pipeline.Preview
}
