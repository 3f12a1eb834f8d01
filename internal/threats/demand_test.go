package threats

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// caller asks over a connection of its own, as the repo-server does, and fails no
// test: many goroutines may use one.
type caller struct {
	client apiclient.ConfigManagementPluginServiceClient
	close  func()
}

func (s *sidecar) caller(t testing.TB) caller {
	t.Helper()
	conn, err := grpc.NewClient("unix:"+s.file("seal.sock"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	once := sync.OnceFunc(func() { _ = conn.Close() })
	t.Cleanup(once)
	return caller{apiclient.NewConfigManagementPluginServiceClient(conn), once}
}

// demand is a request that is made many times.
type demand struct {
	name     string
	metadata *apiclient.ManifestRequestMetadata
	packed   []byte
	// idle sends nothing behind the metadata, and waits.
	idle bool
	// codes are what it may be refused with; none means that it is rendered.
	codes []string
}

func newDemand(name string, packed []byte, env []*apiclient.EnvEntry, codes ...string) demand {
	sum := sha256.Sum256(packed)
	return demand{name: name, packed: packed, codes: codes, metadata: &apiclient.ManifestRequestMetadata{
		AppRelPath: "app", Checksum: hex.EncodeToString(sum[:]), Size_: int64(len(packed)), AppName: name, Env: env,
	}}
}

// first is the message that a stream begins with.
func (one demand) first() *message {
	return &message{Request: &apiclient.AppStreamRequest_Metadata{Metadata: one.metadata}}
}

func newAnswer() *apiclient.ManifestResponse { return new(apiclient.ManifestResponse) }

// ask makes one request.
func (c caller) ask(ctx context.Context, one demand) answer {
	began := time.Now()
	call, err := c.client.GenerateManifest(ctx)
	if err != nil {
		return answer{err: err, took: time.Since(began)}
	}
	err = call.Send(one.first())
	for part := range slices.Chunk(one.packed, chunk) {
		if err == nil {
			err = call.Send(chunkOf(part))
		}
	}
	if err != nil && !errors.Is(err, io.EOF) { // the reason is in the answer
		return answer{err: err, took: time.Since(began)}
	}
	response := newAnswer()
	if one.idle {
		err = call.RecvMsg(response)
	} else {
		response, err = call.CloseAndRecv()
	}
	return answer{manifests: response.GetManifests(), err: err, took: time.Since(began)}
}

// calmShop is the harmless application of proj-core.
func (s *sidecar) calmShop(t testing.TB) demand {
	return newDemand("payments", pack(t, s.shop()), identity("ARGOCD_APP_NAME=payments", "ARGOCD_APP_PROJECT_NAME=proj-core"))
}

// endlessTemplate computes for years, and takes no memory.
const endlessTemplate = "{{ range until 20000 }}{{ range until 20000 }}{{ range until 20000 }}{{ end }}{{ end }}{{ end }}"

// hostile are requests of team-a, or of whom more says, that try to take what others need: time, memory,
// workers, places in the line.
func (s *sidecar) hostile(t testing.TB, more ...string) []demand {
	t.Helper()
	attack := func(name string, content files, codes ...string) demand {
		return newDemand(name, pack(t, content), identity(more...), append(codes, "E_BUSY", "E_TIMEOUT", "E_CANCELED")...)
	}
	aliases := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 12 {
		aliases += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	many := archive(t, func(writer *tar.Writer) {
		entry(t, writer, tar.Header{Name: "app/c.yaml"}, configMap)
		for i := range 40_000 {
			entry(t, writer, tar.Header{Name: fmt.Sprintf("app/other/%d.txt", i)}, "")
		}
	})
	big := archive(t, func(writer *tar.Writer) {
		entry(t, writer, tar.Header{Name: "app/c.yaml"}, configMap)
		for i := range 8 {
			entry(t, writer, tar.Header{Name: fmt.Sprintf("other/%d", i)}, string(randomBytes(4<<20)))
		}
	})
	busy := []string{"E_LIMIT", "E_BUSY", "E_TIMEOUT", "E_CANCELED"}
	idle := newDemand("an idle stream", nil, identity(more...), "E_STREAM", "E_BUSY", "E_TIMEOUT", "E_CANCELED")
	idle.idle = true
	return []demand{
		attack("a chart that never ends", chart(files{"templates/a.yaml": endlessTemplate})),
		attack("a chart that renders itself", chart(files{"values.yaml": "x: '{{ tpl .Values.x . }}'\n", "templates/a.yaml": "{{ tpl .Values.x . }}"}), "E_RENDER_CRASH", "E_LIMIT"),
		attack("a chart that takes memory", chart(files{"templates/a.yaml": `{{ range until 100 }}{{ repeat 100000000 "x" }}{{ end }}`}), "E_RENDER_CRASH", "E_LIMIT"),
		attack("aliases of aliases", files{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n" + aliases}, "E_LIMIT", "E_YAML_ALIAS", "E_RENDER_CRASH"),
		newDemand("an archive of zeros", zeros(t, 256<<20), identity(more...), busy...),
		newDemand("an archive of many files", many, identity(more...), busy...),
		newDemand("a large archive", big, identity(more...), busy...),
		idle,
	}
}

// holds tells whether the answer to a demand is one of those it may get: aside from
// those that are refused, anything else is a fault.
func (one demand) holds(a answer) error {
	if a.err == nil || slices.Contains(one.codes, a.code()) && stable.MatchString(a.text()) {
		return nil
	}
	return fmt.Errorf("%s gives %.300q, want one of %v", one.name, a.text(), one.codes)
}
