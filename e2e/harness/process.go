package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	// startTimeout bounds how long a server may take until it answers.
	startTimeout = 60 * time.Second
	// stopTimeout is how long a server may take to stop when asked to, before
	// it is killed.
	stopTimeout = 10 * time.Second
	// pollInterval is the pause between two questions whether a server is up.
	pollInterval = 20 * time.Millisecond
	// logBytes is how much of the end of a server's log is kept.
	logBytes = 16 << 10
)

// spec says how a server is started.
type spec struct {
	name string
	path string
	args []string
	// env is the whole environment: servers inherit nothing from the test.
	env []string
	dir string
	// ready returns nil once the server answers; it is asked until then.
	ready func(ctx context.Context, log string) error
	// stop is the signal that ends the server.
	stop syscall.Signal
	// stdout takes standard output; nil keeps it with the log.
	stdout *os.File
}

// Process is one running server. Its methods are safe for concurrent use.
type Process struct {
	name    string
	command *exec.Cmd
	stop    syscall.Signal
	log     tail
	// exited is closed when the process has been waited for; err is set before.
	exited chan struct{}
	err    error
}

// start runs a server and returns when it is ready. A server that does not
// become ready is stopped, and the error holds the end of its log.
func start(ctx context.Context, s spec) (*Process, error) {
	p := &Process{name: s.name, stop: s.stop, exited: make(chan struct{})}
	// The server outlives ctx, which ends with the start.
	p.command = exec.CommandContext(context.WithoutCancel(ctx), s.path, s.args...)
	p.command.Dir, p.command.Env = s.dir, s.env
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	if s.stdout != nil {
		p.command.Stdout = s.stdout
	}
	// An open standard input, since some servers take its end for the signal to stop.
	if _, err := p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	// A group of its own, so that whatever a server starts ends with it; and
	// the kernel ends it when a test binary dies without cleaning up.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.command.WaitDelay = stopTimeout
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.exited)
	}()
	if err := p.await(ctx, s.ready); err != nil {
		stopErr := p.Stop()
		return nil, errors.Join(fmt.Errorf("start %s: %w\n%s", s.name, err, p.Log()), stopErr)
	}
	return p, nil
}

// await asks until the server is ready, has exited or has taken too long.
func (p *Process) await(ctx context.Context, ready func(context.Context, string) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := ready(ctx, p.Log())
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("exited before it was ready: %w", errors.Join(p.err, err))
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// Stop ends the server and everything it started, and waits for it. The error
// says that the server had to be killed although it should stop when asked.
func (p *Process) Stop() error {
	group := -p.command.Process.Pid
	// The leader may be gone already; its group may not be.
	defer func() { _ = syscall.Kill(group, syscall.SIGKILL) }()
	select {
	case <-p.exited:
		return nil
	default:
	}
	if err := p.command.Process.Signal(p.stop); err != nil {
		<-p.exited
		return nil
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-p.exited
		return fmt.Errorf("%s did not stop within %s of %s", p.name, stopTimeout, p.stop)
	}
}

// Exit stops the server and returns its exit status, -1 where a signal ended it.
func (p *Process) Exit() (int, error) {
	err := p.Stop()
	return p.command.ProcessState.ExitCode(), err
}

// Kill ends the process at once, as the kernel does when memory runs out.
func (p *Process) Kill() error {
	err := p.command.Process.Kill()
	<-p.exited
	return err
}

// KillGroup ends the process and all that is in its process group at once.
func (p *Process) KillGroup() error {
	err := syscall.Kill(-p.command.Process.Pid, syscall.SIGKILL)
	<-p.exited
	return err
}

// Alive tells whether the process is still running.
func (p *Process) Alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// PID is the process's id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Log returns the end of what the server has written.
func (p *Process) Log() string { return p.log.String() }

// tail keeps the last [logBytes] written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - logBytes; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
