package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/audit/report"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// auditReportOptions say what a report is about, and where it goes.
type auditReportOptions struct {
	scope            query.Question
	on, since, until string
	clock            auditClock
	keys             []string
	file             string
}

func newAuditReportCommand() *cobra.Command {
	var options auditReportOptions
	cmd := &cobra.Command{
		Use:   "report [TRAIL...]",
		Short: "Write a page of what happened, for people who have to show it",
		Long: "Write one page of HTML of each TRAIL: renders and changes, denials, waivers, secrets, failures and who changed what. The\n" +
			"page needs no network and no other file. TRAIL and times are as for argocd-seal audit query. With --key each TRAIL is\n" +
			"proved first, as argocd-seal audit verify does, and the page says the result.\n" +
			"Exit code 0: all was read; 1: a line is not as it was written; 2: a line or file could not be read. The page says it too.",
		Example: "  argocd-seal audit report --on 'last month' --key audit.pub --output-file report.html /var/lib/argocd-seal/audit\n" +
			"  argocd-seal audit report --project 'payments-*' --since 'this quarter' --output-file payments.html /var/lib/argocd-seal/audit",
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.run(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), messages(cmd))
		},
	}
	options.addFlags(cmd.Flags())
	return cmd
}

func (o *auditReportOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.scope.Apps, "app", nil, "application")
	flags.StringArrayVar(&o.scope.Projects, "project", nil, "AppProject")
	flags.StringArrayVar(&o.scope.Environments, "environment", nil, "environment")
	flags.StringVar(&o.on, "on", "", "time to report on, such as 'last month'")
	flags.StringVar(&o.since, "since", "", "time that the report begins at")
	flags.StringVar(&o.until, "until", "", "time that the report ends with")
	flags.StringArrayVar(&o.keys, "key", nil, "PEM file with public keys to prove the trail with; repeat it for several")
	flags.StringVar(&o.file, "output-file", "", "file to write (default: standard output)")
	o.clock.addFlags(flags)
}

func (o *auditReportOptions) run(ctx context.Context, paths []string, stdin io.Reader, stdout, stderr io.Writer) error {
	now, err := o.clock.now()
	if err != nil {
		return err
	}
	filter, err := query.Compile(o.scope, now)
	if err != nil {
		return err
	}
	asked, err := query.Period(o.on, o.since, o.until, now)
	if err != nil {
		return err
	}
	streams, err := openTrails(paths, stdin)
	if err != nil {
		return err
	}
	waiting := startWaiting(stderr, "reading the trail")
	defer waiting.stop()
	proved, err := proveTrails(ctx, streams, o.keys)
	if err != nil {
		return err
	}
	made, err := report.Collect(ctx, streams, filter, report.Options{
		Period: asked, AsOf: now, Location: now.Location(), Scope: o.describe(), Version: version, Verification: proved,
	})
	waiting.stop()
	if err != nil {
		return err
	}
	if err := writeReport(o.file, stdout, made.Write); err != nil {
		return err
	}
	if proved.Checked && !proved.Whole {
		return errTampered
	}
	return tellUnread(made.Stats(), stderr)
}

// describe says in words which part of the trail is reported on.
func (o *auditReportOptions) describe() string {
	var parts []string
	for _, part := range []struct {
		name  string
		texts []string
	}{{"application", o.scope.Apps}, {"project", o.scope.Projects}, {"environment", o.scope.Environments}} {
		if len(part.texts) > 0 {
			parts = append(parts, part.name+" "+strings.Join(part.texts, " or "))
		}
	}
	return strings.Join(parts, ", ")
}

// writeReport writes to a file, or to stdout where none is named. A file that is
// there already stays as it is until the new one is whole. The trail names
// people, so that only its owner may read the file.
func writeReport(name string, stdout io.Writer, write func(io.Writer) error) error {
	if name == "" {
		return write(stdout)
	}
	failed := fault.New(fault.Path, "%s cannot be written", fault.Clean(name, 200))
	made, err := os.CreateTemp(filepath.Dir(name), ".argocd-seal-*")
	if err != nil {
		return failed
	}
	if err := errors.Join(write(made), made.Close()); err != nil {
		_ = os.Remove(made.Name())
		return failed
	}
	if err := os.Rename(made.Name(), name); err != nil {
		_ = os.Remove(made.Name())
		return failed
	}
	return nil
}
