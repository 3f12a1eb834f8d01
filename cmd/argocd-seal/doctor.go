package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/render/worker"
)

// exclusionsVariable is where the repo-server's Deployment says which files it
// leaves out of a stream.
const exclusionsVariable = "ARGOCD_REPO_SERVER_PLUGIN_TAR_EXCLUSIONS"

// errUnwell ends a look whose report has said already what failed.
var errUnwell = errors.New("checks failed")

type doctorOptions struct {
	config, socketDir, kubeconfig string
	repository                    string
	apps, exclude, only           []string
	format                        string
	limit                         time.Duration
}

func newDoctorCommand() *cobra.Command {
	var options doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong between plugin.yaml, Vault, the cluster and the sidecar",
		Long: "Look at configuration, policies, registries and signers of images, sandbox, certificates, salt, Vault, each binding's login and rights, audit trail and sinks, and at the\n" +
			"running sidecar where it is here; with --repository also at what the repo-server would stream. Nothing is changed, and no secret is read.\n" +
			"Exit code 0: nothing failed; 1: something did; 2: there is nothing to look at.",
		Example: "  argocd-seal doctor\n" +
			"  argocd-seal doctor --config plugin.yaml --only vault --only bindings\n" +
			"  argocd-seal doctor --repository . --app apps/web",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return options.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&options.config, "config", "", "plugin.yaml (default: the sidecar's, or that of the working directory)")
	flags.StringVar(&options.socketDir, "socket-dir", defaultSocketDir, "directory of the plugin sockets, shared with the repo-server")
	flags.StringVar(&options.kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster with the sealed-secrets controller (default: the pod's service account)")
	flags.StringVar(&options.repository, "repository", "", "clone of a repository whose stream is measured")
	flags.StringArrayVar(&options.apps, "app", nil, "application in --repository; repeat it for several (default: all)")
	flags.StringArrayVar(&options.exclude, "exclude", nil, "glob that the repo-server leaves out already; repeat it for several (default: those of "+exclusionsVariable+")")
	flags.StringArrayVar(&options.only, "only", nil, "area to look at: "+strings.Join(areaNames(), ", ")+"; repeat it for several (default: all)")
	flags.StringVar(&options.format, "format", doctor.Table, "table or json")
	flags.DurationVar(&options.limit, "timeout", doctor.DefaultLimit, "most time for one check")
	return cmd
}

func (o *doctorOptions) run(ctx context.Context, stdout io.Writer) error {
	asked, err := o.asked()
	if err != nil {
		return err
	}
	report, err := doctor.Run(ctx, asked)
	if err != nil {
		return err
	}
	look := doctor.Look{Color: colored(stdout), Signs: isTerminal(stdout), Width: columns(stdout)}
	if err := report.Write(stdout, o.format, look); err != nil {
		return err
	}
	if failed := report.Count(doctor.Failed); failed > 0 {
		return fmt.Errorf("%w: %d of %d", errUnwell, failed, len(report.Findings))
	}
	return nil
}

// asked turns the command line into what is looked at.
func (o *doctorOptions) asked() (doctor.Options, error) {
	if err := doctor.Known(o.format); err != nil {
		return doctor.Options{}, err
	}
	if len(o.apps) > 0 && o.repository == "" {
		return doctor.Options{}, fault.New(fault.Parameter, "--app needs --repository").WithFix("name the clone with --repository")
	}
	only, err := areas(o.only)
	if err != nil {
		return doctor.Options{}, err
	}
	exclude := o.exclude
	if text := os.Getenv(exclusionsVariable); len(exclude) == 0 && text != "" {
		exclude = strings.Split(text, ";")
	}
	return doctor.Options{
		File: o.file(), SocketDir: o.socketDir, Repository: o.repository, Apps: o.apps, Excluded: exclude, Only: only, Limit: o.limit,
		Tools: doctor.Tools{Vault: dialVault, Policies: quietGate, Images: newImages, Workers: quietPool, Kubernetes: o.kubernetes},
	}, nil
}

// file is plugin.yaml: the one that is named, or that of the sidecar or of the
// working directory where there is one.
func (o *doctorOptions) file() string {
	if o.config != "" {
		return o.config
	}
	for _, usual := range []string{defaultConfig, "plugin.yaml"} {
		if _, err := os.Stat(usual); err == nil {
			return usual
		}
	}
	return ""
}

func areaNames() []string {
	var names []string
	for _, area := range doctor.Areas() {
		names = append(names, string(area))
	}
	return names
}

func areas(names []string) ([]doctor.Area, error) {
	known := areaNames()
	var asked []doctor.Area
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fault.New(fault.Parameter, "--only does not know %q", fault.Clean(name, 80)).WithFix("use one of: %s", strings.Join(known, ", "))
		}
		asked = append(asked, doctor.Area(name))
	}
	return asked, nil
}

// kubernetes reaches the cluster of --kubeconfig, or the pod's own.
func (o *doctorOptions) kubernetes() (*rest.Config, error) {
	if o.kubeconfig != "" {
		settings, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
		if err != nil {
			return nil, fault.New(fault.Config, "the kubeconfig file cannot be used").In(o.kubeconfig, 0)
		}
		return settings, nil
	}
	settings, err := rest.InClusterConfig()
	if err != nil {
		return nil, fault.New(fault.Config, "there is no --kubeconfig, and no pod's token for its cluster")
	}
	return settings, nil
}

// quietGate loads policies without a word: the report says what is wrong.
func quietGate(ctx context.Context, settings *config.SealConfig) (*reload.Gate, error) {
	images, err := newImages(settings)
	if err != nil {
		return nil, err
	}
	return newGate(ctx, settings, gating{log: silence()}, images.Digests())
}

func quietPool(settings config.Render) (*worker.Pool, error) { return newPool(settings, silence()) }

func silence() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}
