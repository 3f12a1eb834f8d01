package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/reposerver/apiclient"
)

// KubeVersion is the destination's version in every request.
const KubeVersion = "1.33.2"

// APIVersions are what the destination serves in every request.
var APIVersions = []string{"v1", "apps/v1", "apps/v1/Deployment", "batch/v1", "networking.k8s.io/v1"}

// Lab is one repo-server with its Redis and the plugins on its sockets.
type Lab struct {
	// Server is the Argo CD release that the lab runs.
	Server Binary

	dir        string
	sockets    string
	processes  []*Process
	clients    apiclient.Clientset
	connection io.Closer
	client     apiclient.RepoServerServiceClient
}

// New starts a lab that ends with the test. Settings are more variables of the
// repo-server, as NAME=value. Where the test has failed, the end of every server's
// log is attached to it.
func New(t testing.TB, server Binary, settings ...string) *Lab {
	t.Helper()
	Need(t, server, Redis, Git)
	lab, err := Start(t.Context(), server, os.Getenv("PATH"), settings...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(lab.Logs())
		}
	})
	return lab
}

// Start starts a lab; search is the repo-server's PATH. The caller closes it.
func Start(ctx context.Context, server Binary, search string, settings ...string) (*Lab, error) {
	// Not a test's own directory: its path may be too long for a unix socket.
	dir, err := os.MkdirTemp("", "seal")
	if err != nil {
		return nil, err
	}
	lab := &Lab{Server: server, dir: dir, sockets: filepath.Join(dir, "plugins")}
	if err := lab.boot(ctx, search, settings); err != nil {
		return nil, errors.Join(err, lab.Close())
	}
	return lab, nil
}

func (l *Lab) boot(ctx context.Context, search string, settings []string) error {
	if err := os.Mkdir(l.sockets, 0o700); err != nil {
		return err
	}
	redis, socket, err := startRedis(ctx, l.dir)
	if err != nil {
		return err
	}
	l.processes = append(l.processes, redis)
	server, address, err := startRepoServer(ctx, l.Server, l.dir, l.sockets, socket, search, settings)
	if err != nil {
		return err
	}
	l.processes = append(l.processes, server)
	l.clients = apiclient.NewRepoServerClientset(address, 0, apiclient.TLSConfiguration{DisableTLS: true})
	l.connection, l.client, err = l.clients.NewRepoServerClient()
	return err
}

// Serve starts our own server with a plugin.yaml.
func (l *Lab) Serve(ctx context.Context, plugin Plugin) (*Process, error) {
	dir, err := l.folder(plugin)
	if err != nil {
		return nil, err
	}
	return l.keep(startSidecar(ctx, dir, l.sockets, plugin))
}

// ServeCMP starts upstream's argocd-cmp-server with a plugin.yaml.
func (l *Lab) ServeCMP(ctx context.Context, plugin Plugin) (*Process, error) {
	dir, err := l.folder(plugin)
	if err != nil {
		return nil, err
	}
	return l.keep(startCMPServer(ctx, l.Server, dir, l.sockets, plugin))
}

// folder is where a plugin keeps its files; a plugin that is started again
// finds those of before.
func (l *Lab) folder(plugin Plugin) (string, error) {
	dir := filepath.Join(l.dir, plugin.FullName())
	return dir, os.MkdirAll(dir, 0o700)
}

func (l *Lab) keep(process *Process, err error) (*Process, error) {
	if err == nil {
		l.processes = append(l.processes, process)
	}
	return process, err
}

// Application is what a request is made of.
type Application struct {
	Name       string
	Project    string
	Namespace  string
	Repository *Repository
	Source     v1alpha1.ApplicationSource
	// GeneratePaths is the annotation argocd.argoproj.io/manifest-generate-paths.
	GeneratePaths string
}

// Generate asks the repo-server for the application's manifests. Nothing is
// taken from its caches: every call renders.
func (l *Lab) Generate(ctx context.Context, app Application) (*apiclient.ManifestResponse, error) {
	return l.client.GenerateManifest(ctx, app.request())
}

func (a Application) request() *apiclient.ManifestRequest {
	source := a.Source.DeepCopy()
	source.RepoURL = a.Repository.URL
	return &apiclient.ManifestRequest{
		Repo:              &v1alpha1.Repository{Repo: a.Repository.URL},
		Revision:          "HEAD",
		NoCache:           true,
		NoRevisionCache:   true,
		AppName:           a.Name,
		ProjectName:       a.Project,
		Namespace:         a.Namespace,
		KubeVersion:       KubeVersion,
		ApiVersions:       APIVersions,
		ApplicationSource: source,

		AnnotationManifestGeneratePaths: a.GeneratePaths,
	}
}

// Clients connects to the repo-server, as Argo CD's other components do.
func (l *Lab) Clients() apiclient.Clientset { return l.clients }

// Details asks for what the user interface's Parameters tab shows.
func (l *Lab) Details(ctx context.Context, app Application) (*apiclient.RepoAppDetailsResponse, error) {
	source := app.Source.DeepCopy()
	source.RepoURL, source.TargetRevision = app.Repository.URL, "HEAD"
	return l.client.GetAppDetails(ctx, &apiclient.RepoServerAppDetailsQuery{
		Repo:            &v1alpha1.Repository{Repo: app.Repository.URL},
		Source:          source,
		AppName:         app.Name,
		NoCache:         true,
		NoRevisionCache: true,
	})
}

// Logs returns the end of every server's log.
func (l *Lab) Logs() string { return logs(l.processes) }

func logs(processes []*Process) string {
	var b strings.Builder
	for _, process := range processes {
		fmt.Fprintf(&b, "=== %s\n%s\n", process.name, process.Log())
	}
	return b.String()
}

// Close stops every server, the last started first, waits for them and removes
// the lab's files.
func (l *Lab) Close() error {
	var errs []error
	if l.connection != nil {
		errs = append(errs, l.connection.Close())
	}
	for _, process := range slices.Backward(l.processes) {
		errs = append(errs, process.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(l.dir))...)
}
