// Package plugin is the config management plugin itself: the gRPC service that
// the repo-server calls, and the pipeline that serve, generate and render share.
package plugin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/golang/protobuf/ptypes/empty" //nolint:staticcheck // the generated interface of Argo CD names this type
	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/commit"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/inject"
)

// Discovery says for which repositories Argo CD picks the plugin where an
// Application names none. At most one of the two is set; FileName wins.
type Discovery struct {
	// FileName is a pattern of path.Match below the application's directory.
	FileName string
	// Glob may hold "**".
	Glob string
}

func (d Discovery) enabled() bool { return d.FileName != "" || d.Glob != "" }

// Service implements Argo CD's ConfigManagementPluginService in this process.
// [Service.Use] must be called before the first request. It is safe for
// concurrent use. Each call reads its whole stream into memory and writes
// nothing to disk.
type Service struct {
	Log logrus.FieldLogger
	// Audit keeps what happened; nil keeps nothing.
	Audit Auditor
	// Rendered is told of each application that was rendered, and when its request
	// began; nil tells nobody.
	Rendered func(id Identity, output Output, began time.Time)
	// Intakes bounds how many archives are held in memory at a time.
	Intakes *Intakes

	mu         sync.Mutex
	generation *generation
	// receivers are the goroutines that still wait for a message.
	receivers sync.WaitGroup
}

var _ apiclient.ConfigManagementPluginServiceServer = (*Service)(nil)

// answerReserve is how long before the caller's deadline a request ends, so
// that its error still reaches the caller.
const answerReserve = 500 * time.Millisecond

// GenerateManifest renders one application.
func (s *Service) GenerateManifest(stream apiclient.ConfigManagementPluginService_GenerateManifestServer) error {
	settings, end := s.begin()
	defer end()
	ctx, cancel := settings.bound(stream.Context())
	defer cancel()
	started := time.Now()
	var output Output
	request, err := s.read(ctx, stream, settings.Archive, source.ReadArchive)
	defer request.release()
	if err == nil {
		output, err = settings.Pipeline.Run(ctx, request.job)
	}
	var manifests []string
	if err == nil {
		err = follow.Do(ctx, follow.Emit, func(context.Context) (err error) {
			manifests, err = output.Manifests()
			return err
		})
	}
	err = s.record(ctx, request, output, manifests, err)
	s.logRequest("generate", request, output, started, err)
	if err != nil {
		return statusOf(err)
	}
	if s.Rendered != nil {
		s.Rendered(request.job.Identity, output, started)
	}
	return stream.SendAndClose(&apiclient.ManifestResponse{Manifests: manifests})
}

// MatchRepository tells whether the discovery rule of plugin.yaml matches. It
// reads the names in the archive and nothing else.
func (s *Service) MatchRepository(stream apiclient.ConfigManagementPluginService_MatchRepositoryServer) error {
	settings, end := s.begin()
	defer end()
	ctx, cancel := settings.bound(stream.Context())
	defer cancel()
	request, err := s.read(ctx, stream, settings.Archive, source.ScanNames)
	defer request.release()
	if err != nil {
		return statusOf(err)
	}
	matched, err := settings.Discovery.match(request.job.Source, request.job.Path)
	if err != nil {
		return statusOf(err)
	}
	return stream.SendAndClose(&apiclient.RepositoryResponse{IsSupported: matched, IsDiscoveryEnabled: settings.Discovery.enabled()})
}

func (d Discovery) match(tree *source.Tree, dir string) (bool, error) {
	var (
		names []string
		err   error
	)
	switch {
	case d.FileName != "":
		names, err = tree.GlobFileName(dir, d.FileName)
	case d.Glob != "":
		names, err = tree.Glob(dir, d.Glob)
	}
	return len(names) > 0, err
}

// GetParametersAnnouncement lists the parameters that the application can set,
// with the values that it has now, for Argo CD's Parameters tab. It starts no
// worker and knows no secret.
func (s *Service) GetParametersAnnouncement(stream apiclient.ConfigManagementPluginService_GetParametersAnnouncementServer) error {
	settings, end := s.begin()
	defer end()
	ctx, cancel := settings.bound(stream.Context())
	defer cancel()
	request, err := s.read(ctx, stream, settings.Archive, source.ReadArchive)
	defer request.release()
	if err != nil {
		return statusOf(err)
	}
	// As upstream: what plugin.yaml announces comes later, so that it wins.
	announcements := append(Announce(request.job.Source, request.job.Path), settings.Static...)
	return stream.SendAndClose(&apiclient.ParametersAnnouncementResponse{ParameterAnnouncements: announcements})
}

// CheckPluginConfiguration tells the repo-server how to use the plugin.
func (s *Service) CheckPluginConfiguration(context.Context, *empty.Empty) (*apiclient.CheckPluginConfigurationResponse, error) {
	settings, end := s.begin()
	defer end()
	return &apiclient.CheckPluginConfigurationResponse{IsDiscoveryConfigured: settings.Discovery.enabled()}, nil
}

// bound gives a request its deadline: the platform's, or the caller's where it
// is earlier.
func (s Settings) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline := time.Now().Add(s.Timeout)
	if callers, set := ctx.Deadline(); set && callers.Add(-answerReserve).Before(deadline) {
		deadline = callers.Add(-answerReserve)
	}
	return context.WithDeadline(ctx, deadline)
}

// request is what a stream held.
type request struct {
	// id names the request in the log and in the audit trail.
	id      string
	job     Job
	ignored int
	// digest is the SHA-256 of the archive in hexadecimal, once it was verified.
	digest string
	// commit is empty where the stream does not carry it.
	commit  commit.Commit
	release func()
}

// readTree is [source.ReadArchive] or [source.ScanNames].
type readTree func(io.Reader, source.Limits, ...source.Option) (*source.Tree, error)

// read takes a stream in and turns it into a job. The caller must call release
// when it no longer needs the source. Beside an error the request says as much
// as is known.
func (s *Service) read(ctx context.Context, stream streamReceiver, limits source.Limits, tree readTree) (*request, error) {
	request := &request{id: rand.Text()[:idLength], release: func() {}}
	return request, follow.Do(ctx, follow.Intake, func(ctx context.Context) error {
		return s.takeIn(ctx, request, stream, limits, tree)
	})
}

func (s *Service) takeIn(ctx context.Context, request *request, stream streamReceiver, limits source.Limits, tree readTree) error {
	in, err := receive(stream, ctx.Done(), func() func() {
		s.receivers.Add(1)
		return s.receivers.Done
	})
	if err != nil {
		return deadlineFault(ctx, err)
	}
	env, err := in.environment()
	if err != nil {
		return err
	}
	if request.job, err = env.job(); err != nil {
		return err
	}
	request.ignored = env.ignored()
	record := follow.Of(ctx)
	record.App, record.Project = request.job.Identity.App, request.job.Identity.Project
	release, err := s.Intakes.enter(ctx, request.job.Identity)
	if err != nil {
		return err
	}
	request.release = release
	finder := commit.NewFinder(request.job.Identity.Revision)
	files, err := tree(in, limits, source.WithGit(finder.See))
	if err == nil {
		request.digest, err = in.verify()
	}
	request.commit, _ = finder.Commit()
	if err != nil {
		return deadlineFault(ctx, err)
	}
	request.job.Source, request.job.Path = files, in.metadata.GetAppRelPath()
	return nil
}

// deadlineFault says so where a fault came only from the request's end.
func deadlineFault(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.New(fault.Timeout, "the archive was not received in time")
	case ctx.Err() != nil:
		return fault.New(fault.Canceled, "the request ended while the archive was being received")
	default:
		return err
	}
}

// Wait returns when no call receives any more. Call it after the server has
// stopped.
func (s *Service) Wait() { s.receivers.Wait() }

func (s *Service) logRequest(call string, request *request, output Output, started time.Time, err error) {
	entry := s.Log.WithFields(logrus.Fields{"call": call, "id": request.id, "duration_ms": time.Since(started).Milliseconds()}).
		WithFields(identityFields(request.job.Identity))
	if request.ignored > 0 {
		entry.WithField("count", request.ignored).Warn("the application's plugin env is ignored; use parameters")
	}
	if err != nil {
		entry.WithFields(logrus.Fields{"code": fault.CodeOf(err), "error": fault.Text(fault.Of(err))}).Error("request failed")
		return
	}
	for _, warning := range output.Warnings {
		entry.WithField("warning", warning.Error()).Warn("rendered with a warning")
	}
	injected := map[inject.Kind]int{}
	for _, one := range output.Injected {
		injected[one.Kind]++
		if one.Kind == inject.KindPlaintext {
			entry.WithFields(logrus.Fields{"injection": one.Kind, "object": one.Object}).Warn("values were emitted in clear, as the platform allows")
		}
	}
	entry.WithFields(logrus.Fields{"kind": output.Kind, "objects": len(output.Objects), "injections": injected}).Info("rendered")
}

// idLength is enough for a request to be found in a log of a year.
const idLength = 10

// maxLogged bounds one field of a log line that a tenant can choose.
const maxLogged = 256

func identityFields(id Identity) logrus.Fields {
	fields := logrus.Fields{}
	for name, value := range map[string]string{
		"app": id.App, "project": id.Project, "namespace": id.Namespace,
		"repo": redactURL(id.RepoURL), "revision": id.Revision, "path": id.Path,
	} {
		fields[name] = fault.Clean(value, maxLogged)
	}
	return fields
}

// String names an identity for people.
func (id Identity) String() string { return fmt.Sprintf("%s (project %q)", id.App, id.Project) }
