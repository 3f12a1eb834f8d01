package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/argocd-seal/argocd-seal-plugin/audit/period"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// auditQueryOptions are a question and how its answer looks.
type auditQueryOptions struct {
	question query.Question
	clock    auditClock
	format   string
	by       string
	limit    int
	reverse  bool
}

func newAuditQueryCommand() *cobra.Command {
	var options auditQueryOptions
	cmd := &cobra.Command{
		Use:   "query [TRAIL...]",
		Short: "Find who changed what, which secrets were used and what was denied",
		Long: "Show the events of each TRAIL that fit all flags: the directory of a trail, a directory of several, files, or - for\n" +
			"standard input, which is also the default. A flag that is repeated asks for one or the other. Names may have * in them.\n" +
			"A time is 2026-11-03, 2026-11-03T15:04:05Z, 2h, yesterday, \"last tuesday\", \"this month\" and the like, in the local zone.\n" +
			"Exit code 0: all was read; 2: a line or file could not be read, and what is shown may lack something.",
		Example: "  argocd-seal audit query --path apps/database --changed --on 'last tuesday' /var/lib/argocd-seal/audit\n" +
			"  argocd-seal audit query --secret kv/payments/db@7 --by app /var/lib/argocd-seal/audit\n" +
			"  argocd-seal audit query --decision deny --environment production --since 'this month' /var/lib/argocd-seal/audit\n" +
			"  zcat archive/trail-*.jsonl.gz | argocd-seal audit query --outcome failed",
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.run(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), messages(cmd))
		},
	}
	options.addFlags(cmd.Flags())
	return cmd
}

func (o *auditQueryOptions) addFlags(flags *pflag.FlagSet) {
	q := &o.question
	flags.StringArrayVar(&q.Apps, "app", nil, "application")
	flags.StringArrayVar(&q.Projects, "project", nil, "AppProject")
	flags.StringArrayVar(&q.Environments, "environment", nil, "environment")
	flags.StringArrayVar(&q.Repos, "repo", nil, "URL of a repository, or the end of one: example/deploy")
	flags.StringArrayVar(&q.Paths, "path", nil, "directory of the repository, with all below it")
	flags.StringArrayVar(&q.Revisions, "revision", nil, "commit, or its beginning")
	flags.StringArrayVar(&q.Authors, "author", nil, "part of the name or address of a commit's author")
	flags.StringArrayVar(&q.Outcomes, "outcome", nil, "ok, failed, or a code such as E_VAULT")
	flags.StringArrayVar(&q.Decisions, "decision", nil, "what the gate decided: deny, warn, waived or pass")
	flags.StringArrayVar(&q.Rules, "rule", nil, "rule that denied, warned or was waived; with --decision, that decided so")
	flags.StringArrayVar(&q.Secrets, "secret", nil, "secret that a render used: MOUNT/PATH[#KEY][@VERSION], or STORE:NAME[#KEY][#VERSION]; with --type, that such an event names")
	flags.StringArrayVar(&q.Images, "image", nil, "image that a render had: REGISTRY/REPOSITORY[@DIGEST], or DIGEST")
	flags.StringArrayVar(&q.Types, "type", nil, "type of event, such as render, refresh or config")
	flags.StringVar(&q.On, "on", "", "time that the event lies in, such as 'last tuesday'")
	flags.StringVar(&q.Since, "since", "", "time that it lies in or after")
	flags.StringVar(&q.Until, "until", "", "time that it lies in or before")
	flags.BoolVar(&q.Changed, "changed", false, "only renders whose output is not that of the render before")
	flags.StringVar(&o.by, "by", "", "count the events by "+strings.Join(query.Groups(), ", "))
	flags.StringVarP(&o.format, "output", "o", string(query.Table), "table, csv, or json for one event a line")
	flags.IntVar(&o.limit, "limit", 0, "show no more events than this (default: all)")
	flags.BoolVar(&o.reverse, "reverse", false, "show the newest first")
	o.clock.addFlags(flags)
}

func (o *auditQueryOptions) run(ctx context.Context, paths []string, stdin io.Reader, stdout, stderr io.Writer) error {
	now, err := o.clock.now()
	if err != nil {
		return err
	}
	filter, err := query.Compile(o.question, now)
	if err != nil {
		return err
	}
	streams, err := openTrails(paths, stdin)
	if err != nil {
		return err
	}
	shown := stderr
	if isTerminal(stdout) {
		shown = io.Discard // the answer comes line by line, which is progress enough
	}
	waiting := startWaiting(shown, "reading the trail")
	defer waiting.stop()
	stats, err := query.Answer(ctx, stdout, streams, filter, query.Options{
		Format: query.Format(o.format), By: o.by, Limit: o.limit, Reverse: o.reverse,
		Color: colored(stdout), Width: columns(stdout), Location: now.Location(),
	})
	waiting.stop()
	if err != nil {
		return err
	}
	return tellUnread(stats, stderr)
}

// auditClock is what relative times count from.
type auditClock struct {
	asOf string
	utc  bool
}

func (c *auditClock) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&c.asOf, "as-of", "", "time that relative times and remaining days count from (default: now)")
	flags.BoolVar(&c.utc, "utc", false, "read and show times in UTC")
}

func (c *auditClock) now() (time.Time, error) {
	now := time.Now()
	if c.utc {
		now = now.UTC()
	}
	if c.asOf == "" {
		return now, nil
	}
	asOf, err := period.Parse(c.asOf, now)
	return asOf.From.In(now.Location()), err
}

// openTrails finds what the command line names. A terminal is no trail.
func openTrails(paths []string, stdin io.Reader) ([]query.Stream, error) {
	if len(paths) == 0 {
		if file, ok := stdin.(io.Writer); ok && isTerminal(file) {
			return nil, fault.New(fault.Parameter, "no trail is named").WithFix("name its directory or files, or pipe it in")
		}
		paths = []string{"-"}
	}
	return query.Open(paths, stdin)
}

// tellUnread turns lines that could not be read into the command's exit. A last
// line without an end is no fault of the trail: the plugin may be writing it.
func tellUnread(stats query.Stats, stderr io.Writer) error {
	for _, name := range stats.Unfinished {
		_, _ = fmt.Fprintf(stderr, "argocd-seal: the last line of %s is not finished and is left out\n", fault.Clean(name, 200))
	}
	faults := stats.Faults
	if left := stats.Bad - len(faults); left > 0 {
		faults = append(faults, fault.New(fault.Audit, "%d more lines are no events", left))
	}
	return faults.OrNil()
}
