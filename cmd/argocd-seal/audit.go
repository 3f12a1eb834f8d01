package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func newAuditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Prove the audit trail, ask it and report on it",
	}
	cmd.AddCommand(newAuditVerifyCommand())
	cmd.AddCommand(newAuditKeyCommand(), newAuditQueryCommand(), newAuditReportCommand())
	return cmd
}

// errTampered ends a verification whose report has said what is wrong.
var errTampered = errors.New("the audit trail is not what was written")

type auditVerifyOptions struct {
	keys, expect []string
	output       string
}

func newAuditVerifyCommand() *cobra.Command {
	var options auditVerifyOptions
	cmd := &cobra.Command{
		Use:   "verify PATH...",
		Short: "Prove an audit trail with the public key",
		Long: "Prove the trail in a directory, in files in any order, or on standard input (-), and name the first line that is wrong.\n" +
			"A directory must hold a whole trail, files may be a part of one. All paths of a call belong to one trail.\n" +
			"Exit code 0: every line is as it was written; 1: one is not; 2: it cannot be told.",
		Example: "  argocd-seal audit verify /var/lib/argocd-seal/audit --key audit.pub\n" +
			"  argocd-seal audit verify trail-*.jsonl --key audit.pub --output json\n" +
			"  argocd-seal audit verify /var/lib/argocd-seal/audit --key audit.pub --expect 1042:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.run(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), messages(cmd))
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&options.keys, "key", nil, "PEM file with public keys that sign the trail; repeat it for several")
	flags.StringArrayVar(&options.expect, "expect", nil, "SEQ:HASH of a line as it was seen elsewhere; repeat it for several")
	flags.StringVarP(&options.output, "output", "o", "table", "table or json")
	return cmd
}

func (o *auditVerifyOptions) run(ctx context.Context, paths []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if o.output != "table" && o.output != "json" {
		return fault.New(fault.Parameter, "there is no output %q", fault.Clean(o.output, 80)).WithFix("use table or json")
	}
	settings, err := o.settings()
	if err != nil {
		return err
	}
	waiting := startWaiting(stderr, "proving the trail")
	defer waiting.stop()
	report, unknown := verify.Paths(ctx, paths, stdin, settings)
	waiting.stop()
	if report.Lines > 0 || report.Bad != nil {
		write := writeVerification
		if o.output == "json" {
			write = writeVerificationJSON
		}
		if err := write(stdout, report); err != nil {
			return err
		}
	}
	if unknown != nil {
		return unknown
	}
	if !report.OK {
		return errTampered
	}
	return nil
}

func (o *auditVerifyOptions) settings() (verify.Options, error) {
	var settings verify.Options
	if len(o.keys) == 0 {
		return settings, fault.New(fault.Parameter, "there is no key to prove the trail with").WithFix("add --key with the public half of audit.key")
	}
	var err error
	if settings.Keys, err = publicKeys(o.keys); err != nil {
		return settings, err
	}
	for _, text := range o.expect {
		mark, err := verify.ParseMark(text)
		if err != nil {
			return settings, err
		}
		settings.Expect = append(settings.Expect, mark)
	}
	return settings, nil
}

func publicKeys(paths []string) ([]ed25519.PublicKey, error) {
	var all []ed25519.PublicKey
	for _, path := range paths {
		keys, err := chain.ReadPublicKeys(path)
		if err != nil {
			return nil, err
		}
		all = append(all, keys...)
	}
	return all, nil
}

func writeVerificationJSON(w io.Writer, report verify.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}

// writeVerification says it for people: the verdict first.
func writeVerification(w io.Writer, report verify.Report) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(table, name+"\t"+format+"\n", args...) }
	if bad := report.Bad; bad != nil {
		row("result", "BAD: %s", bad.Reason)
		place := fault.Clean(bad.File, 300)
		if bad.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, bad.Line)
		}
		if bad.Seq > 0 {
			place = fmt.Sprintf("%s, seq %d", place, bad.Seq)
		}
		row("first bad line", "%s", place)
		row("why", "%s", fault.Clean(bad.Message, 600))
	} else if report.Proved > 0 {
		row("result", "good")
	} else {
		row("result", "not proved")
	}
	if report.Lines > 0 {
		row("chained", "lines %d to %d, %s to %s", report.First, report.Last, report.From.Format(time.RFC3339), report.To.Format(time.RFC3339))
	}
	if report.Proved > 0 {
		row("signed", "lines %d to %d", report.First, report.Proved)
	}
	row("not signed yet", "%d", report.Unsigned)
	for _, key := range report.Keys {
		row("key", "%s, %d checkpoints, the last in line %d", key.ID, key.Checkpoints, key.Last)
	}
	if report.Head != "" {
		row("head", "%s", report.Head)
	}
	for _, note := range report.Notes {
		row("note", "%s", note)
	}
	if report.MoreNotes > 0 {
		row("note", "+%d more", report.MoreNotes)
	}
	return table.Flush()
}

func newAuditKeyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "key PRIVATE PUBLIC",
		Short: "Make the pair of keys that signs and proves a trail",
		Long: "Make an Ed25519 key: PRIVATE is for the sidecar alone and gets mode 0400, PUBLIC is for whoever verifies.\n" +
			"No file is ever overwritten.",
		Example: "  argocd-seal audit key audit.key audit.pub",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := chain.GenerateKey(args[0], args[1])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "key %s\n", id)
			return err
		},
	}
}
