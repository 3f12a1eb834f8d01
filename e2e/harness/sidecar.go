package harness

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v2/util/cmp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// Sidecar is `argocd-seal serve` alone, called as the repo-server calls it: what
// is tested with it does not depend on the repo-server's own retries and caches.
type Sidecar struct {
	*Process
	// Dir is where plugin.yaml lies.
	Dir    string
	socket string
}

// NewSidecar starts a sidecar in a directory, which may hold the files of an
// earlier one, and stops it with the test.
func NewSidecar(t testing.TB, dir string, plugin Plugin) *Sidecar {
	t.Helper()
	Need(t, Seal)
	process, err := startSidecar(t.Context(), dir, dir, plugin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if process.Alive() {
			_ = process.Stop()
		}
	})
	return &Sidecar{Process: process, Dir: dir, socket: filepath.Join(dir, plugin.FullName()+".sock")}
}

// Generate renders a directory of a repository that lies on disk, by argo-cd's
// own client. As the repo-server does, it dials for each request.
func (s *Sidecar) Generate(ctx context.Context, repository, path string, env ...string) ([]string, error) {
	conn, err := grpc.NewClient("unix:"+s.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	stream, err := apiclient.NewConfigManagementPluginServiceClient(conn).GenerateManifest(ctx)
	if err != nil {
		return nil, err
	}
	if err := cmp.SendRepoStream(ctx, filepath.Join(repository, path), repository, stream, env, nil); err != nil {
		// The reason is in the answer; sending gives io.EOF only.
		if _, answer := stream.CloseAndRecv(); answer != nil {
			return nil, answer
		}
		return nil, err
	}
	response, err := stream.CloseAndRecv()
	return response.GetManifests(), err
}

// floodClients is how many requests of a flood are under way at a time.
const floodClients = 8

// Flood asks so many times, each for a numbered application whose archive is
// none: the cheapest request that leaves an event with a whole identity in the
// audit trail. It fails where one of them is not refused with that code.
func (s *Sidecar) Flood(ctx context.Context, count int, code string, env func(number int) []string) error {
	conn, err := grpc.NewClient("unix:"+s.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	client := apiclient.NewConfigManagementPluginServiceClient(conn)
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range floodClients {
		group.Go(func() error {
			for number := int(next.Add(1)); number <= count && ctx.Err() == nil; number = int(next.Add(1)) {
				if err := refused(ctx, client, env(number)); err == nil || !strings.Contains(err.Error(), code+":") {
					return fmt.Errorf("request %d should be refused with %s: %w", number, code, errors.Join(err, ctx.Err()))
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// Refused asks with an archive that is none, and returns why that was refused. As
// the repo-server does, it dials for each request.
func (s *Sidecar) Refused(ctx context.Context, env ...string) error {
	conn, err := grpc.NewClient("unix:"+s.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return refused(ctx, apiclient.NewConfigManagementPluginServiceClient(conn), env)
}

// refused sends one request without an archive.
func refused(ctx context.Context, client apiclient.ConfigManagementPluginServiceClient, env []string) error {
	stream, err := client.GenerateManifest(ctx)
	if err != nil {
		return err
	}
	metadata := &apiclient.ManifestRequestMetadata{AppRelPath: "app"}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		metadata.Env = append(metadata.Env, &apiclient.EnvEntry{Name: name, Value: value})
	}
	// The reason is in the answer, whatever sending gives.
	_ = stream.Send(&apiclient.AppStreamRequest{Request: &apiclient.AppStreamRequest_Metadata{Metadata: metadata}})
	_, err = stream.CloseAndRecv()
	return err
}
