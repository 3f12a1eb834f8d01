package worker

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// Config describes a pool of workers.
type Config struct {
	// Executable is the program to start; empty means this one, through
	// /proc/self/exe, which stays right when the file on disk is replaced.
	Executable string
	// Args make the program call [Serve]; empty means the one word "worker".
	Args []string
	// Spares is how many workers wait for requests ahead of time. With 0 each
	// request pays for the start of its worker.
	Spares int
	// Concurrency is how many requests are rendered at a time; 0 means one for
	// each CPU.
	Concurrency int
	// Queue is how many requests more may wait; the next one gets E_BUSY.
	Queue int
	// MemoryBytes bounds one worker; 0 means [sandbox.DefaultMemoryBytes].
	MemoryBytes int64
	// CPU bounds one worker's CPU time, with that of its start; 0 means that
	// only Timeout bounds it.
	CPU time.Duration
	// Timeout bounds one request, waiting included; 0 means one minute. The
	// deadline of the request's context wins where it is earlier.
	Timeout time.Duration
	// OutputBytes bounds the JSON of one request's objects; 0 means 64 MiB.
	OutputBytes int64
	// Require lists the sandbox layers, by [sandbox.Names], without which no
	// worker may render.
	Require []string
	// Logger is told of workers that do not start or that die; nil means
	// nobody is.
	Logger logrus.FieldLogger
}

const (
	defaultTimeout     = time.Minute
	defaultOutputBytes = 64 << 20
)

// complete checks a configuration and fills in what was left out.
func (c Config) complete() (Config, error) {
	if c.Spares < 0 || c.Concurrency < 0 || c.Queue < 0 || c.MemoryBytes < 0 || c.CPU < 0 || c.Timeout < 0 || c.OutputBytes < 0 {
		return c, fault.New(fault.Config, "a number in the configuration of the workers is negative")
	}
	for _, name := range c.Require {
		if !slices.Contains(sandbox.Names(), name) {
			return c, fault.New(fault.Config, "no sandbox layer is called %q", name).Like(name, sandbox.Names()).
				WithFix("use one of %s", strings.Join(sandbox.Names(), ", "))
		}
	}
	if c.Executable == "" {
		executable, err := ownExecutable()
		if err != nil {
			return c, fault.New(fault.Internal, "this program cannot find its own file")
		}
		c.Executable = executable
	}
	if len(c.Args) == 0 {
		c.Args = []string{"worker"}
	}
	if c.Logger == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		c.Logger = silent
	}
	c.Concurrency = cmp.Or(c.Concurrency, runtime.GOMAXPROCS(0))
	c.MemoryBytes = cmp.Or(c.MemoryBytes, sandbox.DefaultMemoryBytes)
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	c.OutputBytes = cmp.Or(c.OutputBytes, defaultOutputBytes)
	return c, nil
}

// environment is all that a worker's environment holds: settings of the Go
// runtime. The number of threads is told and not found out, because the
// runtime would keep a file of the control group open to follow changes.
func (c Config) environment() []string {
	return []string{
		fmt.Sprintf("GOMAXPROCS=%d", min(runtime.GOMAXPROCS(0), maxProcs)),
		"GOTRACEBACK=none",
		"GODEBUG=containermaxprocs=0,updatemaxprocs=0",
	}
}

// maxProcs bounds a worker's parallelism: an engine is one goroutine, and the
// garbage collector beside it has no use for more.
const maxProcs = 4
