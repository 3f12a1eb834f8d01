package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// engines are the modules whose version decides what a render looks like.
var engines = []string{"sigs.k8s.io/kustomize/api", "helm.sh/helm/v3"}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and those of kustomize and Helm",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			if _, err := fmt.Fprintf(out, "argocd-seal %s (%s)\n", version, runtime.Version()); err != nil {
				return err
			}
			info, _ := debug.ReadBuildInfo()
			for _, engine := range engines {
				for _, module := range info.Deps {
					if module.Path == engine {
						if _, err := fmt.Fprintf(out, "%s %s\n", module.Path, module.Version); err != nil {
							return err
						}
					}
				}
			}
			return nil
		},
	}
}
