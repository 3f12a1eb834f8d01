package vault_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

// serverName is the real Vault in the folder of test servers; see e2e/servers.
const serverName = "vault-1.17.6"

// real is a running Vault and a client with all rights.
type real struct {
	address   string
	unsealKey string
	root      *api.Client
	// stdin keeps the server running: it ends when its standard input does.
	stdin io.Closer
}

var startOnce = sync.OnceValues(func() (*real, error) {
	binary := binaryPath()
	if _, err := os.Stat(binary); err != nil {
		return nil, err
	}
	return start(binary)
})

// start runs a Vault that ends with this process, which holds its standard input.
func start(binary string) (*real, error) {
	command := exec.Command(binary)
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, output) }()
	var ready struct{ Address, RootToken, UnsealKey string }
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, err
	}
	config := api.DefaultConfig()
	config.Address = ready.Address
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	client.SetToken(ready.RootToken)
	return &real{address: ready.Address, unsealKey: ready.UnsealKey, root: client, stdin: stdin}, nil
}

// startVault returns the real Vault that all tests of the package share.
func startVault(t testing.TB) *real {
	t.Helper()
	vault, err := startOnce()
	switch {
	case err == nil:
		return vault
	case os.IsNotExist(err) && os.Getenv("CI") == "":
		t.Skipf("the real Vault is not built: make servers builds %s", serverName)
	default:
		t.Fatalf("the real Vault does not start: %v", err)
	}
	return nil
}

// write puts data at an API path with all rights.
func (r *real) write(t testing.TB, path string, data map[string]any) *api.Secret {
	t.Helper()
	secret, err := r.root.Logical().Write(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// secretFile writes a credential file.
func secretFile(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// recorder passes requests on to a Vault and remembers their paths.
type recorder struct {
	*httptest.Server
	mu    sync.Mutex
	paths []string
}

func record(t testing.TB, address string) *recorder {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		r.paths = append(r.paths, request.Method+" "+request.URL.Path)
		r.mu.Unlock()
		proxy.ServeHTTP(w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

// count returns how many requests had a path.
func (r *recorder) count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := 0
	for _, p := range r.paths {
		if p == path {
			found++
		}
	}
	return found
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}
