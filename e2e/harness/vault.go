package harness

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/hashicorp/vault/api"
)

// Vault is a real Vault in memory, unsealed, with KV version 2 at kv/, version
// 1 at kv1/ and the auth methods under their own names.
type Vault struct {
	// Root has all rights.
	Root *api.Client
	// Address is where the sidecar finds it: in front of Vault stands a proxy
	// that remembers what was asked. Direct is Vault's own address.
	Address, Direct string

	process *Process
	proxy   *httptest.Server
	dir     string
	// unsealKey is base64 in Vault's own words.
	unsealKey string
	mu        sync.Mutex
	asked     []string
}

// NewVault starts a Vault that ends with the test.
func NewVault(t testing.TB) *Vault {
	t.Helper()
	Need(t, VaultCore)
	vault, err := StartVault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vault.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(logs([]*Process{vault.process}))
		}
	})
	return vault
}

// StartVault starts a Vault. The caller closes it.
func StartVault(ctx context.Context) (*Vault, error) {
	path, err := VaultCore.Path()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "vault")
	if err != nil {
		return nil, err
	}
	v := &Vault{dir: dir}
	var state struct{ Address, RootToken, UnsealKey string }
	v.process, err = start(ctx, spec{
		name: "vault", path: path, dir: dir, stop: syscall.SIGTERM,
		ready: func(_ context.Context, log string) error {
			for line := range strings.Lines(log) {
				if json.Unmarshal([]byte(line), &state) == nil && state.Address != "" {
					return nil
				}
			}
			return errors.New("has not said where it listens")
		},
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	v.unsealKey = state.UnsealKey
	if err := v.connect(state.Address, state.RootToken); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

func (v *Vault) connect(address, token string) error {
	config := api.DefaultConfig()
	config.Address = address
	var err error
	if v.Root, err = api.NewClient(config); err != nil {
		return err
	}
	v.Root.SetToken(token)
	target, err := url.Parse(address)
	if err != nil {
		return err
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	v.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		v.mu.Lock()
		v.asked = append(v.asked, request.Method+" "+request.URL.RequestURI())
		v.mu.Unlock()
		forward.ServeHTTP(w, request)
	}))
	v.Address, v.Direct = v.proxy.URL, address
	return nil
}

// Write puts data at a path of the API with all rights.
func (v *Vault) Write(ctx context.Context, path string, data map[string]any) error {
	_, err := v.Root.Logical().WriteWithContext(ctx, path, data)
	return err
}

// Asked returns what the sidecar has asked since the last call, as method and
// path, oldest first.
func (v *Vault) Asked() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	asked := slices.Clone(v.asked)
	v.asked = nil
	return asked
}

// Seal seals the server, so that it refuses everything until Unseal.
func (v *Vault) Seal(ctx context.Context) error { return v.Root.Sys().SealWithContext(ctx) }

// Unseal ends the seal.
func (v *Vault) Unseal(ctx context.Context) error {
	key, err := base64.StdEncoding.DecodeString(v.unsealKey)
	if err != nil {
		return err
	}
	_, err = v.Root.Sys().UnsealWithContext(ctx, hex.EncodeToString(key))
	return err
}

// Close stops the server.
func (v *Vault) Close() error {
	if v.proxy != nil {
		v.proxy.Close()
	}
	return errors.Join(v.process.Stop(), os.RemoveAll(v.dir))
}
