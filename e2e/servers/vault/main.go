// Command vault is the core of HashiCorp Vault v1.17.6 with storage in memory,
// for the tests: the real server's request handling, KV engines and auth
// methods, initialised and unsealed, on a loopback address.
//
// It prints one line of JSON on standard output once it serves:
//
//	{"address":"http://127.0.0.1:41234","rootToken":"hvs...","unsealKey":"..."}
//
// kv/ is a KV version 2 engine, kv1/ a version 1 engine and transit/ a transit
// engine; approle, userpass,
// jwt and kubernetes are enabled under their own names. It ends when its
// standard input is closed or on SIGTERM, so that no test leaves one behind.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/helper/testhelpers/corehelpers"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

type ready struct {
	Address   string `json:"address"`
	RootToken string `json:"rootToken"`
	UnsealKey string `json:"unsealKey"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "loopback address to serve on")
	flag.Parse()
	if err := run(*listen, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen string, stdin io.Reader, stdout io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	core, err := newCore()
	if err != nil {
		return err
	}
	state, err := unseal(ctx, core)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	state.Address = "http://" + listener.Addr().String()
	server := &http.Server{
		// The handler dereferences the listener's settings, whatever they are.
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core: core, ListenerConfig: &configutil.Listener{},
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := mount(ctx, state); err != nil {
		return err
	}
	if err := json.NewEncoder(stdout).Encode(state); err != nil {
		return err
	}
	go func() {
		// Reading ends with the parent: that is the signal to stop.
		_, _ = io.Copy(io.Discard, stdin)
		stop()
	}()
	<-ctx.Done()
	_ = server.Close()
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return core.Shutdown()
}

func newCore() (*vault.Core, error) {
	logger := hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Warn})
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, err
	}
	return vault.NewCore(&vault.CoreConfig{
		Physical:     storage,
		DisableMlock: true,
		Logger:       logger,
		LogicalBackends: map[string]logical.Factory{
			"kv":      kv.Factory,
			"transit": transit.Factory,
		},
		CredentialBackends: map[string]logical.Factory{
			"approle":    approle.Factory,
			"userpass":   userpass.Factory,
			"jwt":        jwt.Factory,
			"kubernetes": kubernetes.Factory,
		},
		// Without a registry the core dereferences nil on the first mount.
		BuiltinRegistry: corehelpers.NewMockBuiltinRegistry(),
	})
}

func unseal(ctx context.Context, core *vault.Core) (ready, error) {
	single := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1}
	result, err := core.Initialize(ctx, &vault.InitParams{BarrierConfig: single, RecoveryConfig: single})
	if err != nil {
		return ready{}, err
	}
	for _, share := range result.SecretShares {
		if _, err := core.Unseal(share); err != nil {
			return ready{}, err
		}
	}
	return ready{
		RootToken: result.RootToken,
		UnsealKey: base64.StdEncoding.EncodeToString(result.SecretShares[0]),
	}, nil
}

// mount enables the engines and the auth methods through the API, as an
// operator would. A core needs a moment after unsealing before it answers.
func mount(ctx context.Context, state ready) error {
	config := api.DefaultConfig()
	config.Address = state.Address
	client, err := api.NewClient(config)
	if err != nil {
		return err
	}
	client.SetToken(state.RootToken)
	for {
		health, err := client.Sys().HealthWithContext(ctx)
		if err == nil && health.Initialized && !health.Sealed && !health.Standby {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	for path, version := range map[string]string{"kv": "2", "kv1": "1"} {
		input := &api.MountInput{Type: "kv", Options: map[string]string{"version": version}}
		if err := client.Sys().MountWithContext(ctx, path, input); err != nil {
			return fmt.Errorf("mount %s: %w", path, err)
		}
	}
	if err := client.Sys().MountWithContext(ctx, "transit", &api.MountInput{Type: "transit"}); err != nil {
		return fmt.Errorf("mount transit: %w", err)
	}
	for _, method := range []string{"approle", "userpass", "jwt", "kubernetes"} {
		options := &api.EnableAuthOptions{Type: method}
		if err := client.Sys().EnableAuthWithOptionsWithContext(ctx, method, options); err != nil {
			return fmt.Errorf("enable %s: %w", method, err)
		}
	}
	return nil
}
