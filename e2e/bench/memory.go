package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory is resident memory in bytes.
type memory struct {
	// parent is the sidecar itself, workers each process that it has started.
	parent  int64
	workers []int64
}

// settled leaves the sidecar alone for [idleTime] and then reads its memory.
func settled(ctx context.Context, pid int) (memory, error) {
	select {
	case <-ctx.Done():
		return memory{}, ctx.Err()
	case <-time.After(idleTime):
	}
	parent, err := resident(pid)
	if err != nil {
		return memory{}, err
	}
	workers, err := children(pid)
	return memory{parent: parent, workers: workers}, err
}

// resident reads VmRSS, which proc(5) gives in kB.
func resident(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		fields := strings.Fields(string(line))
		if len(fields) == 3 && fields[0] == "VmRSS:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("process %d shows no resident memory", pid)
}

// children returns the resident memory of each child of a process. A child that
// ends meanwhile is left out.
func children(parent int) ([]int64, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var sizes []int64
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The name, in parentheses, may hold anything; the parent is the second
		// field behind it.
		_, behind, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')'):]), " ")
		fields := strings.Fields(behind)
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, err
		}
		if size, err := resident(pid); err == nil {
			sizes = append(sizes, size)
		}
	}
	return sizes, nil
}
