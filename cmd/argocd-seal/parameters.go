package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

func newParametersCommand() *cobra.Command {
	var configFile string
	cmd := &cobra.Command{
		Use:   "parameters",
		Short: "Announce the parameters of the working directory, for argocd-cmp-server",
		Long: "Print, as JSON, the parameters that the application in the working directory can set.\n" +
			"Use it as spec.parameters.dynamic.command where argocd-cmp-server is the container's entrypoint; serve needs no command.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := config.Load(configFile)
			if err != nil {
				return err
			}
			return announce(cmd.Context(), file, os.Environ(), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&configFile, "config", defaultConfig, "plugin.yaml")
	return cmd
}

func announce(ctx context.Context, file *config.File, environ []string, stdout io.Writer) error {
	job, err := plugin.EnvironmentJob(environ)
	if err != nil {
		return err
	}
	tree, path, err := streamedSource(ctx, job.Identity.Path, file.Seal.Render.Limits.Archive.Source())
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(plugin.Announce(tree, path))
}
