package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

func newGenerateCommand() *cobra.Command {
	var configFile string
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Render the working directory, for argocd-cmp-server",
		Long: "Render the working directory to standard output, with the environment that argocd-cmp-server gives.\n" +
			"Use it as spec.generate.command where argocd-cmp-server is the container's entrypoint.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := config.Load(configFile)
			if err != nil {
				return err
			}
			return generate(cmd.Context(), file, os.Environ(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&configFile, "config", defaultConfig, "plugin.yaml")
	return cmd
}

func generate(ctx context.Context, file *config.File, environ []string, stdout, stderr io.Writer) error {
	log, err := newLogger(stderr, file.Seal.Telemetry)
	if err != nil {
		return err
	}
	settings := oneShot(file.Seal)
	pool, err := newPool(settings.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	// The worker starts while the files are read.
	if err := pool.Start(ctx); err != nil {
		return err
	}
	job, err := plugin.EnvironmentJob(environ)
	if err != nil {
		return err
	}
	if job.Source, job.Path, err = streamedSource(ctx, job.Identity.Path, settings.Render.Limits.Archive.Source()); err != nil {
		return err
	}
	pipeline, err := newPipeline(ctx, &settings, pool, gating{log: log})
	if err != nil {
		return err
	}
	revoke, err := addSecrets(ctx, pipeline, &settings)
	if err != nil {
		return err
	}
	defer revoke()
	output, err := pipeline.Run(ctx, job)
	if err != nil {
		return err
	}
	return writeStream(stdout, output)
}

// writeStream prints the objects as a YAML stream, one line of JSON for each:
// argocd-cmp-server splits the output at document separators.
func writeStream(stdout io.Writer, output plugin.Output) error {
	manifests, err := output.Manifests()
	if err != nil {
		return err
	}
	for _, manifest := range manifests {
		if _, err := io.WriteString(stdout, "---\n"+manifest+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// streamedSource reads what argocd-cmp-server unpacked, and says where in it the
// working directory, which is the application's, lies.
func streamedSource(ctx context.Context, appPath string, limits source.Limits) (tree *source.Tree, path string, err error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, "", fault.New(fault.Path, "the working directory cannot be read")
	}
	root := sourceRoot(dir, appPath)
	if path, err = filepath.Rel(root, dir); err != nil {
		return nil, "", fault.New(fault.Path, "the working directory is not below the root of the source")
	}
	tree, err = source.ReadDirectory(ctx, root, limits, nil)
	return tree, filepath.ToSlash(path), err
}

// sourceRoot finds the root of what the repo-server streamed above the
// application's directory. argocd-cmp-server does not say it; but it runs the
// command in ROOT/PATH, where PATH is the end of the application's path: all of
// it, or what is left below the paths of manifest-generate-paths.
func sourceRoot(dir, appPath string) string {
	for rest := filepath.Clean("/" + appPath); rest != "/" && rest != ""; {
		if root, found := strings.CutSuffix(dir, rest); found {
			return root
		}
		_, below, _ := strings.Cut(rest[1:], "/")
		if below == "" {
			break
		}
		rest = "/" + below
	}
	return dir
}
