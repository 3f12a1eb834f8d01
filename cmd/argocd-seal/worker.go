package main

import (
	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
)

// workerCommand is the name under which the program starts itself as a worker.
const workerCommand = "worker"

func newWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    workerCommand,
		Short:  "Render one request from standard input (started by the other commands)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return worker.Serve(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), engine.Render, engine.Warmup)
		},
	}
}
