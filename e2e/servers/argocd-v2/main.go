// Command argocd-v2 is the real argocd-repo-server and argocd-cmp-server of
// Argo CD v2.14.21 in one binary, for the end-to-end tests. The first argument
// picks the server, the rest are that server's own flags.
package main

import (
	"fmt"
	"os"

	cmp "github.com/argoproj/argo-cd/v2/cmd/argocd-cmp-server/commands"
	repo "github.com/argoproj/argo-cd/v2/cmd/argocd-repo-server/commands"
	"github.com/spf13/cobra"
)

func main() {
	servers := map[string]func() *cobra.Command{
		"argocd-repo-server": repo.NewCommand,
		"argocd-cmp-server":  cmp.NewCommand,
	}
	if len(os.Args) < 2 || servers[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: argocd-v2 argocd-repo-server|argocd-cmp-server [flags]")
		os.Exit(2)
	}
	command := servers[os.Args[1]]()
	command.SetArgs(os.Args[2:])
	if err := command.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
