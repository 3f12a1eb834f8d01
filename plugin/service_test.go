package plugin_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/argocd-seal/argocd-seal-plugin/internal/streamtest"
	"github.com/argocd-seal/argocd-seal-plugin/plugin"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/engine"
	"github.com/argocd-seal/argocd-seal-plugin/render/source"
)

// inProcess renders without a worker process: these tests are about the
// service. The worker has its own, and the end-to-end tests use both.
type inProcess struct{ calls atomic.Int32 }

func (r *inProcess) Render(_ context.Context, req render.Request) (render.Result, error) {
	r.calls.Add(1)
	if strings.HasPrefix(req.AppName, "panic") {
		panic("CANARY-" + req.AppName)
	}
	return engine.Render(req)
}

// logBuffer keeps a log that is read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

type served struct {
	client   apiclient.ConfigManagementPluginServiceClient
	conn     *grpc.ClientConn
	renderer *inProcess
	log      *logBuffer
	socket   string
	http     string
	stop     func() error
}

// serve starts the service on a socket of its own, for one test.
func serve(t *testing.T, discovery plugin.Discovery) *served {
	t.Helper()
	return servePipeline(t, discovery, &plugin.Pipeline{Limits: render.Limits{QuoteErrors: true}})
}

func servePipeline(t *testing.T, discovery plugin.Discovery, pipeline *plugin.Pipeline) *served {
	t.Helper()
	dir := t.TempDir()
	renderer, log := &inProcess{}, &logBuffer{}
	pipeline.Renderer = renderer
	logger := logrus.New()
	logger.SetOutput(log)
	logger.SetLevel(logrus.TraceLevel)
	service := &plugin.Service{Intakes: plugin.NewIntakes(8), Log: logger}
	service.Use(plugin.Settings{Pipeline: pipeline, Discovery: discovery, Archive: source.DefaultLimits(), Timeout: 20 * time.Second})
	server := &plugin.Server{
		Service: service,
		Dir:     dir, Sockets: []string{"seal-v1.sock", "alias.sock"}, Drain: 5 * time.Second, Log: logger,
		Telemetry: telemetry.New("test"), TelemetryAddress: streamtest.FreeAddress(t),
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- server.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "seal-v1.sock")
	conn := streamtest.Dial(t, socket)
	stopped := false
	s := &served{client: apiclient.NewConfigManagementPluginServiceClient(conn), conn: conn, renderer: renderer, log: log, socket: socket, http: "http://" + server.TelemetryAddress}
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		_ = conn.Close()
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var env = []string{"ARGOCD_APP_NAME=web", "ARGOCD_APP_PROJECT_NAME=team", "ARGOCD_APP_NAMESPACE=prod", "KUBE_VERSION=1.33.0"}

func (s *served) generate(t *testing.T, messages ...*apiclient.AppStreamRequest) ([]string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	stream, err := s.client.GenerateManifest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.Send(stream, messages...)
	response, err := stream.CloseAndRecv()
	return response.GetManifests(), err
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"

func (s *served) checkStillServes(t *testing.T) {
	t.Helper()
	packed := streamtest.Archive(t, map[string]string{"app/a.yaml": configMap})
	got, err := s.generate(t, streamtest.Metadata(packed, "app", env...), streamtest.Chunk(packed))
	if err != nil {
		t.Fatalf("the next request fails: %v", err)
	}
	want := []string{`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the next request gives something else (-want +got):\n%s", diff)
	}
}

func TestGenerateManifest(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	packed := streamtest.Archive(t, map[string]string{
		"app/kustomization.yaml":  "resources: [../base]\nnamePrefix: prod-\n",
		"base/kustomization.yaml": "resources: [a.yaml]\n",
		"base/a.yaml":             configMap,
	})
	var chunks []*apiclient.AppStreamRequest
	for i := range packed {
		chunks = append(chunks, streamtest.Chunk(packed[i:i+1]))
	}
	params := `ARGOCD_APP_PARAMETERS=[{"name":"kustomize-name-suffix","string":"-x"},{"name":"kustomize-images","array":[]}]`
	got, err := s.generate(t, append([]*apiclient.AppStreamRequest{streamtest.Metadata(packed, "app", append(env, params, "ARGOCD_ENV_X=y")...)}, chunks...)...)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"prod-a-x"}}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestGenerateManifestRefuses(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	good := streamtest.Archive(t, map[string]string{"app/a.yaml": configMap})
	broken := streamtest.Archive(t, map[string]string{"app/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: a\n"})
	empty := streamtest.Archive(t, map[string]string{"app/README.md": "hello"})
	remote := streamtest.Archive(t, map[string]string{"app/kustomization.yaml": "resources: [https://example.com/x.yaml]\n"})
	param := func(json string) []string { return append(env[:len(env):len(env)], "ARGOCD_APP_PARAMETERS="+json) }
	tests := map[string]struct {
		messages []*apiclient.AppStreamRequest
		want     string
	}{
		"I7 nothing":              {nil, "^E_STREAM: "},
		"I7 archive first":        {messages(streamtest.Chunk(good), streamtest.Metadata(good, "app", env...)), "^E_STREAM: "},
		"I7 no archive":           {messages(streamtest.Metadata(nil, "app", env...)), "^E_STREAM: "},
		"I7 metadata twice":       {messages(streamtest.Metadata(good, "app", env...), streamtest.Metadata(good, "app", env...), streamtest.Chunk(good)), "^E_STREAM: "},
		"I7 cut short":            {messages(streamtest.Metadata(good, "app", env...), streamtest.Chunk(good[:len(good)-9])), "^E_STREAM: "},
		"I7 bytes behind":         {messages(streamtest.Metadata(good, "app", env...), streamtest.Chunk(good), streamtest.Chunk([]byte("x"))), "^E_STREAM: "},
		"I7 wrong checksum":       {messages(streamtest.Metadata([]byte("other"), "app", env...), streamtest.Chunk(good)), "^E_STREAM: .*checksum"},
		"I8 path climbs":          {messages(streamtest.Metadata(good, "../app", env...), streamtest.Chunk(good)), "^E_PATH: "},
		"I8 absolute path":        {messages(streamtest.Metadata(good, "/", env...), streamtest.Chunk(good)), "^E_PATH: "},
		"I8 no path":              {messages(streamtest.Metadata(good, "", env...), streamtest.Chunk(good)), "^E_PATH: "},
		"I8 missing path":         {messages(streamtest.Metadata(good, "ap", env...), streamtest.Chunk(good)), "^E_PATH: .*\"ap\""},
		"B6 name twice":           {messages(streamtest.Metadata(good, "app", append(env, "ARGOCD_APP_NAME=other")...), streamtest.Chunk(good)), "^E_ENV_DUP: ARGOCD_APP_NAME"},
		"B6 empty name":           {messages(streamtest.Metadata(good, "app", "ARGOCD_APP_NAME="), streamtest.Chunk(good)), "^E_IDENTITY: "},
		"B6 newline in a name":    {messages(streamtest.Metadata(good, "app", "ARGOCD_APP_NAME=a\nb"), streamtest.Chunk(good)), "^E_IDENTITY: "},
		"unknown parameter":       {messages(streamtest.Metadata(good, "app", param(`[{"name":"helm-valuesfiles","array":["a"]}]`)...), streamtest.Chunk(good)), `^E_PARAMETER: .*did you mean "helm-values-files"`},
		"parameter of other type": {messages(streamtest.Metadata(good, "app", param(`[{"name":"helm-values","array":["a"]}]`)...), streamtest.Chunk(good)), "^E_PARAMETER: .*takes string"},
		"parameter twice":         {messages(streamtest.Metadata(good, "app", param(`[{"name":"helm-values","string":"a"},{"name":"helm-values","string":"b"}]`)...), streamtest.Chunk(good)), "^E_PARAMETER: .*twice"},
		"parameters that no list": {messages(streamtest.Metadata(good, "app", param(`{}`)...), streamtest.Chunk(good)), "^E_PARAMETER: "},
		"broken YAML":             {messages(streamtest.Metadata(broken, "app", env...), streamtest.Chunk(broken)), `^E_YAML: app/a\.yaml:\d+`},
		"nothing rendered":        {messages(streamtest.Metadata(empty, "app", env...), streamtest.Chunk(empty)), "^E_EMPTY: "},
		"K2 remote base":          {messages(streamtest.Metadata(remote, "app", env...), streamtest.Chunk(remote)), `^E_REMOTE_REF: app/kustomization\.yaml:1`},
		"O2 panic says nothing":   {messages(streamtest.Metadata(good, "app", "ARGOCD_APP_NAME=panic"), streamtest.Chunk(good)), `^E_INTERNAL: the plugin failed, id [A-Z0-9]+; fix: [^C]*$`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			manifests, err := s.generate(t, test.messages...)
			if err == nil {
				t.Fatalf("gave %v", manifests)
			}
			if text := status.Convert(err).Message(); !regexp.MustCompile(test.want).MatchString(text) || len(text) > 2048 {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
			s.checkStillServes(t)
		})
	}
	if strings.Contains(s.log.String(), "CANARY") {
		t.Error("the log repeats the text of a panic")
	}
}

func messages(m ...*apiclient.AppStreamRequest) []*apiclient.AppStreamRequest { return m }

func TestO6ManyFaultsFitIntoTheStatus(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	files := map[string]string{}
	for i := range 5000 {
		files["app/f"+strings.Repeat("0", i%7)+string(rune('a'+i%26))+string(rune('a'+i/26%26))+string(rune('a'+i/676))+".yaml"] = "kind: X\n"
	}
	packed := streamtest.Archive(t, files)
	_, err := s.generate(t, streamtest.Metadata(packed, "app", env...), streamtest.Chunk(packed))
	text := status.Convert(err).Message()
	if len(text) > 2048 || !regexp.MustCompile(`\n\+\d+ more$`).MatchString(text) {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

func TestMatchRepository(t *testing.T) {
	packed := streamtest.Archive(t, map[string]string{"app/kustomization.yaml": "resources: [", "app/deep/Chart.yaml": ""})
	tests := map[string]struct {
		discovery plugin.Discovery
		path      string
		want      bool
	}{
		"file name":             {plugin.Discovery{FileName: "kustomization.y*ml"}, "app", true},
		"file name elsewhere":   {plugin.Discovery{FileName: "kustomization.yaml"}, ".", false},
		"file name climbs down": {plugin.Discovery{FileName: "./deep/Chart.yaml"}, "app", true},
		"glob":                  {plugin.Discovery{Glob: "**/Chart.yaml"}, ".", true},
		"glob in the directory": {plugin.Discovery{Glob: "**/kustomization.yaml"}, "app", true},
		"glob elsewhere":        {plugin.Discovery{Glob: "**/Chart.yml"}, ".", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, test.discovery)
			configuration, err := s.client.CheckPluginConfiguration(t.Context(), &emptypb.Empty{})
			if err != nil || !configuration.GetIsDiscoveryConfigured() {
				t.Errorf("discovery is not announced: %v %v", configuration, err)
			}
			stream, err := s.client.MatchRepository(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			// Argo CD asks for repositories before there is an application.
			streamtest.Send(stream, streamtest.Metadata(packed, test.path), streamtest.Chunk(packed))
			response, err := stream.CloseAndRecv()
			if err != nil {
				t.Fatal(err)
			}
			if response.GetIsSupported() != test.want || !response.GetIsDiscoveryEnabled() {
				t.Errorf("got %v, want %v", response, test.want)
			}
			if calls := s.renderer.calls.Load(); calls != 0 {
				t.Errorf("discovery rendered %d times", calls)
			}
		})
	}
	t.Run("without discovery", func(t *testing.T) {
		s := serve(t, plugin.Discovery{})
		configuration, err := s.client.CheckPluginConfiguration(t.Context(), &emptypb.Empty{})
		if err != nil || configuration.GetIsDiscoveryConfigured() || configuration.GetProvideGitCreds() {
			t.Errorf("got %v %v", configuration, err)
		}
	})
}

func TestGetParametersAnnouncement(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	packed := streamtest.Archive(t, map[string]string{
		"chart/Chart.yaml":        "apiVersion: v2\nname: web\nversion: 1.0.0\n",
		"chart/values.yaml":       "image: {tag: v1, repository: web}\nreplicas: 3\na.b: x\nempty:\nlist: [1, 2]\n",
		"over/kustomization.yaml": "resources: [../base]\nimages: [{name: nginx, newTag: '2'}]\n",
		"base/kustomization.yaml": "resources: [d.yaml, ../over]\n",
		"base/d.yaml":             "kind: Deployment\nspec: {template: {spec: {initContainers: [{image: busybox}], containers: [{image: 'nginx:1'}]}}}\n",
	})
	announce := func(path string) map[string]any {
		stream, err := s.client.GetParametersAnnouncement(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		streamtest.Send(stream, streamtest.Metadata(packed, path), streamtest.Chunk(packed))
		response, err := stream.CloseAndRecv()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]any{}
		for _, p := range response.GetParameterAnnouncements() {
			switch p.GetCollectionType() {
			case "map":
				got[p.GetName()] = p.GetMap()
			case "array":
				got[p.GetName()] = p.GetArray()
			default:
				got[p.GetName()] = p.GetString_()
			}
		}
		return got
	}
	chart := announce("chart")
	want := map[string]string{"image.tag": "v1", "image.repository": "web", "replicas": "3", `a\.b`: "x", "empty": "", "list": "[1,2]"}
	if diff := cmp.Diff(want, chart["helm-parameters"]); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if _, other := chart["kustomize-images"]; other {
		t.Error("a chart announces kustomize's parameters")
	}
	if diff := cmp.Diff([]string{"busybox", "nginx:2"}, announce("over")["kustomize-images"]); diff != "" {
		t.Errorf("images (-want +got):\n%s", diff)
	}
	if calls := s.renderer.calls.Load(); calls != 0 {
		t.Errorf("the announcement rendered %d times", calls)
	}
}

func TestI10IdleStreamsLeaveRoomForOthers(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	packed := streamtest.Archive(t, map[string]string{"app/a.yaml": configMap})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 200 {
		stream, err := s.client.GenerateManifest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		streamtest.Send(stream, streamtest.Metadata(packed, "app", "ARGOCD_APP_NAME=slow", "ARGOCD_APP_PROJECT_NAME=other"), streamtest.Chunk(packed[:10]))
	}
	began := time.Now()
	s.checkStillServes(t)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("another project's request took %v", took)
	}
}

func TestHealthAndAlias(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	conn := streamtest.Dial(t, filepath.Join(filepath.Dir(s.socket), "alias.sock"))
	defer func() { _ = conn.Close() }()
	response, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || response.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("got %v %v", response, err)
	}
}

func TestB7SocketIsPrivate(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	info, err := os.Lstat(s.socket)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestB7SocketInTheWay(t *testing.T) {
	tests := map[string]struct {
		prepare func(t *testing.T, path string)
		want    string
	}{
		"stale socket": {func(t *testing.T, path string) {
			listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				t.Fatal(err)
			}
			listener.SetUnlinkOnClose(false)
			_ = listener.Close()
		}, ""},
		"served by another": {func(t *testing.T, path string) {
			listener, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = listener.Close() })
		}, "served by another process"},
		"file": {func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is no socket"},
		"symbolic link": {func(t *testing.T, path string) {
			if err := os.Symlink("/tmp/elsewhere.sock", path); err != nil {
				t.Fatal(err)
			}
		}, "is no socket"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.prepare(t, filepath.Join(dir, "x.sock"))
			log := logrus.New()
			log.SetOutput(io.Discard)
			server := &plugin.Server{Service: &plugin.Service{Log: log}, Dir: dir, Sockets: []string{"x.sock"}, Log: log, Telemetry: telemetry.New("test")}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			err := server.Run(ctx, cancel)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A request in flight when the server is told to stop gets its answer.
func TestStopDrains(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	packed := streamtest.Archive(t, map[string]string{"app/a.yaml": configMap})
	stream, err := s.client.GenerateManifest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	streamtest.Send(stream, streamtest.Metadata(packed, "app", env...), streamtest.Chunk(packed[:10]))
	stopped := make(chan error, 1)
	time.Sleep(50 * time.Millisecond)
	go func() { stopped <- s.stop() }()
	time.Sleep(50 * time.Millisecond)
	streamtest.Send(stream, streamtest.Chunk(packed[10:]))
	if _, err := stream.CloseAndRecv(); err != nil {
		t.Errorf("the request in flight fails: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(s.socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func (s *served) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := http.Get(s.http + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestO5MetricsCountCallsAndCodesAndNothingElse(t *testing.T) {
	s := serve(t, plugin.Discovery{})
	packed := streamtest.Archive(t, map[string]string{"app/a.yaml": configMap})
	for i := range 20 {
		name := fmt.Sprintf("ARGOCD_APP_NAME=tenant-%d", i)
		if _, err := s.generate(t, streamtest.Metadata(packed, "app", name), streamtest.Chunk(packed)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.generate(t, streamtest.Metadata(packed, fmt.Sprintf("missing-%d", i), name), streamtest.Chunk(packed)); err == nil {
			t.Fatal("a missing path is accepted")
		}
	}
	code, body := s.get(t, "/metrics")
	if code != http.StatusOK || strings.Contains(body, "tenant") || strings.Contains(body, "missing") {
		t.Errorf("status %d, or a tenant's word in:\n%s", code, body)
	}
	for _, want := range []string{
		`argocd_seal_request_duration_seconds_count{call="GenerateManifest",code="OK"} 20`,
		`argocd_seal_request_duration_seconds_count{call="GenerateManifest",code="E_PATH"} 20`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("lacks %s", want)
		}
	}
	if code, _ := s.get(t, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz gives %d", code)
	}
	if code, _ := s.get(t, "/debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("/debug/pprof gives %d", code)
	}
}
