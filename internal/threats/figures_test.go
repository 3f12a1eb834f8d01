package threats

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// figures are what a process that leaks has more and more of.
type figures struct {
	goroutines, descriptors, processes int
	// resident is in bytes.
	resident int64
}

func (f figures) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d workers, %d MiB", f.goroutines, f.descriptors, f.processes, f.resident>>20)
}

// figures asks the process, and /proc for its workers.
func (s *sidecar) figures() (figures, error) {
	_, text, err := s.get("/metrics")
	if err != nil {
		return figures{}, err
	}
	values := map[string]float64{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			values[name], _ = strconv.ParseFloat(value, 64)
		}
	}
	return figures{
		goroutines: int(values["go_goroutines"]), descriptors: int(values["process_open_fds"]),
		resident: int64(values["process_resident_memory_bytes"]), processes: len(childrenOf(s.command.Process.Pid)),
	}, nil
}

// childrenOf lists the processes that one has started, those that nobody has asked
// for how they ended among them.
func childrenOf(pid int) (ids []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		content, _ := os.ReadFile(task) // a thread may have ended
		for _, word := range strings.Fields(string(content)) {
			if id, err := strconv.Atoi(word); err == nil {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// The slack allows for connections that wait for their next use, on both sides.
const (
	slackGoroutines  = 10
	slackDescriptors = 4
)

// back waits until a process has no more of anything than at the baseline, and
// returns what it has then. That may take until connections to Vault that nobody
// uses are closed.
func (s *sidecar) back(t testing.TB, baseline figures) figures {
	t.Helper()
	var now figures
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		var err error
		if now, err = s.figures(); err == nil && now.goroutines <= baseline.goroutines+slackGoroutines &&
			now.descriptors <= baseline.descriptors+slackDescriptors && now.processes == baseline.processes {
			return now
		}
		if time.Now().After(deadline) {
			t.Errorf("the process has %s and had %s (%v)", now, baseline, err)
			return now
		}
	}
}

// rest waits until nothing changes any more, and returns what there is.
func (s *sidecar) rest(t testing.TB) figures {
	t.Helper()
	var last figures
	same := 0
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		now, err := s.figures()
		must(t, err)
		if now.resident = 0; now == last && now.processes == spares {
			same++
		} else {
			same, last = 0, now
		}
		if same == 6 || time.Now().After(deadline) {
			now, err = s.figures()
			must(t, err)
			return now
		}
	}
}

// spares is how many workers wait, if the configuration says nothing.
const spares = 2
