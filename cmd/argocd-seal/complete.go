package main

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/query"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/builtin"
	"github.com/argocd-seal/argocd-seal-plugin/policy/report"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
)

// completing bounds how long a shell waits for what a key press may complete.
const completing = 2 * time.Second

// completer tells a shell what may follow; it shows no errors, since a shell has
// no place for them.
type completer = cobra.CompletionFunc

// completers are the flags whose words are known. A name of the form "command
// flag" holds for that command alone.
func completers() map[string]completer {
	trees := oneOf("table", "json")
	return map[string]completer{
		"config":            files("yaml", "yml"),
		"decision":          oneOf(string(verdict.Deny), string(verdict.Warn), string(verdict.Waived), "pass"),
		"environment":       environments,
		"level":             oneOf(levelNames()...),
		"outcome":           oneOf(append([]string{"ok", "failed"}, codeNames()...)...),
		"rule":              ruleNames,
		"check format":      oneOf(reportFormats()...),
		"diff output":       oneOf("text", "markdown", "html", "json"),
		"doctor format":     trees,
		"explain format":    trees,
		"list format":       trees,
		"test format":       trees,
		"migrate output":    oneOf("text", "json"),
		"render output":     oneOf("yaml", "json"),
		"render until":      oneOf(untilRender, untilGate, untilSeal),
		"verify output":     trees,
		"query output":      oneOf(string(query.Table), string(query.CSV), string(query.JSON)),
		"query by":          oneOf(query.Groups()...),
		"query type":        oneOf(eventTypes()...),
		"query app":         trailNames(func(e *audit.Event) string { return e.App }),
		"query project":     trailNames(func(e *audit.Event) string { return e.Project }),
		"query environment": trailNames(func(e *audit.Event) string { return e.Environment }),
	}
}

// complete gives every command of a tree its completions.
func complete(root *cobra.Command) {
	known := completers()
	for _, cmd := range tree(root) {
		for flag, how := range known {
			command, flag, of := strings.Cut(flag, " ")
			if !of {
				command, flag = "", command
				if known[cmd.Name()+" "+flag] != nil {
					continue
				}
			}
			if (command == "" || command == cmd.Name()) && cmd.Flags().Lookup(flag) != nil {
				_ = cmd.RegisterFlagCompletionFunc(flag, how) // it fails for flags that are not there
			}
		}
		switch strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ") {
		case "policy explain":
			cmd.ValidArgsFunction = firstOnly(ruleNames)
		case "render":
			cmd.ValidArgsFunction = firstOnly(applications)
		case "check":
			cmd.ValidArgsFunction = applications
		}
	}
}

// tree lists a command and all below it.
func tree(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, below := range cmd.Commands() {
		all = append(all, tree(below)...)
	}
	return all
}

func oneOf(known ...string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return known, cobra.ShellCompDirectiveNoFileComp
	}
}

func files(extensions ...string) completer {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return extensions, cobra.ShellCompDirectiveFilterFileExt
	}
}

// firstOnly completes one argument and none after it.
func firstOnly(how completer) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return how(cmd, args, begun)
	}
}

func levelNames() (names []string) {
	for _, level := range builtin.Levels() {
		names = append(names, string(level))
	}
	return names
}

func codeNames() (names []string) {
	for _, meaning := range fault.Codes() {
		names = append(names, string(meaning.Code))
	}
	return names
}

func eventTypes() (names []string) {
	for _, one := range audit.Types() {
		names = append(names, string(one))
	}
	return names
}

func reportFormats() (names []string) {
	for _, format := range report.Formats() {
		names = append(names, string(format))
	}
	return names
}

// environments are those of the file that --config names.
func environments(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if file, err := config.Load(flagOf(cmd, "config")); err == nil {
		for _, environment := range file.Seal.Environments {
			names = append(names, environment.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// ruleNames are the rules of the built-in bundle, and those of --config and
// --policy, with their titles.
func ruleNames(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	policies, _ := cmd.Flags().GetStringArray("policy")
	asked := catalogOptions{format: string(report.Table), policies: policies, config: flagOf(cmd, "config"), environment: flagOf(cmd, "environment")}
	rules, err := asked.load()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, err := rules.Rules("")
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, rule := range all {
		names = append(names, cobra.CompletionWithDesc(rule.ID, rule.Title))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// applications are the directories below what is written so far that would be
// rendered as applications of their own.
func applications(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completing)
	defer cancel()
	below, _ := path.Split(begun)
	options := renderOptions{root: flagOf(cmd, "root")}
	job, err := options.job(ctx, cmp.Or(below, "."), config.Default().Render.Limits.Archive.Source())
	if err != nil {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	var names []string
	for _, application := range engine.Applications(job.Source, job.Path) {
		name := below + strings.TrimPrefix(strings.TrimPrefix(application, job.Path), "/")
		if application != job.Path && strings.HasPrefix(name, begun) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// trailNames are what events have of something, in the trails that the command
// line has so far.
func trailNames(of func(*audit.Event) string) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completing)
		defer cancel()
		names := map[string]bool{}
		if streams, err := query.Open(args, strings.NewReader("")); err == nil {
			// What was read in time is better than nothing.
			_, _ = query.Read(ctx, streams, func(r *query.Record) error {
				names[of(&r.Event)] = true
				return nil
			})
		}
		delete(names, "")
		return slices.Sorted(maps.Keys(names)), cobra.ShellCompDirectiveNoFileComp
	}
}

func flagOf(cmd *cobra.Command, name string) string {
	if flag := cmd.Flags().Lookup(name); flag != nil {
		return flag.Value.String()
	}
	return ""
}
