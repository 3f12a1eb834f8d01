package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/argocd-seal/argocd-seal-plugin/internal/setup"
)

type initOptions struct {
	answers map[string]*string
	yes     bool
}

func newInitCommand() *cobra.Command {
	options := initOptions{answers: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a first plugin.yaml, what installs the sidecar, and a first policy",
		Long: "Ask a few questions and write a commented plugin.yaml, an installation with Kustomize, and a policy with its tests into DIR,\n" +
			"by default the working directory. Each answer can be a flag instead. Nothing is overwritten: DIR must be empty or not there.",
		Example: "  argocd-seal init argocd-seal\n" +
			"  argocd-seal init argocd-seal --yes --vault-address none\n" +
			"  argocd-seal init argocd-seal --yes --team shop --environments production,staging --certificate production=prod.crt",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			given := setup.Given{}
			for flag, answer := range options.answers {
				if cmd.Flags().Changed(flag) {
					given[flag] = *answer
				}
			}
			return options.run(append(args, ".")[0], given, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	for _, question := range setup.Questions() {
		options.answers[question.Flag] = flags.String(question.Flag, question.Default, question.Usage)
	}
	flags.BoolVarP(&options.yes, "yes", "y", false, "ask nothing and take the defaults")
	return cmd
}

func (o *initOptions) run(dir string, given setup.Given, stdin io.Reader, stdout io.Writer) error {
	// Nobody should answer questions for a directory that is refused.
	if err := setup.Free(dir); err != nil {
		return err
	}
	answers, err := o.collect(given, stdin, stdout)
	if err != nil {
		return err
	}
	files, err := setup.Files(answers)
	if err != nil {
		return err
	}
	if err := setup.Write(dir, files); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "Written to %s:\n", dir)
	for _, file := range files {
		_, _ = fmt.Fprintf(stdout, "  %s\n", file.Path)
	}
	_, _ = fmt.Fprintln(stdout, "README.md there says what comes next.")
	return nil
}

// collect asks a person where there is one.
func (o *initOptions) collect(given setup.Given, stdin io.Reader, stdout io.Writer) (setup.Answers, error) {
	switch {
	case o.yes:
		return setup.Complete(given)
	case isKeyboard(stdin) && isTerminal(stdout):
		return setup.Ask(given, stdin, stdout)
	default:
		return setup.Without(given)
	}
}

// isKeyboard tells whether a person types what is read.
func isKeyboard(r io.Reader) bool {
	file, ok := r.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
