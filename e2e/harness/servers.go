package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// listening finds the address in the repo-server's log: it is started with port
// 0, and there is no other way to ask which port it was given.
var listening = regexp.MustCompile(`argocd-repo-server is listening on (127\.0\.0\.1:\d+)`)

// startRedis runs a Redis that keeps nothing on disk, on a unix socket in dir.
func startRedis(ctx context.Context, dir string) (process *Process, socket string, err error) {
	path, err := Redis.Path()
	if err != nil {
		return nil, "", err
	}
	socket = filepath.Join(dir, "redis.sock")
	process, err = start(ctx, spec{
		name: "redis", path: path, dir: dir, stop: syscall.SIGTERM,
		args:  []string{"--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no"},
		ready: func(ctx context.Context, _ string) error { return pingRedis(ctx, socket) },
	})
	return process, socket, err
}

func pingRedis(ctx context.Context, socket string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	reply, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && strings.TrimSpace(reply) != "+PONG" {
		err = fmt.Errorf("redis answers %q", reply)
	}
	return err
}

// startRepoServer runs argocd-repo-server without Kubernetes, with the plugin
// sockets of dir, with search as its PATH and with more variables, and returns its
// address.
func startRepoServer(ctx context.Context, server Binary, dir, sockets, redis, search string, settings []string) (*Process, string, error) {
	path, err := server.Path()
	if err != nil {
		return nil, "", err
	}
	env := []string{"PATH=" + search, "HOME=" + dir, "ARGOCD_PLUGINSOCKFILEPATH=" + sockets,
		"ARGOCD_GPG_ENABLED=false", "ARGOCD_ASK_PASS_SOCK=" + filepath.Join(dir, "ask-pass.sock")}
	// TMPDIR is also where the repo-server keeps its checkouts: without one of
	// its own, two servers on one machine would share them.
	for _, name := range []string{"TMPDIR", "ARGOCD_TLS_DATA_PATH", "ARGOCD_SSH_DATA_PATH"} {
		own := filepath.Join(dir, strings.ToLower(name))
		if err := os.MkdirAll(own, 0o700); err != nil {
			return nil, "", err
		}
		env = append(env, name+"="+own)
	}
	env = append(env, settings...)
	var address string
	process, err := start(ctx, spec{
		name: "argocd-repo-server", path: path, dir: dir, env: env, stop: syscall.SIGTERM,
		args: []string{"argocd-repo-server", "--redis", redis, "--disable-tls", "--logformat", "text",
			"--address", "127.0.0.1", "--port", "0", "--metrics-address", "127.0.0.1", "--metrics-port", "0"},
		ready: func(ctx context.Context, log string) error {
			found := listening.FindStringSubmatch(log)
			if found == nil {
				return errors.New("has not said where it listens")
			}
			address = found[1]
			return healthy(ctx, address)
		},
	})
	return process, address, err
}

// startSidecar runs our own server, `argocd-seal serve`.
func startSidecar(ctx context.Context, dir, sockets string, plugin Plugin) (*Process, error) {
	path, err := Seal.Path()
	if err != nil {
		return nil, err
	}
	config, err := plugin.write(dir)
	if err != nil {
		return nil, err
	}
	return start(ctx, spec{
		name: plugin.FullName() + " serve", path: path, dir: dir, stop: syscall.SIGTERM,
		args:   []string{"serve", "--config", config, "--socket-dir", sockets},
		env:    []string{"PATH="},
		stdout: plugin.Stdout,
		ready:  func(ctx context.Context, _ string) error { return plugin.healthy(ctx, sockets) },
	})
}

// startCMPServer runs upstream's argocd-cmp-server with a plugin.yaml.
func startCMPServer(ctx context.Context, server Binary, dir, sockets string, plugin Plugin) (*Process, error) {
	path, err := server.Path()
	if err != nil {
		return nil, err
	}
	config, err := plugin.write(dir)
	if err != nil {
		return nil, err
	}
	work := filepath.Join(dir, "work")
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	return start(ctx, spec{
		name: plugin.FullName() + " argocd-cmp-server", path: path, dir: dir,
		// It ignores SIGTERM: its gRPC server is never stopped
		// (cmpserver/server.go, Shutdown).
		stop:  syscall.SIGKILL,
		args:  []string{"argocd-cmp-server", "--config-dir-path", filepath.Dir(config), "--logformat", "text"},
		env:   []string{"PATH=" + os.Getenv("PATH"), "ARGOCD_PLUGINSOCKFILEPATH=" + sockets, "ARGOCD_CMP_WORKDIR=" + work},
		ready: func(ctx context.Context, _ string) error { return plugin.healthy(ctx, sockets) },
	})
}

// healthy asks the gRPC health service at a target that grpc-go understands.
func healthy(ctx context.Context, target string) error {
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	reply, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err == nil && reply.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("%s is %s", target, reply.GetStatus())
	}
	return err
}
