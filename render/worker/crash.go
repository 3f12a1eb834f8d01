package worker

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// exitGrace is how long a worker whose answer broke off has to exit before it
// is killed, so that how it died can be told.
const exitGrace = time.Second

// diagnose says why a worker gave no answer, from how it ended and from the
// first lines that the Go runtime wrote when it did. None of their text is
// passed on: a panic quotes the source. cause is why no answer could be read.
func (p *Pool) diagnose(worker *process, cause error) *fault.Error {
	if errors.Is(cause, errFrame) {
		worker.kill()
		<-worker.exited
		return crashFault("the worker's answer is not one")
	}
	select {
	case <-worker.exited:
	case <-time.After(exitGrace):
		worker.kill()
		<-worker.exited
		return crashFault("the worker broke off its answer")
	}
	stderr := worker.stderr.String()
	switch {
	case strings.Contains(stderr, "stack overflow"):
		return crashFault("rendering called itself without end")
	case strings.Contains(stderr, "out of memory"), strings.Contains(stderr, "cannot allocate memory"):
		return p.memoryFault()
	case killedByKernel(worker.cmd.ProcessState):
		if p.config.CPU > 0 && cpuTime(worker.cmd.ProcessState) >= p.config.CPU*cpuShare/100 {
			return timeoutFault("rendering used up its CPU time of " + p.config.CPU.String())
		}
		return p.memoryFault()
	default:
		return crashFault("the renderer crashed")
	}
}

// cpuShare is how much of the limit, in percent, a worker that the limit ended has
// used at least: the kernel limits what it counts at each tick, and reports what it
// measured, which on a busy machine was less by 13 percent.
const cpuShare = 70

func cpuTime(state *os.ProcessState) time.Duration { return state.UserTime() + state.SystemTime() }

// killedByKernel tells whether SIGKILL ended a worker that the pool did not
// kill: the limit of CPU time, or the kernel out of memory.
func killedByKernel(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
