package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/catalog"
	"github.com/argocd-seal/argocd-seal-plugin/policy/report"
)

func newPolicyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Show the built-in policies and your own, and test them",
	}
	cmd.AddCommand(newPolicyListCommand(), newPolicyExplainCommand(), newPolicyTestCommand())
	return cmd
}

// catalogOptions say which rules are shown, and how.
type catalogOptions struct {
	policies    []string
	level       string
	format      string
	config      string
	environment string
}

func (o *catalogOptions) addFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.policies, "policy", nil, "directory with more policies; repeat it for several")
	flags.StringVar(&o.format, "format", string(report.Table), "table or json")
	flags.StringVar(&o.config, "config", "", "plugin.yaml whose parameters and policies are shown")
	flags.StringVar(&o.environment, "environment", "", "environment of --config; needless where it has one only")
}

// load reads the built-in bundle and the directories.
func (o *catalogOptions) load() (*catalog.Catalog, error) {
	if o.format != string(report.Table) && o.format != string(report.JSON) {
		return nil, fault.New(fault.Parameter, "there is no format %q", fault.Clean(o.format, 80)).WithFix("use table or json")
	}
	asked, err := o.asked()
	if err != nil {
		return nil, err
	}
	rules := &catalog.Catalog{}
	if err := rules.Builtin(asked.Parameters); err != nil {
		return nil, err
	}
	rules.Native()
	for _, own := range asked.Bundles {
		o.policies = append(o.policies, own.Directory)
	}
	for _, dir := range o.policies {
		if err := rules.Directory(dir); err != nil {
			return nil, err
		}
	}
	return rules, rules.Kyverno(asked.Kyverno)
}

// asked is what an environment of --config is judged by.
func (o *catalogOptions) asked() (config.EnvironmentPolicy, error) {
	if o.config == "" {
		if o.environment != "" {
			return config.EnvironmentPolicy{}, fault.New(fault.Parameter, "--environment needs --config").WithFix("name plugin.yaml with --config")
		}
		return config.EnvironmentPolicy{}, nil
	}
	file, err := config.Load(o.config)
	if err != nil {
		return config.EnvironmentPolicy{}, err
	}
	var names []string
	for _, environment := range file.Seal.Environments {
		if environment.Name == o.environment || o.environment == "" && len(file.Seal.Environments) == 1 {
			return environment.Policy, nil
		}
		names = append(names, environment.Name)
	}
	return config.EnvironmentPolicy{}, fault.New(fault.Parameter, "%s has no environment %q", o.config, fault.Clean(o.environment, 80)).
		Like(o.environment, names).WithFix("use --environment with one of: %s", strings.Join(names, ", "))
}

func newPolicyListCommand() *cobra.Command {
	var options catalogOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the rules that can be asked",
		Example: "  argocd-seal policy list\n" +
			"  argocd-seal policy list --level enhanced-security --policy ./policies",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return options.list(cmd.OutOrStdout()) },
	}
	options.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&options.level, "level", "", "only the built-in rules that this level holds")
	return cmd
}

func (o *catalogOptions) list(stdout io.Writer) error {
	rules, err := o.load()
	if err != nil {
		return err
	}
	chosen, err := rules.Rules(o.level)
	if err != nil {
		return err
	}
	if o.format == string(report.JSON) {
		return catalog.WriteJSON(stdout, chosen)
	}
	return catalog.WriteTable(stdout, chosen)
}

func newPolicyExplainCommand() *cobra.Command {
	var options catalogOptions
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Explain a rule: why it exists, what to do, and an example",
		Example: "  argocd-seal policy explain pod-privileged\n" +
			"  argocd-seal policy explain replicas --policy ./policies",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return options.explain(args[0], cmd.OutOrStdout()) },
	}
	options.addFlags(cmd.Flags())
	return cmd
}

func (o *catalogOptions) explain(id string, stdout io.Writer) error {
	rules, err := o.load()
	if err != nil {
		return err
	}
	rule, err := rules.Find(id)
	if err != nil {
		return err
	}
	if o.format == string(report.JSON) {
		return catalog.ExplainJSON(stdout, rule)
	}
	return catalog.Explain(stdout, rule, cmp.Or(columns(stdout), pipeWidth))
}

func newPolicyTestCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "test DIR...",
		Short: "Run the Rego tests of policies, as conftest verify does",
		Long: "Run the rules whose name starts with test_ in each DIR, which is one bundle with its data, as check and the sidecar load it.\n" +
			"Exit code 0: all pass; 1: one failed; 2: a policy does not load, or there is no test.",
		Example: "  argocd-seal policy test ./policies",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return testPolicies(cmd.Context(), args, report.Format(format), cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&format, "format", string(report.Table), "table or json")
	return cmd
}

func testPolicies(ctx context.Context, dirs []string, format report.Format, stdout io.Writer) error {
	var results []bundle.TestResult
	for _, dir := range dirs {
		source := []bundle.Source{bundle.Dir(dir)}
		b, err := bundle.LoadTests(dir, source, bundle.Options{Data: source})
		if err != nil {
			return err
		}
		found, err := b.Test(ctx)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.New(fault.PolicyLoad, "there is no test in %s", dir).WithFix("write a rule whose name starts with test_, in a file *_test.rego")
		}
		results = append(results, found...)
	}
	if err := report.WriteTests(stdout, format, results, report.Options{Color: colored(stdout), Width: columns(stdout)}); err != nil {
		return err
	}
	failed := 0
	for _, result := range results {
		if result.Status == bundle.Failed || result.Status == bundle.Errored {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%w: %d of %d", errTestsFailed, failed, len(results))
	}
	return nil
}
