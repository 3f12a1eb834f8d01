package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
)

// stopTimeout is how long the sidecar may take to stop.
const stopTimeout = 10 * time.Second

// sidecar is a running `argocd-seal serve` with a socket directory of its own.
type sidecar struct {
	dir     string
	command *exec.Cmd
	// exited is closed when the process has ended; err is set before.
	exited chan struct{}
	err    error
}

// startSidecar starts a sidecar that runs until stop, whatever happens to ctx:
// it must get the chance to end well.
func startSidecar(ctx context.Context, binary, config, values string, log io.Writer) (*sidecar, error) {
	dir, err := os.MkdirTemp("", "argocd-seal-demo")
	if err != nil {
		return nil, err
	}
	s := &sidecar{dir: dir, exited: make(chan struct{})}
	s.command = exec.CommandContext(context.WithoutCancel(ctx), binary, "serve", "--config", config, "--socket-dir", dir, "--values-from", values)
	s.command.Stdout, s.command.Stderr = log, log
	if err := s.command.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	go func() {
		s.err = s.command.Wait()
		close(s.exited)
	}()
	return s, nil
}

// await returns the socket of a plugin once it answers.
func (s *sidecar) await(ctx context.Context, plugin string) (string, error) {
	socket := filepath.Join(s.dir, plugin+".sock")
	connection, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return "", err
	}
	defer func() { _ = connection.Close() }()
	health := grpc_health_v1.NewHealthClient(connection)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(socket); err == nil {
			if reply, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err == nil &&
				reply.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
				return socket, nil
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("the sidecar does not answer on %s: %w", filepath.Base(socket), ctx.Err())
		case <-s.exited:
			return "", fmt.Errorf("the sidecar did not start: %w", s.err)
		case <-tick.C:
		}
	}
}

// stop asks the sidecar to end, waits for it and removes its sockets.
func (s *sidecar) stop() error {
	kill := time.AfterFunc(stopTimeout, func() { _ = s.command.Process.Kill() })
	defer kill.Stop()
	// It fails only where the process has ended already.
	_ = s.command.Process.Signal(syscall.SIGTERM)
	<-s.exited
	return errors.Join(s.err, os.RemoveAll(s.dir))
}
