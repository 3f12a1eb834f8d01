package threats

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/otlptest"
	"github.com/argocd-seal/argocd-seal-plugin/internal/streamtest"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
)

// binary is what `make build` builds; another may be named.
func binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("ARGOCD_SEAL_BINARY")
	if path == "" {
		path = filepath.Join("..", "..", "bin", "argocd-seal")
	}
	path, err := filepath.Abs(path)
	must(t, err)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "" {
			t.Skipf("%s is not built: make build", path)
		}
		t.Fatal(err)
	}
	return path
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sidecar is a process that serves, with a Vault behind it, and all that can be
// seen of it.
type sidecar struct {
	t     testing.TB
	watch *canary.Watch
	// dir holds plugin.yaml and all files that it names.
	dir string
	// prefix is below which the paths of this test lie in Vault: the tests of a
	// package share one.
	prefix string
	vault  *vaulttest.Gateway
	server *vaulttest.Server
	// allowed is the value at PREFIX/team-a/db#password, and forbidden that of
	// PREFIX/core/db#password, which team-a may not read.
	allowed, forbidden string

	command *exec.Cmd
	exited  chan struct{}
	log     *logged
	address string
	client  apiclient.ConfigManagementPluginServiceClient
	conn    *grpc.ClientConn
	traces  *otlptest.Collector
	// calm is what the harmless application gave before anything hostile came.
	calm string
}

// settings are what tests change of the configuration. Each is YAML.
type settings struct {
	// render is below render, policy below the environment's policy, vault below
	// vault, injection below the environment's injection, and more beside them all.
	render, policy, vault, injection, more string
	// bindings replaces those of team-a and of proj-core.
	bindings string
	// env is the process' environment.
	env []string
	// broken says that the process ends before it serves, and either that it may.
	broken, either bool
}

const pluginYAML = `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: seal}
spec: {generate: {command: [argocd-seal, generate]}}
---
apiVersion: argocd-seal.io/v1alpha1
kind: SealConfig
telemetry: {address: %[1]q, logLevel: debug, startupWait: 2s, otlp: {address: %[2]q, insecure: true}}
audit: {directory: %[3]q, key: %[4]q, required: true}
render: %[5]s
vault:
  address: %[6]q
  roles: [{name: reader, method: userpass, username: %[7]q, passwordFile: %[8]q}]
%[9]s
bindings:
%[10]s
environments:
- name: production
  policy: %[11]s
  injection:
    default: sealed-secret
    sealedSecret: {certificateFile: %[12]q, fingerprint: %[13]s, saltFile: %[14]q}
%[15]s
%[16]s
`

// start serves with the strict configuration of this package, or with what the
// settings change of it, and renders the harmless application once.
func start(t testing.TB, with settings) *sidecar {
	t.Helper()
	s := prepare(t, with)
	s.run(t, with)
	if !with.broken {
		s.calm = s.harmless(t)
	}
	return s
}

// prepare writes all files that a sidecar needs, and fills Vault.
func prepare(t testing.TB, with settings) *sidecar {
	t.Helper()
	s := &sidecar{t: t, watch: canary.Over(t), server: vaulttest.Start(t), dir: t.TempDir(), address: streamtest.FreeAddress(t)}
	s.prefix = "threats/" + strings.ToLower(rand.Text()[:8])
	s.allowed, s.forbidden = s.watch.Secret(canary.Draw()), s.watch.Secret(canary.Draw())
	s.server.Put(t, s.prefix+"/team-a/db", `{"password":"`+s.allowed+`","user":"app"}`)
	s.server.Put(t, s.prefix+"/core/db", `{"password":"`+s.forbidden+`"}`)
	s.vault, s.traces = vaulttest.Before(t, s.server), otlptest.Start(t, nil)
	user := "user-" + strings.ToLower(rand.Text()[:8])
	password := s.server.User(t, user, `path "kv/data/`+s.prefix+`/*" { capabilities = ["read"] }`, "1h")
	certificate, fingerprint := sealingCertificate(t)
	if with.bindings == "" {
		with.bindings = s.expand("- {name: team-a, projects: [team-a], namespaces: [apps], role: reader, paths: [kv/PREFIX/team-a/**]}\n" +
			"- {name: core, projects: [proj-core], apps: [payments], namespaces: [apps], role: reader, paths: [kv/PREFIX/core/**]}")
	}
	key := s.file("audit.key")
	output, err := exec.CommandContext(t.Context(), binary(t), "audit", "key", key, s.file("audit.pub")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	text := fmt.Sprintf(pluginYAML, s.address, s.traces.Address, s.file("audit"), key, or(with.render, "{}"), s.vault.URL, user, password,
		indent(with.vault, 2), s.expand(with.bindings), or(with.policy, "{}"), certificate, fingerprint,
		s.write("salt", string(randomBytes(32)), 0o400), indent(with.injection, 4), s.expand(with.more))
	s.write("plugin.yaml", text, 0o600)
	return s
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func indent(text string, by int) string {
	if text == "" {
		return ""
	}
	pad := strings.Repeat(" ", by)
	return pad + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+pad)
}

// expand puts the test's own part of Vault in the place of PREFIX.
func (s *sidecar) expand(text string) string { return strings.ReplaceAll(text, "PREFIX", s.prefix) }

func (s *sidecar) file(name string) string { return filepath.Join(s.dir, name) }

func (s *sidecar) write(name, content string, mode os.FileMode) string {
	s.t.Helper()
	must(s.t, os.MkdirAll(filepath.Dir(s.file(name)), 0o700))
	must(s.t, os.WriteFile(s.file(name), []byte(content), mode))
	return s.file(name)
}

// run starts the process, and waits until it is ready or has ended.
func (s *sidecar) run(t testing.TB, with settings) {
	t.Helper()
	s.log, s.exited = &logged{}, make(chan struct{})
	s.command = exec.CommandContext(context.WithoutCancel(t.Context()), binary(t), "serve", "--config", s.file("plugin.yaml"), "--socket-dir", s.dir)
	temporary := s.file("tmp")
	must(t, os.MkdirAll(temporary, 0o700))
	// PROBE_ENV is a secret of the process' environment.
	probe := s.watch.Secret(canary.Draw())
	s.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + temporary, "PROBE_ENV=" + probe}, with.env...)
	s.command.Dir = s.dir
	s.command.Stdout, s.command.Stderr = s.log, s.log
	s.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	must(t, s.command.Start())
	go func() {
		_ = s.command.Wait()
		close(s.exited)
	}()
	t.Cleanup(s.end)
	if with.broken {
		select {
		case <-s.exited:
		case <-time.After(time.Minute):
			t.Fatal("the sidecar serves with a broken configuration")
		}
		return
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if code, _, err := s.get("/readyz"); err == nil && code == http.StatusOK {
			break
		}
		if with.either && !s.alive() {
			return
		}
		if time.Now().After(deadline) || !s.alive() {
			t.Fatalf("the sidecar is not ready: %s", s.log)
		}
	}
	conn, err := grpc.NewClient("unix:"+s.file("seal.sock"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	s.conn, s.client = conn, apiclient.NewConfigManagementPluginServiceClient(conn)
}

func (s *sidecar) alive() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// end stops the process and hands all that it has left to the watch.
func (s *sidecar) end() {
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if s.alive() {
		if _, metrics, err := s.get("/metrics"); err == nil {
			s.watch.See("metrics", metrics)
		}
		_ = s.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.exited:
		case <-time.After(40 * time.Second):
			s.t.Error("the sidecar does not stop")
			_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL)
			<-s.exited
		}
	}
	s.watch.See("log", s.log.String())
	s.watch.See("traces", s.traces.Text())
	s.seeFiles("audit")
	s.seeFiles("tmp")
	if entries, err := os.ReadDir(s.file("tmp")); err == nil && len(entries) > 0 {
		s.t.Errorf("the sidecar leaves %s in the directory for temporary files", entries[0].Name())
	}
}

func (s *sidecar) seeFiles(dir string) {
	_ = filepath.WalkDir(s.file(dir), func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			content, err := os.ReadFile(path)
			must(s.t, err)
			s.watch.See(dir, content)
		}
		return nil
	})
}

func (s *sidecar) get(path string) (int, string, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// logged is what the process writes to standard output and standard error.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// lines are those of the log that hold a text.
func (l *logged) lines(with string) (found []string) {
	scanner := bufio.NewScanner(strings.NewReader(l.String()))
	scanner.Buffer(nil, 1<<24)
	for scanner.Scan() {
		if strings.Contains(scanner.Text(), with) {
			found = append(found, scanner.Text())
		}
	}
	return found
}

// sealingCertificate is one whose private key is in the testdata of secrets/seal.
func sealingCertificate(t testing.TB) (path, fingerprint string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "secrets", "seal", "testdata", "cert.pem"))
	must(t, err)
	content, err := os.ReadFile(path)
	must(t, err)
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	return path, hex.EncodeToString(sum[:])
}

func randomBytes(count int) []byte {
	random := make([]byte, count)
	_, _ = rand.Read(random)
	return random
}

func (s *sidecar) read(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile(s.file(name))
	must(t, err)
	return string(content)
}
