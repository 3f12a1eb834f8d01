package main

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// The stages that --until knows.
const (
	untilRender = "render"
	untilGate   = "gate"
	untilSeal   = "seal"
)

type renderOptions struct {
	config, root, until, output string
	environment                 string
	values                      localValues
	identity                    plugin.Identity
	kubeVersion                 string
	apiVersions                 []string
	params, paramsJSON          []string
	watch                       bool
	// ignored is what Git ignores, where that has been read already.
	ignored source.Skip
}

func newRenderCommand() *cobra.Command {
	var options renderOptions
	cmd := &cobra.Command{
		Use:   "render PATH",
		Short: "Render a directory as the plugin would, on a laptop",
		Long: "Render a directory with the same code and limits as the sidecar.\n" +
			"PATH may lie inside of a larger tree: bases above it are found below the root, by default the enclosing Git repository.",
		Example: "  argocd-seal render examples/kustomize-app\n" +
			"  argocd-seal render charts/web --namespace prod --param helm-values-files=values-prod.yaml\n" +
			"  argocd-seal render apps/web -o json --until render\n" +
			"  argocd-seal render apps/web --offline --watch",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return options.run(cmd.Context(), args[0], cmd.OutOrStdout(), messages(cmd))
		},
	}
	options.addSourceFlags(cmd.Flags())
	flags := cmd.Flags()
	flags.StringVar(&options.until, "until", untilSeal, "last stage to run: render, gate or seal")
	options.values.addFlags(flags)
	flags.StringVarP(&options.output, "output", "o", "yaml", "yaml, or json for one object a line")
	flags.BoolVarP(&options.watch, "watch", "w", false, "render again when files change, and show what differs instead of the objects")
	return cmd
}

// addSourceFlags are the flags that say what is rendered, and for whom.
func (o *renderOptions) addSourceFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.config, "config", "", "plugin.yaml whose limits and environments hold (default: the built-in limits)")
	flags.StringVar(&o.environment, "environment", "", "environment of --config to be judged by (default: by its rules)")
	flags.StringVar(&o.root, "root", "", "root of the source (default: the enclosing Git repository, or PATH)")
	flags.StringVar(&o.identity.App, "app", "", "application (default: the directory's name)")
	flags.StringVar(&o.identity.Project, "project", "default", "AppProject")
	flags.StringVar(&o.identity.Namespace, "namespace", "", "destination namespace")
	flags.StringVar(&o.identity.RepoURL, "repo-url", "", "repository of the application")
	flags.StringVar(&o.identity.Revision, "revision", "", "commit")
	flags.StringVar(&o.kubeVersion, "kube-version", "", "Kubernetes version of the destination")
	flags.StringSliceVar(&o.apiVersions, "api-versions", nil, "API versions of the destination")
	flags.StringArrayVar(&o.params, "param", nil, "parameter as name=value; repeat it for lists, name=key=value for maps")
	flags.StringArrayVar(&o.paramsJSON, "param-json", nil, `parameter as in an Application: {"name": "x", "map": {"a": "b"}}`)
}

// settings are those of --config, or the built-in ones, and a log for people.
func (o *renderOptions) settings(stderr io.Writer) (config.SealConfig, *logrus.Logger, error) {
	log, err := newLogger(stderr, config.Telemetry{LogLevel: "warn", LogFormat: "text"})
	if err != nil || o.config == "" {
		return config.Default(), log, err
	}
	file, err := config.Load(o.config)
	if err != nil {
		return config.SealConfig{}, nil, err
	}
	return file.Seal, log, nil
}

func (o *renderOptions) run(ctx context.Context, dir string, stdout, stderr io.Writer) error {
	write, err := o.writer()
	if err != nil {
		return err
	}
	if o.watch {
		return o.watchRender(ctx, dir, stdout, stderr)
	}
	settings, log, err := o.settings(stderr)
	if err != nil {
		return err
	}
	settings = oneShot(settings)
	pool, err := newPool(settings.Render, log)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := pool.Start(ctx); err != nil {
		return err
	}
	job, err := o.job(ctx, dir, settings.Render.Limits.Archive.Source())
	if err != nil {
		return err
	}
	pipeline, err := newPipeline(ctx, &settings, pool, gating{skip: o.until == untilRender, offline: o.values.offline, log: log})
	if err != nil {
		return err
	}
	if o.until == untilSeal {
		revoke, err := o.values.addSecrets(ctx, pipeline, &settings)
		if err != nil {
			return err
		}
		defer revoke()
	}
	waiting := startWaiting(stderr, "rendering")
	defer waiting.stop()
	output, err := pipeline.Run(ctx, job)
	waiting.stop()
	if err != nil {
		return err
	}
	for _, warning := range output.Warnings {
		log.Warn(warning.Error())
	}
	return write(stdout, output)
}

func (o *renderOptions) writer() (func(io.Writer, plugin.Output) error, error) {
	if o.until != untilRender && o.until != untilGate && o.until != untilSeal {
		return nil, fault.New(fault.Parameter, "--until knows the stages render, gate and seal, not %q", fault.Clean(o.until, 80)).
			Like(o.until, []string{untilRender, untilGate, untilSeal})
	}
	switch o.output {
	case "yaml":
		return writeYAML, nil
	case "json":
		return writeJSON, nil
	default:
		return nil, fault.New(fault.Parameter, "--output takes yaml or json, not %q", fault.Clean(o.output, 80)).Like(o.output, []string{"yaml", "json"})
	}
}

// job reads the files and the command line.
func (o *renderOptions) job(ctx context.Context, dir string, limits source.Limits) (plugin.Job, error) {
	at, err := o.read(ctx, dir, limits)
	if err != nil {
		return plugin.Job{}, err
	}
	return o.jobOf(at.tree, at.path, filepath.Base(at.dir))
}

// place is a directory on disk, and the tree that it lies in.
type place struct {
	dir, root string
	// path is the directory's below the root, with slashes.
	path string
	tree *source.Tree
}

// read reads the tree around a directory, without what Git ignores.
func (o *renderOptions) read(ctx context.Context, dir string, limits source.Limits) (place, error) {
	dir, root, err := o.locate(dir)
	if err != nil {
		return place{}, err
	}
	relative, err := filepath.Rel(root, dir)
	if err != nil || !filepath.IsLocal(relative) {
		return place{}, fault.New(fault.Path, "%s is not below the root %s", dir, root)
	}
	at := place{dir: dir, root: root, path: filepath.ToSlash(relative)}
	ignored := o.ignored
	if ignored == nil {
		if ignored, err = source.GitIgnored(root, at.path); err != nil {
			return place{}, err
		}
	}
	at.tree, err = source.ReadDirectory(ctx, root, limits, ignored)
	return at, err
}

// jobOf is the job of a directory of a source. name is the application's where
// the command line gives none.
func (o *renderOptions) jobOf(tree *source.Tree, dir, name string) (plugin.Job, error) {
	parameters, err := plugin.ParseAssignments(o.params, o.paramsJSON)
	if err != nil {
		return plugin.Job{}, err
	}
	identity := o.identity
	identity.Path = dir
	if identity.App == "" {
		identity.App = name
	}
	return plugin.Job{
		Identity: identity, Source: tree, Path: identity.Path,
		KubeVersion: o.kubeVersion, APIVersions: o.apiVersions, Parameters: parameters, Environment: o.environment,
	}, nil
}

// locate returns the absolute directory and root.
func (o *renderOptions) locate(path string) (dir, root string, err error) {
	if dir, err = realDirectory(path); err != nil {
		return "", "", err
	}
	if o.root == "" {
		return dir, enclosingRepository(dir), nil
	}
	root, err = realDirectory(o.root)
	return dir, root, err
}

func realDirectory(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if err == nil {
		if info, statErr := os.Stat(absolute); statErr != nil || !info.IsDir() {
			err = os.ErrNotExist
		}
	}
	if err != nil {
		return "", fault.New(fault.Path, "there is no directory %s", path)
	}
	return absolute, nil
}

// enclosingRepository returns the nearest directory at or above dir that holds
// .git, and dir itself where there is none.
func enclosingRepository(dir string) string {
	for above := dir; ; above = filepath.Dir(above) {
		if _, err := os.Lstat(filepath.Join(above, ".git")); err == nil {
			return above
		}
		if above == filepath.Dir(above) {
			return dir
		}
	}
}

// writeJSON prints one object a line.
func writeJSON(w io.Writer, output plugin.Output) error {
	manifests, err := output.Manifests()
	if err != nil {
		return err
	}
	for _, manifest := range manifests {
		if _, err := io.WriteString(w, manifest+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func writeYAML(w io.Writer, output plugin.Output) error {
	for _, object := range output.Objects {
		data, err := json.Marshal(object.Fields)
		if err != nil {
			return object.Fault(fault.Internal, "", "the object cannot be encoded")
		}
		text, err := yaml.JSONToYAML(data)
		if err != nil {
			return object.Fault(fault.Internal, "", "the object cannot be encoded")
		}
		if _, err := io.WriteString(w, "---\n"+string(text)); err != nil {
			return err
		}
	}
	return nil
}
