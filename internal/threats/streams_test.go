package threats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// message is one message of a stream.
type message = apiclient.AppStreamRequest

func metadataOf(packed []byte) *message {
	sum := sha256.Sum256(packed)
	return &message{Request: &apiclient.AppStreamRequest_Metadata{Metadata: &apiclient.ManifestRequestMetadata{
		AppRelPath: "app", Checksum: hex.EncodeToString(sum[:]), Size_: int64(len(packed)), Env: identity(),
	}}}
}

func chunkOf(part []byte) *message {
	return &message{Request: &apiclient.AppStreamRequest_File{File: &apiclient.File{Chunk: part}}}
}

// say sends any messages, and returns the answer.
func (s *sidecar) say(t testing.TB, messages ...*message) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	call, err := s.client.GenerateManifest(ctx)
	must(t, err)
	for _, one := range messages {
		if call.Send(one) != nil {
			break // the reason is in the answer
		}
	}
	response, err := call.CloseAndRecv()
	a := answer{manifests: response.GetManifests(), err: err}
	s.watch.See("answer", a.text())
	return a
}

// chunks sends an archive in pieces of a size.
func (s *sidecar) chunks(t testing.TB, packed []byte, size int) answer {
	t.Helper()
	messages := []*message{metadataOf(packed)}
	for at := 0; at < len(packed); at += size {
		messages = append(messages, chunkOf(packed[at:min(at+size, len(packed))]))
	}
	return s.say(t, messages...)
}

// brokenStreams sends messages in orders that no repo-server sends.
func (s *sidecar) brokenStreams(t testing.TB, good []byte) {
	t.Helper()
	wrong := metadataOf(good)
	wrong.GetMetadata().Checksum = strings.Repeat("0", 64)
	for what, messages := range map[string][]*message{
		"a wrong checksum":    {wrong, chunkOf(good)},
		"metadata twice":      {metadataOf(good), metadataOf(good), chunkOf(good)},
		"metadata at the end": {metadataOf(good), chunkOf(good), metadataOf(good)},
		"no metadata":         {chunkOf(good)},
		"no archive":          {metadataOf(good)},
		"nothing":             {},
		"an empty message":    {{}},
	} {
		if a := s.say(t, messages...); a.code() != "E_STREAM" {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	// A repo-server that goes away in the middle.
	ctx, cancel := context.WithCancel(t.Context())
	call, err := s.client.GenerateManifest(ctx)
	must(t, err)
	must(t, call.Send(metadataOf(good)))
	cancel()
	_, _ = call.CloseAndRecv()
}

// idle opens streams that say who they are and then nothing. wait returns how
// each ended.
func (s *sidecar) idle(t testing.TB, count int) (wait func() []error) {
	t.Helper()
	errs := make([]error, count)
	var group sync.WaitGroup
	for i := range count {
		call, err := s.client.GenerateManifest(t.Context())
		must(t, err)
		must(t, call.Send(metadataOf(nil)))
		group.Go(func() { errs[i] = call.RecvMsg(&apiclient.ManifestResponse{}) })
	}
	return func() []error { group.Wait(); return errs }
}

// services lists those that the socket knows, of all that servers of this kind
// are known to have.
func (s *sidecar) services(t testing.TB) (known []string) {
	t.Helper()
	for name, method := range map[string]string{
		"grpc.health.v1.Health": "Check", "grpc.reflection.v1.ServerReflection": "ServerReflectionInfo",
		"grpc.reflection.v1alpha.ServerReflection": "ServerReflectionInfo", "version.VersionService": "Version",
		"plugin.ConfigManagementPluginService": "CheckPluginConfiguration", "grpc.channelz.v1.Channelz": "GetTopChannels",
		"repository.RepoServerService": "GenerateManifest",
	} {
		err := s.conn.Invoke(t.Context(), "/"+name+"/"+method, &healthpb.HealthCheckRequest{}, &healthpb.HealthCheckResponse{}, grpc.WaitForReady(true))
		if status.Code(err) != codes.Unimplemented {
			known = append(known, name)
		}
	}
	if len(known) == 2 && known[0] > known[1] {
		known[0], known[1] = known[1], known[0]
	}
	return known
}
