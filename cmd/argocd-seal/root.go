package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"regexp"
	"slices"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/nearest"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// The exit codes, the same for every command.
const (
	exitOK     = 0
	exitDenied = 1
	exitError  = 2
)

// run executes one command line and returns its exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runAt(screenOf(stderr), args, stdin, stdout, stderr)
}

// runAt is run for a screen and says how errors are shown.
func runAt(shown screen, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	root := newRootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if cmd, err := root.ExecuteContextC(ctx); err != nil {
		shown.tell(stderr, cmd.Name(), err)
		if found(err) {
			return exitDenied
		}
		return exitError
	}
	return exitOK
}

// errDenied ends a command whose report has said already what was denied.
var errDenied = errors.New("denied by policy")

// errTestsFailed ends a run of policy tests whose report has said which failed.
var errTestsFailed = errors.New("policy tests failed")

// found tells whether a command did its work and found something that must not be:
// its report has said what.
func found(err error) bool {
	is := func(one error) bool { return errors.Is(err, one) }
	return slices.ContainsFunc([]error{errDenied, errDifferent, errTampered, errTestsFailed, errUnmoved, errUnwell}, is) || fault.CodeOf(err).Denies()
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "argocd-seal",
		Short: "Render Kustomize and Helm for Argo CD, beside the repo-server or on a laptop",
		Long: "A config management plugin of Argo CD that renders Kustomize and Helm, turns references to HashiCorp Vault into\n" +
			"sealed injections, and judges the objects by policies before Argo CD gets them. The commands do the same on a laptop.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().BoolP("quiet", "q", false, "show no progress and no warnings")
	root.SetFlagErrorFunc(nearFlag)
	root.AddCommand(
		newServeCommand(),
		newGenerateCommand(),
		newParametersCommand(),
		newInitCommand(),
		newDoctorCommand(),
		newRenderCommand(),
		newCheckCommand(),
		newDiffCommand(),
		newMigrateCommand(),
		newPolicyCommand(),
		newAuditCommand(),
		newExplainCommand(),
		newVersionCommand(),
		newManualCommand(),
		newWorkerCommand(),
	)
	complete(root)
	return root
}

// messages is where a command tells what is no result: progress and warnings.
// Nowhere, if it is to be quiet.
func messages(cmd *cobra.Command) io.Writer {
	if quiet, err := cmd.Flags().GetBool("quiet"); err == nil && quiet {
		return io.Discard
	}
	return cmd.ErrOrStderr()
}

// unknownFlag is what pflag says of a flag that a command does not have.
var unknownFlag = regexp.MustCompile(`^unknown flag: --(\S+)$`)

// nearFlag names the flag that a misspelt one is most like.
func nearFlag(cmd *cobra.Command, err error) error {
	match := unknownFlag.FindStringSubmatch(err.Error())
	if match == nil {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	if near := nearest.Word(match[1], names); near != "" {
		return fmt.Errorf("%w, did you mean --%s?", err, near)
	}
	return fmt.Errorf("%w, see %s --help", err, cmd.CommandPath())
}

// defaultConfig is where Argo CD's documentation mounts a plugin's file.
const defaultConfig = "/home/argocd/cmp-server/config/plugin.yaml"

// newLogger logs to stderr, since stdout may carry manifests.
func newLogger(stderr io.Writer, telemetry config.Telemetry) (*logrus.Logger, error) {
	level, err := logrus.ParseLevel(telemetry.LogLevel)
	if err != nil {
		return nil, fault.New(fault.Config, "there is no log level %q", telemetry.LogLevel)
	}
	log := logrus.New()
	log.SetOutput(stderr)
	log.SetLevel(level)
	if telemetry.LogFormat == "json" {
		log.SetFormatter(&logrus.JSONFormatter{})
	}
	return log, nil
}
