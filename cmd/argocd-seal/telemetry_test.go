package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc/metadata"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/otlptest"
	"github.com/argocd-seal/argocd-seal-plugin/internal/streamtest"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/rotation"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/telemetry"
)

// sidecar is a running `serve` with every part: workers, policies, Vault, sealing
// and traces.
type sidecar struct {
	client    apiclient.ConfigManagementPluginServiceClient
	address   string
	dir       string
	collector *otlptest.Collector
	secret    string
	stop      func()
}

const sidecarConfig = `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: seal}
spec: {generate: {command: [argocd-seal, generate]}}
---
apiVersion: argocd-seal.io/v1alpha1
kind: SealConfig
telemetry:
  address: %[1]q
  otlp: {address: %[2]q, insecure: true, attributes: {cluster: test}}
vault:
  address: %[3]q
  roles: [{name: reader, method: userpass, username: %[4]q, passwordFile: %[5]q}]
bindings:
- {projects: [team], role: reader, paths: [kv/demo/*]}
environments:
- name: production
  policy: {bundles: [{directory: %[6]q}]}
  injection:
    default: sealed-secret
    sealedSecret: {certificateFile: %[7]q, fingerprint: %[8]q, saltFile: %[9]q}
`

func startSidecar(t *testing.T) *sidecar {
	t.Helper()
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	s := &sidecar{secret: watch.Secret(canary.Draw()), collector: otlptest.Start(t, nil), address: streamtest.FreeAddress(t)}
	server.Put(t, "demo/metrics", `{"k":"`+s.secret+`"}`)
	user := "metrics-" + strings.ToLower(rand.Text()[:6])
	password := server.User(t, user, `path "kv/data/demo/*" { capabilities = ["read"] }`, "1h")

	dir := t.TempDir()
	s.dir = dir
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("rules/p.rego", "package main\n\ndeny contains \"never\" if input.metadata.name == \"forbidden\"\n\nwarn contains \"mind\" if input.kind == \"ConfigMap\"\n", 0o600)
	certificate := filepath.Join("..", "..", "secrets", "seal", "testdata", "cert.pem")
	content, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	fingerprint := sha256.Sum256(block.Bytes)
	salt := write("salt", string(randomBytes(32)), 0o400)
	settings := fmt.Sprintf(sidecarConfig, s.address, s.collector.Address, server.Address, user, password,
		filepath.Join(dir, "rules"), certificate, hex.EncodeToString(fingerprint[:]), salt)
	file, err := config.Load(write("plugin.yaml", settings, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	log := logrus.New()
	log.SetOutput(watch.Writer("log"))
	log.SetLevel(logrus.TraceLevel)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- serve(ctx, file, serveOptions{config: filepath.Join(dir, "plugin.yaml"), socketDir: dir}, log, io.Discard)
	}()
	s.client = apiclient.NewConfigManagementPluginServiceClient(streamtest.Dial(t, filepath.Join(dir, "seal.sock")))
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(s.stop)
	s.await(t, "/readyz", http.StatusOK)
	return s
}

func randomBytes(count int) []byte {
	random := make([]byte, count)
	_, _ = rand.Read(random)
	return random
}

func (s *sidecar) get(path string) (int, string, error) {
	response, err := http.Get("http://" + s.address + path)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// await asks until the answer has a status.
func (s *sidecar) await(t *testing.T, path string, want int) {
	t.Helper()
	var code int
	var body string
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if code, body, err = s.get(path); err == nil && code == want {
			return
		}
	}
	t.Fatalf("%s gives %d %v\n%s", path, code, err, body)
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// generate sends one application as the repo-server does.
func (s *sidecar) generate(t *testing.T, app, manifest string) ([]string, error) {
	t.Helper()
	packed := streamtest.Archive(t, map[string]string{"a.yaml": manifest})
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), "traceparent", traceparent), time.Minute)
	defer cancel()
	stream, err := s.client.GenerateManifest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.Send(stream, streamtest.Metadata(packed, ".",
		"ARGOCD_APP_NAME="+app, "ARGOCD_APP_PROJECT_NAME=team", "ARGOCD_APP_NAMESPACE=prod", "KUBE_VERSION=1.33.0",
		"ARGOCD_APP_REVISION="+strings.Repeat("a", 40)), streamtest.Chunk(packed))
	response, err := stream.CloseAndRecv()
	return response.GetManifests(), err
}

// use has the sidecar serve good and bad requests.
func (s *sidecar) use(t *testing.T) {
	t.Helper()
	for range 2 {
		_, err := s.generate(t, "web", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {k: <vault:kv/demo/metrics#k>}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n")
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.generate(t, "web", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: forbidden}\n"); err == nil {
		t.Fatal("a denied application is rendered")
	}
	if _, err := s.generate(t, "web", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {k: <vault:kv/demo/nothing#k>}\n"); err == nil {
		t.Fatal("a missing secret is sealed")
	}
}

func (s *sidecar) scrape(t *testing.T) string {
	t.Helper()
	code, body, err := s.get("/metrics")
	if err != nil || code != http.StatusOK {
		t.Fatalf("%d %v", code, err)
	}
	canary.Over(t).See("metrics", body)
	return body
}

// reserved are the metrics of the parts that this sidecar has not: it has nowhere
// to send an audit trail and nothing rotates.
func reserved(t *testing.T) string {
	t.Helper()
	other := telemetry.New("test")
	other.Watch(telemetry.Subjects{
		Audit: func() []telemetry.Sink { return []telemetry.Sink{{Name: "siem", Lines: 3, Oldest: time.Minute}} },
		Rotation: func() (rotation.Stats, bool) {
			return rotation.Stats{Lag: make([]int64, len(rotation.LagBounds)+1)}, true
		},
	})
	other.Audited(nil)
	s := &sidecar{address: streamtest.FreeAddress(t)}
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- other.Serve(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	return s.scrape(t)
}

// TestServeShowsEverything is the wiring: a value for each part, after requests
// that went well and badly.
func TestServeShowsEverything(t *testing.T) {
	s := startSidecar(t)
	s.use(t)
	scraped := s.scrape(t)
	for _, want := range []string{
		`argocd_seal_renders_total{code="OK",environment="production",renderer="directory"} 2`,
		`argocd_seal_renders_total{code="E_POLICY",environment="production",renderer="directory"} 1`,
		`argocd_seal_renders_total{code="E_SECRET",environment="production",renderer="directory"} 1`,
		`argocd_seal_injections_total{environment="production",kind="sealed-secret"} 2`,
		`argocd_seal_policy_outcomes_total{decision="deny",rule="main/deny"} 1`,
		`argocd_seal_policy_verdicts_total{decision="warn",environment="production"} `,
		`argocd_seal_cache_requests_total{cache="sealing",result="hit"} 1`,
		`argocd_seal_cache_requests_total{cache="values",result="miss"} `,
		`argocd_seal_vault_request_duration_seconds_count{operation="read",outcome="absent"} 1`,
		`argocd_seal_vault_request_duration_seconds_count{operation="login",outcome="ok"} 1`,
		`argocd_seal_vault_login_up{role="reader"} 1`,
		`argocd_seal_vault_token_expiry_timestamp_seconds{role="reader"} `,
		`argocd_seal_workers{state="waiting"} `,
		`argocd_seal_intakes{state="busy"} 0`,
		`argocd_seal_policy_last_error 0`,
		`argocd_seal_certificate_expiry_timestamp_seconds{environment="production"} `,
		`argocd_seal_stage_duration_seconds_count{stage="render"} 4`,
		`argocd_seal_stage_duration_seconds_count{stage="gate-sealed"} 2`,
		`argocd_seal_check_up{check="vault:reader"} 1`,
		`argocd_seal_ready 1`,
	} {
		if !strings.Contains(scraped, "\n"+want) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
	s.stop()
	s.checkTraces(t)
}

// callSpan is the name of a request's span, which is as Argo CD names them.
const callSpan = "plugin.ConfigManagementPluginService/GenerateManifest"

// checkTraces looks at what reached the collector until the server had stopped.
func (s *sidecar) checkTraces(t *testing.T) {
	t.Helper()
	canary.Over(t).See("traces", s.collector.Text())
	if resource := s.collector.Resource(); resource["cluster"] != "test" || resource["service.name"] != "argocd-seal" {
		t.Errorf("the resource is %v", resource)
	}
	requests := map[string]string{}
	for _, span := range s.collector.Spans() {
		if span.Name == callSpan {
			requests[span.ID] = fmt.Sprint(span.Attributes["argocd_seal.code"])
			if span.Parent != traceparent[36:52] || span.Trace != traceparent[3:35] {
				t.Errorf("a request is no child of its caller's span: %+v", span)
			}
		}
	}
	stages := map[string]int{}
	for _, span := range s.collector.Spans() {
		if span.Name == callSpan {
			continue
		}
		if _, ok := requests[span.Parent]; !ok || span.Trace != traceparent[3:35] {
			t.Errorf("a stage is no child of a request: %+v", span)
		}
		stages[span.Name+" "+fmt.Sprint(span.Attributes["argocd_seal.code"])]++
	}
	for stage, want := range map[string]int{
		"intake OK": 4, "render OK": 4, "gate OK": 3, "gate E_POLICY": 1, "resolve OK": 2, "resolve E_SECRET": 1, "gate-sealed OK": 2, "emit OK": 2,
	} {
		if stages[stage] != want {
			t.Errorf("%d spans of %s, want %d; all: %v", stages[stage], stage, want, stages)
		}
	}
}
