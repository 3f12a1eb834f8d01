package harness

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/argoproj/argo-cd/v2/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v2/util/tgzstream"
)

// GenerateUploaded asks for the manifests of an application made from the files
// of its repository as they lie on disk, uploaded as `argocd app manifests
// --local` uploads them.
func (l *Lab) GenerateUploaded(ctx context.Context, app Application) (*apiclient.ManifestResponse, error) {
	archive, _, checksum, err := tgzstream.CompressFiles(app.Repository.dir, []string{"*"}, []string{".git"})
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = archive.Close()
		_ = os.Remove(archive.Name())
	}()
	stream, err := l.client.GenerateManifestWithFiles(ctx)
	if err != nil {
		return nil, err
	}
	parts := []*apiclient.ManifestRequestWithFiles{
		{Part: &apiclient.ManifestRequestWithFiles_Request{Request: app.request()}},
		{Part: &apiclient.ManifestRequestWithFiles_Metadata{Metadata: &apiclient.ManifestFileMetadata{Checksum: checksum}}},
	}
	content, err := io.ReadAll(archive)
	if err != nil {
		return nil, err
	}
	parts = append(parts, &apiclient.ManifestRequestWithFiles{
		Part: &apiclient.ManifestRequestWithFiles_Chunk{Chunk: &apiclient.ManifestFileChunk{Chunk: content}},
	})
	for _, part := range parts {
		if err := stream.Send(part); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	return stream.CloseAndRecv()
}
