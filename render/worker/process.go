package worker

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// process is one child. It has one user at a time; kill may be called from
// anywhere.
type process struct {
	cmd    *exec.Cmd
	in     *os.File
	out    *os.File
	answer *bufio.Reader
	stderr *capture

	// exited is closed once the child is gone and reaped; cmd.ProcessState may
	// be read afterwards.
	exited chan struct{}
	mu     sync.Mutex
	reaped bool
}

// spawn starts a child. It is called on the pool's own thread. The caller
// runs wait in a goroutine.
func spawn(config Config) (*process, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = childIn.Close() }()
	out, childOut, err := os.Pipe()
	if err != nil {
		_ = in.Close()
		return nil, err
	}
	defer func() { _ = childOut.Close() }()
	w := &process{in: in, out: out, answer: bufio.NewReaderSize(out, bufferSize), stderr: &capture{}, exited: make(chan struct{})}
	w.cmd = &exec.Cmd{
		Path: config.Executable, Args: append([]string{"argocd-seal"}, config.Args...),
		Env: config.environment(), Dir: "/",
		Stdin: childIn, Stdout: childOut, Stderr: w.stderr,
		SysProcAttr: attributes(),
		WaitDelay:   waitDelay,
	}
	if err := w.cmd.Start(); err != nil {
		_, _ = in.Close(), out.Close()
		return nil, err
	}
	return w, nil
}

// waitDelay is how long standard error may stay open after a child's end.
const waitDelay = time.Second

// wait reaps the child when it exits. Its answer may still lie in the pipe.
func (w *process) wait() {
	_ = awaitExit(w.cmd.Process.Pid)
	w.mu.Lock()
	w.reaped = true
	w.mu.Unlock()
	_ = w.cmd.Wait() // how it exited is in cmd.ProcessState
	close(w.exited)
}

// kill ends the child and all it may have started, and with them every read
// and write that waits for it. It is called for every child at least once: it
// also frees the parent's ends of the pipes. Until wait has reaped the child
// its number cannot belong to another process.
func (w *process) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.reaped {
		killGroup(w.cmd.Process.Pid)
	}
	_ = w.cmd.Process.Kill() // an error means that it is gone
	_, _ = w.in.Close(), w.out.Close()
}

// yield has the child compute only when nobody else wants to.
func (w *process) yield() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.reaped {
		yieldGroup(w.cmd.Process.Pid)
	}
}

// introduce tells the child how to confine itself and waits until it is ready.
func (w *process) introduce(config Config) ([]sandbox.Layer, error) {
	setup := sandbox.Config{MemoryBytes: config.MemoryBytes, CPU: config.CPU, Require: config.Require}
	if err := writeGob(w.in, frameSetup, setup); err != nil {
		return nil, err
	}
	return receiveReady(w.answer)
}

// capture keeps the beginning of what a child writes to standard error, and
// lets it write on.
type capture struct {
	mu   sync.Mutex
	text []byte
}

var _ io.Writer = (*capture)(nil)

// maxStderr is more than the first lines in which Go says why it dies.
const maxStderr = 64 << 10

// Write keeps what there is room for.
func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p[:min(len(p), maxStderr-len(c.text))]...)
	return len(p), nil
}

// String returns what was kept.
func (c *capture) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.text)
}
