package plugin

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

const (
	// maxMessage is the largest message that the repo-server is told to expect
	// in return; it is Argo CD's own default.
	maxMessage = 100 << 20
	// maxStreams bounds the calls of one connection that are open at a time.
	maxStreams = 1000
	// healthInterval is how often the gRPC health service looks at readiness.
	healthInterval = time.Second
	// dialTimeout bounds the test whether a socket that is in the way is alive.
	dialTimeout = time.Second
)

// Server serves a [Service] on unix sockets.
type Server struct {
	Service *Service
	// Dir is the directory that the repo-server looks for sockets in, and
	// Sockets the names in it.
	Dir     string
	Sockets []string
	// AllowedUIDs may connect, besides this process's own.
	AllowedUIDs []int
	// Drain is how long requests in flight may go on when the server stops.
	Drain     time.Duration
	Telemetry *telemetry.Telemetry
	// TelemetryAddress is where metrics and health are served over HTTP;
	// nowhere where it is empty.
	TelemetryAddress string
	// Certificates returns those that are sealed with now; nil is none at all.
	Certificates func() []Certificate
	Log          logrus.FieldLogger
}

// Run serves until ctx ends, then accepts no more, lets the requests in flight
// end for at most Drain, and returns when everything has stopped. ready is
// called once all sockets are open.
func (s *Server) Run(ctx context.Context, ready func()) error {
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage), grpc.MaxConcurrentStreams(maxStreams),
		grpc.ChainStreamInterceptor(s.Telemetry.Intercept, recoverStream(s.Log)), grpc.ChainUnaryInterceptor(recoverUnary(s.Log)),
	)
	apiclient.RegisterConfigManagementPluginServiceServer(server, s.Service)
	status := health.NewServer()
	status.SetServingStatus("", servingStatus(s.Telemetry.Health.Report().Ready))
	healthpb.RegisterHealthServer(server, status)

	group, ctx := errgroup.WithContext(ctx)
	// Probes and scrapes are answered until the last request has ended.
	drained, stopTelemetry := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTelemetry()
	if err := s.serveTelemetry(drained, group); err != nil {
		server.Stop()
		return errors.Join(err, closeAll(listeners))
	}
	group.Go(func() error {
		s.Telemetry.Health.Watch(ctx, healthInterval, func(ready bool) { status.SetServingStatus("", servingStatus(ready)) })
		return nil
	})
	if s.Certificates != nil {
		group.Go(func() error {
			watchCertificates(ctx, s.Certificates, s.Log)
			return nil
		})
	}
	for _, listener := range listeners {
		group.Go(func() error {
			// Stopping before serving began is a stop all the same.
			if err := server.Serve(listener); !errors.Is(err, grpc.ErrServerStopped) {
				return err
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		s.Telemetry.Health.Drain()
		status.Shutdown()
		s.stop(server)
		stopTelemetry()
		return nil
	})
	ready()
	err = group.Wait()
	s.Service.Wait()
	return err
}

// servingStatus is readiness in the words of the gRPC health service.
func servingStatus(ready bool) healthpb.HealthCheckResponse_ServingStatus {
	if ready {
		return healthpb.HealthCheckResponse_SERVING
	}
	return healthpb.HealthCheckResponse_NOT_SERVING
}

func (s *Server) serveTelemetry(ctx context.Context, group *errgroup.Group) error {
	if s.TelemetryAddress == "" {
		return nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.TelemetryAddress)
	if err != nil {
		return fault.New(fault.Config, "telemetry.address %s cannot be opened", s.TelemetryAddress)
	}
	group.Go(func() error { return s.Telemetry.Serve(ctx, listener) })
	return nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, listener := range listeners {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}

// stop ends the server gracefully, or hard when the drain time is over.
func (s *Server) stop(server *grpc.Server) {
	timer := time.AfterFunc(s.Drain, server.Stop)
	defer timer.Stop()
	server.GracefulStop()
}

// listen opens all sockets, or none.
func (s *Server) listen(ctx context.Context) (listeners []net.Listener, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll(listeners))
		}
	}()
	for _, name := range s.Sockets {
		listener, err := openSocket(ctx, filepath.Join(s.Dir, name))
		if err != nil {
			return listeners, err
		}
		listeners = append(listeners, &peerListener{UnixListener: listener, allowed: s.AllowedUIDs, log: s.Log})
	}
	return listeners, nil
}

// openSocket replaces a socket that nobody serves any more. Anything else in
// the way, a symbolic link above all, was put there by somebody: the directory
// is shared with other plugins.
func openSocket(ctx context.Context, path string) (*net.UnixListener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fault.New(fault.Config, "the socket %s cannot be opened", path)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fault.New(fault.Config, "%s is in the way and is no socket", path).
			WithFix("find out who made it, then remove it")
	case served(ctx, path):
		return nil, fault.New(fault.Config, "the socket %s is served by another process", path).
			WithFix("give the plugins different names or versions")
	default:
		if err := os.Remove(path); err != nil {
			return nil, fault.New(fault.Config, "the old socket %s cannot be removed", path)
		}
	}
	return listenPrivately(path)
}

func served(ctx context.Context, path string) bool {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
