package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Child is a process that another one has started.
type Child struct {
	PID int
	// started tells it from a later process with its number.
	started string
}

// Children returns the processes that this one has started and that run.
func (p *Process) Children() ([]Child, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var children []Child
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		// A process that has ended in between has no file.
		if stat := statOf(pid); stat != nil && stat.parent == strconv.Itoa(p.PID()) && stat.state != "Z" {
			children = append(children, Child{pid, stat.started})
		}
	}
	return children, nil
}

// Alive tells whether the process still runs. One that has ended and that nobody
// has waited for does not.
func (c Child) Alive() bool {
	stat := statOf(c.PID)
	return stat != nil && stat.started == c.started && stat.state != "Z"
}

type procStat struct{ state, parent, started string }

// statOf reads /proc/PID/stat, see proc(5). It is nil where there is no process.
func statOf(pid int) *procStat {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	// The name stands in parentheses and may hold anything.
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return nil
	}
	return &procStat{state: fields[0], parent: fields[1], started: fields[19]}
}

// Memory returns how much memory of the process is resident, and how much at most
// was, in bytes.
func (p *Process) Memory() (now, most int64, err error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &now, "VmHWM": &most}[name]
		if into == nil {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		*into = kilobytes << 10
	}
	if now == 0 || most == 0 {
		return 0, 0, errors.New("the kernel does not say how much memory is resident")
	}
	return now, most, nil
}
