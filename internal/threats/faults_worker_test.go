package threats

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestFaultsOfWorkers has workers hang, die, take all memory and answer nonsense.
// What each kind of nonsense is answered with is tested in render/worker, with a
// worker that speaks it: TestBadRequestsGiveOneFaultAndHarmNobody.
func TestFaultsOfWorkers(t *testing.T) {
	s := start(t, settings{render: fmt.Sprintf("{timeout: %s}", faultTimeout)})
	within := faultTimeout + 20*time.Second
	crash, late := []string{"E_RENDER_CRASH", "E_LIMIT"}, []string{"E_TIMEOUT"}
	charts := func(name, template string, codes ...string) fault {
		return fault{name, codes, within, func(t *testing.T, s *sidecar) answer { return s.ask(t, chart(files{"templates/a.yaml": template})) }}
	}
	s.meet(t, []fault{
		charts("a worker that never ends", endlessTemplate, late...),
		charts("a worker that waits for itself", `{{ range until 100000 }}{{ derivePassword 1 "long" "p" "u" "s" }}{{ end }}`, late...),
		{"a worker whose stack has no end", crash, within, func(t *testing.T, s *sidecar) answer {
			return s.ask(t, chart(files{"values.yaml": "x: '{{ tpl .Values.x . }}'\n", "templates/a.yaml": "{{ tpl .Values.x . }}"}))
		}},
		charts("a worker that takes memory at once", `{{ repeat 2000000000 "x" }}`, crash...),
		charts("a worker that takes memory by and by", `{{ $all := list }}{{ range until 1000 }}{{ $all = append $all (repeat 4000000 "x") }}{{ end }}`, crash...),
		charts("a worker that says too much", `{{ range until 20000 }}---
apiVersion: v1
kind: ConfigMap
metadata: {name: "c-{{ . }}", namespace: apps}
{{ end }}`, "E_LIMIT"),
		{"a worker is killed while it renders", []string{"E_RENDER_CRASH"}, within, duringRender(func(t *testing.T, pid int) {
			must(t, syscall.Kill(pid, syscall.SIGKILL))
		})},
		// Only the sidecar ends workers: who sends SIGTERM to all processes of the
		// container must not cut off what is in flight.
		{"a worker gets SIGTERM while it renders", late, within, duringRender(func(t *testing.T, pid int) {
			must(t, syscall.Kill(pid, syscall.SIGTERM))
		})},
		{"a worker is stopped while it renders", late, within, duringRender(func(t *testing.T, pid int) {
			must(t, syscall.Kill(pid, syscall.SIGSTOP))
		})},
		{"a worker writes garbage", []string{"E_RENDER_CRASH"}, within, duringRender(garbage)},
		{"all waiting workers are killed", []string{renderedCode}, within, waiting(syscall.SIGKILL)},
		// One that was stopped while it started never becomes ready: then there is none.
		{"all waiting workers are stopped", append(late, "E_BUSY"), within, waiting(syscall.SIGSTOP)},
	})
}

// duringRender does something to the worker that renders a chart without an end.
func duringRender(do func(t *testing.T, pid int)) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		from := s.caller(t)
		defer from.close()
		endless := newDemand("endless", pack(t, chart(files{"templates/a.yaml": endlessTemplate})), identity())
		before := map[int]int64{}
		for _, pid := range childrenOf(s.command.Process.Pid) {
			before[pid] = ticks(pid)
		}
		ended := make(chan answer, 1)
		go func() { ended <- from.ask(t.Context(), endless) }()
		do(t, s.busiest(t, before))
		return <-ended
	}
}

// ticks is the CPU time of a process in user mode, in the kernel's unit.
func ticks(pid int) int64 {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // it may have ended
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	var user int64
	if len(fields) > 11 {
		_, _ = fmt.Sscan(fields[11], &user)
	}
	return user
}

// busiest waits for the first of the workers that were there to compute.
func (s *sidecar) busiest(t *testing.T, before map[int]int64) int {
	t.Helper()
	for deadline := time.Now().Add(faultTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for pid, had := range before {
			if ticks(pid) > had+20 {
				return pid
			}
		}
	}
	t.Fatal("no worker renders")
	return 0
}

// garbage writes into the pipe through which a worker answers.
func garbage(t *testing.T, pid int) {
	t.Helper()
	pipe, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", pid), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrPermission) {
		must(t, syscall.Kill(pid, syscall.SIGKILL))
		t.Skip("this user cannot open what a worker writes to; render/worker tests the same with a worker of its own")
	}
	must(t, err)
	_, err = pipe.WriteString(strings.Repeat("garbage ", 100))
	must(t, err)
	must(t, pipe.Close())
}

// waiting sends a signal to all workers that wait, asks, and has those go on that
// were stopped.
func waiting(signal syscall.Signal) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		workers := childrenOf(s.command.Process.Pid)
		for _, pid := range workers {
			must(t, syscall.Kill(pid, signal))
		}
		time.Sleep(500 * time.Millisecond) // until the kernel has done it
		a := s.sealing(t)
		for _, pid := range workers {
			_ = syscall.Kill(pid, syscall.SIGCONT) // most of them have ended
		}
		return a
	}
}
