package harness

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/argoproj/argo-cd/v2/util/cmp"
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
