// Package vaulttest is for tests: it starts the real Vault that e2e/servers
// builds, and puts a gateway in front of it that counts, encrypts and, where a
// test asks for it, misbehaves.
package vaulttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
)

// binaryName is the real Vault in the folder of test servers.
const binaryName = "vault-1.17.6"

// Server is a running Vault. KV version 2 is at kv/ and version 1 at kv1/; the
// auth methods approle, userpass, jwt and kubernetes are enabled.
type Server struct {
	Address string
	// Root has all rights.
	Root *api.Client

	unsealKey string
	process   *os.Process
	// stdin keeps the server running: it ends when its standard input does.
	stdin io.Closer
}

var shared = sync.OnceValues(func() (*Server, error) { return start(binaryPath()) })

// Start returns the Vault that all tests of a package share. It ends with the
// test process. Tests are skipped where it is not built, but for CI.
func Start(t testing.TB) *Server {
	t.Helper()
	server, err := shared()
	check(t, err)
	return server
}

// StartOwn returns a Vault for one test, which may seal, pause or end it.
func StartOwn(t testing.TB) *Server {
	t.Helper()
	server, err := start(binaryPath())
	check(t, err)
	t.Cleanup(server.Stop)
	return server
}

func check(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case os.IsNotExist(err) && os.Getenv("CI") == "":
		t.Skipf("the real Vault is not built: make servers builds %s", binaryName)
	default:
		t.Fatalf("the real Vault does not start: %v", err)
	}
}

// binaryPath looks for the folder of test servers at the root of the module.
func binaryPath() string {
	if dir := os.Getenv("ARGOCD_SEAL_SERVERS"); dir != "" {
		return filepath.Join(dir, binaryName)
	}
	root := "."
	for range 8 {
		if _, err := os.Stat(filepath.Join(root, "plugin.yaml")); err == nil {
			break
		}
		root = filepath.Join(root, "..")
	}
	return filepath.Join(root, ".cache", "servers", binaryName)
}

func start(binary string) (*Server, error) {
	if _, err := os.Stat(binary); err != nil {
		return nil, err
	}
	command := exec.CommandContext(context.Background(), binary)
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
	go func() {
		_, _ = io.Copy(io.Discard, output)
		_ = command.Wait()
	}()
	var ready struct{ Address, RootToken, UnsealKey string }
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(ready.UnsealKey)
	if err != nil {
		return nil, err
	}
	config := api.DefaultConfig()
	config.Address = ready.Address
	client, err := api.NewClient(config)
	if err != nil {
		return nil, err
	}
	client.SetToken(ready.RootToken)
	return &Server{Address: ready.Address, Root: client, unsealKey: hex.EncodeToString(key), process: command.Process, stdin: stdin}, nil
}

// Stop ends the server. Its address then refuses connections.
func (s *Server) Stop() {
	_ = s.process.Signal(syscall.SIGCONT)
	_ = s.stdin.Close()
	_ = s.process.Kill()
}

// Pause lets the server accept connections and answer nothing, until Resume.
func (s *Server) Pause(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	for range 500 { // a busy machine takes a moment to stop all threads
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(status, []byte("State:\tT")) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the server does not stop")
}

// Resume ends a pause.
func (s *Server) Resume(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := s.process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Seal seals the server, so that it refuses everything until Unseal.
func (s *Server) Seal(t testing.TB) {
	t.Helper()
	if err := s.Root.Sys().Seal(); err != nil {
		t.Fatal(err)
	}
}

// Unseal ends the seal.
func (s *Server) Unseal(t testing.TB) {
	t.Helper()
	if _, err := s.Root.Sys().Unseal(s.unsealKey); err != nil {
		t.Fatal(err)
	}
}

// Write puts data at an API path.
func (s *Server) Write(t testing.TB, path string, data map[string]any) *api.Secret {
	t.Helper()
	secret, err := s.Root.Logical().Write(path, data)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// Put writes a new version of a secret of kv/, from JSON that is sent as it is.
func (s *Server) Put(t testing.TB, path, values string) {
	t.Helper()
	s.put(t, "kv/data/"+path, `{"data":`+values+`}`)
}

// PutOld writes a secret of kv1/. Version 1 of the engine keeps numbers as they
// were sent; version 2 makes floats of them.
func (s *Server) PutOld(t testing.TB, path, values string) {
	t.Helper()
	s.put(t, "kv1/"+path, values)
}

func (s *Server) put(t testing.TB, path, body string) *api.Secret {
	t.Helper()
	secret, err := s.Root.Logical().WriteBytes(path, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// Destroy writes a version of a secret of kv/ and destroys it.
func (s *Server) Destroy(t testing.TB, path, values string) {
	t.Helper()
	written := s.put(t, "kv/data/"+path, `{"data":`+values+`}`)
	s.Write(t, "kv/destroy/"+path, map[string]any{"versions": []any{written.Data["version"]}})
}

// Delete writes a version of a secret of kv/ and deletes it.
func (s *Server) Delete(t testing.TB, path, values string) {
	t.Helper()
	s.Put(t, path, values)
	if _, err := s.Root.Logical().Delete("kv/data/" + path); err != nil {
		t.Fatal(err)
	}
}

// User makes a user of userpass with a policy, and returns the name and a file
// with the password. Its tokens live for ttl.
func (s *Server) User(t testing.TB, name, policy, ttl string) (passwordFile string) {
	t.Helper()
	if err := s.Root.Sys().PutPolicy(name, policy); err != nil {
		t.Fatal(err)
	}
	password := "pw-" + name
	s.Write(t, "auth/userpass/users/"+name, map[string]any{"password": password, "token_policies": name, "token_ttl": ttl})
	return File(t, password+"\n")
}

// File writes a credential file.
func File(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
