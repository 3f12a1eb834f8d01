package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Rotated is an event of rotation: of the type refresh or secret.
type Rotated struct {
	Time    time.Time
	Type    string
	App     string
	Outcome string
	Message string

	Environment string
	Inputs      map[string]string
	References  []struct {
		Mount, Path     string
		Version         int `json:"secretVersion"`
		PreviousVersion int `json:"previousVersion"`
	}
}

// ReplicaStats are the counts that tests look at.
type ReplicaStats struct {
	Leading                                bool
	Applications, Secrets, Waiting         int
	VaultRequests, VaultFailures           int64
	Refreshes, Pending, KubernetesFailures int64
	LagSum                                 time.Duration
}

// Replica is rotation alone in a process of its own: a test tells it what was
// rendered, and so can have thousands of applications.
type Replica struct {
	command *exec.Cmd
	input   io.WriteCloser
	log     tail
	stats   chan ReplicaStats
	exited  chan struct{}

	write sync.Mutex
	mu    sync.Mutex
	seen  []Rotated
}

var replicaBinary = sync.OnceValues(func() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "replica")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "replica")
	build := exec.Command("go", "build", "-o", path, "./plugin/rotation/internal/replica") //nolint:noctx // outlives the test that asks first
	build.Dir = root
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the replica: %w\n%s", err, text)
	}
	return path, nil
})

// NewReplica starts a replica that ends with the test.
func NewReplica(t testing.TB, args ...string) *Replica {
	t.Helper()
	path, err := replicaBinary()
	if err != nil {
		t.Fatal(err)
	}
	r := &Replica{command: exec.Command(path, args...), stats: make(chan ReplicaStats), exited: make(chan struct{})} //nolint:noctx // stopped by hand
	r.command.Env = []string{"HOME=/nonexistent"}
	r.command.Stderr = &r.log
	output, err := r.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if r.input, err = r.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	go r.listen(output)
	t.Cleanup(func() {
		r.Kill()
		if t.Failed() {
			t.Logf("=== replica %d\n%s", r.command.Process.Pid, r.log.String())
		}
	})
	return r
}

func (r *Replica) listen(output io.Reader) {
	defer close(r.exited)
	scanner := bufio.NewScanner(output)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var line struct {
			Event *Rotated
			Stats *ReplicaStats
		}
		if json.Unmarshal(scanner.Bytes(), &line) != nil {
			continue
		}
		if line.Event != nil {
			r.mu.Lock()
			r.seen = append(r.seen, *line.Event)
			r.mu.Unlock()
		}
		if line.Stats != nil {
			r.stats <- *line.Stats
		}
	}
	_ = r.command.Wait()
}

// Rendered tells the replica of renders, each an event of the audit trail.
func (r *Replica) Rendered(events ...map[string]any) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, event := range events {
		if err := encoder.Encode(event); err != nil {
			return err
		}
	}
	r.write.Lock()
	defer r.write.Unlock()
	_, err := r.input.Write(lines.Bytes())
	return err
}

// Stats asks for counts.
func (r *Replica) Stats() (ReplicaStats, error) {
	r.write.Lock()
	defer r.write.Unlock()
	if _, err := io.WriteString(r.input, "stats\n"); err != nil {
		return ReplicaStats{}, err
	}
	select {
	case stats := <-r.stats:
		return stats, nil
	case <-r.exited:
		return ReplicaStats{}, errors.New("the replica has ended")
	}
}

// Events returns what the replica has recorded.
func (r *Replica) Events() []Rotated {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Rotated(nil), r.seen...)
}

// Kill ends the replica at once.
func (r *Replica) Kill() {
	_ = r.command.Process.Kill()
	<-r.exited
}

// Stop ends the replica as Kubernetes does, and waits.
func (r *Replica) Stop() error {
	if err := r.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	// Its input ends with the process, which is waiting for it.
	_ = r.input.Close()
	<-r.exited
	return nil
}

// Log returns the end of what the replica has logged.
func (r *Replica) Log() string { return r.log.String() }

// Alive tells whether the replica runs.
func (r *Replica) Alive() bool {
	select {
	case <-r.exited:
		return false
	default:
		return true
	}
}

// Memory returns the most memory that the process has had, in bytes.
func (r *Replica) Memory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.command.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		var kilobytes int64
		if _, err := fmt.Sscanf(string(line), "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes << 10, nil
		}
	}
	return 0, errors.New("the kernel does not say how much memory there was")
}
