package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/carry"
	"github.com/argocd-seal/argocd-seal-plugin/internal/migrate/show"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/plain"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

type migrateOptions struct {
	root, kv, output, pluginFile string
	write, force                 bool
	// pluginNote says why plugin.yaml is only shown.
	pluginNote string
}

// errUnmoved ends a migration whose list has said what does not move.
var errUnmoved = errors.New("something cannot move")

func newMigrateCommand() *cobra.Command {
	var options migrateOptions
	cmd := &cobra.Command{
		Use:   "migrate PATH",
		Short: "Move a repository from argocd-vault-plugin or argocd-lovely-plugin",
		Long: "Show what becomes of the placeholders, annotations and Applications at and below PATH, and of what cannot move, with file,\n" +
			"line and reason. Nothing is written without --write. Vault is not asked for anything.\n" +
			"Exit code 0: all has moved, or would; 1: something is listed as not moved; 2: error.",
		Example: "  argocd-seal migrate .\n" +
			"  argocd-seal migrate . --write --plugin-yaml ../platform/plugin.yaml\n" +
			"  argocd-seal migrate apps/web --output json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.run(cmd.Context(), args[0], cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.write, "write", false, "write the files, each in one step, and plugin.yaml")
	flags.BoolVar(&options.force, "force", false, "write even where the Git work tree has changes that are not committed")
	flags.StringVar(&options.output, "output", "text", "text or json")
	flags.StringVar(&options.pluginFile, "plugin-yaml", "", "where the plugin.yaml with the inferred bindings goes; a file that is there is never overwritten (default: plugin.yaml in PATH)")
	flags.StringVar(&options.kv, "kv-version", "", "version of Vault's KV engine that argocd-vault-plugin was told, 1 or 2 (default: what manifests say, then 2)")
	flags.StringVar(&options.root, "root", "", "root of the source (default: the enclosing Git repository, or PATH)")
	return cmd
}

func (o *migrateOptions) run(ctx context.Context, dir string, stdout, stderr io.Writer) error {
	if o.output != "text" && o.output != "json" {
		return fault.New(fault.Parameter, "--output takes text or json, not %q", fault.Clean(o.output, 40))
	}
	input, root, err := o.read(ctx, dir)
	if err != nil {
		return err
	}
	settings := config.Default()
	settings.Render.Workers.Concurrency, settings.Render.Workers.Spares = runtime.GOMAXPROCS(0), runtime.GOMAXPROCS(0)
	log, err := newLogger(stderr, config.Telemetry{LogLevel: "warn", LogFormat: "text"})
	if err != nil {
		return err
	}
	pool, err := newPool(settings.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return err
	}
	input.Renderer = pool
	if isTerminal(stderr) {
		input.Progress = func(total int) (step, stop func()) {
			shown := startProgress(stderr, "applications", total, progressAfter)
			return func() { shown.done.Add(1) }, shown.stop
		}
	}
	plan, err := migrate.New(ctx, input)
	if err != nil {
		return err
	}
	if len(plan.Plugin) > 0 {
		o.placePlugin(dir, input)
		if o.pluginNote != "" {
			plan.Notes = append(plan.Notes, o.pluginNote)
		}
	}
	if o.write {
		if err := carry.Write(plan, carry.Options{Root: root, PluginFile: o.pluginFile, Force: o.force}); err != nil {
			return err
		}
	}
	if err := o.show(stdout, plan); err != nil {
		return err
	}
	if len(plan.Findings) > 0 {
		return fmt.Errorf("%w: %d", errUnmoved, len(plan.Findings))
	}
	return nil
}

// read reads the tree, and which of its files are links.
func (o *migrateOptions) read(ctx context.Context, dir string) (migrate.Input, string, error) {
	where := renderOptions{root: o.root}
	at, err := where.read(ctx, dir, source.DefaultLimits())
	if err != nil {
		return migrate.Input{}, "", err
	}
	linked := func(name string) bool {
		info, err := os.Lstat(filepath.Join(at.root, filepath.FromSlash(name)))
		return err != nil || info.Mode()&os.ModeSymlink != 0
	}
	return migrate.Input{Tree: at.tree, Scope: at.path, Linked: linked, KV: o.kv}, at.root, nil
}

// placePlugin says where plugin.yaml goes where nobody does: into PATH, unless it
// is there already or would be rendered with the manifests beside it.
func (o *migrateOptions) placePlugin(dir string, input migrate.Input) {
	if o.pluginFile != "" {
		return
	}
	name := filepath.Join(dir, "plugin.yaml")
	_, err := os.Lstat(name)
	switch {
	case err == nil:
		o.pluginNote = name + " is there already, so that what was inferred is not written; --plugin-yaml names another file"
	case engine.Detect(input.Tree, input.Scope) == render.KindDirectory && plain.HoldsObjects(input.Tree, input.Scope):
		o.pluginNote = "plugin.yaml would be rendered with the manifests of " + dir + ", so that it is not written; --plugin-yaml names another place"
	default:
		o.pluginFile = name
	}
}

func (o *migrateOptions) show(stdout io.Writer, plan *migrate.Plan) error {
	options := show.Options{Color: colored(stdout), Width: columns(stdout), PluginFile: o.pluginFile, Written: o.write}
	if o.output == "json" {
		return show.JSON(stdout, plan, options)
	}
	return show.Text(stdout, plan, options)
}
