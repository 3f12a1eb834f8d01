package threats

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A clock cannot be set for one process, and setting the machine's harms others:
// what a step does to the order of the trail is TestAClockThatStepsBackKeepsTheOrder
// of audit/trail.

// TestFaultsOfTheProcess has the kernel stop, end and starve the sidecar.
func TestFaultsOfTheProcess(t *testing.T) {
	s := start(t, settings{render: fmt.Sprintf("{timeout: %s}", faultTimeout)})
	within := faultTimeout + 20*time.Second
	s.meet(t, []fault{
		{"SIGSTOP for 3 s, then SIGCONT", []string{renderedCode}, within, stopped(3 * time.Second)},
		{"SIGSTOP for longer than a request may take", []string{"E_TIMEOUT", "E_VAULT", renderedCode}, within, stopped(faultTimeout + 3*time.Second)},
		{"SIGTERM while a secret is read", []string{renderedCode}, within, ended(syscall.SIGTERM, s.sealing)},
		{"SIGTERM while a chart never ends", []string{"E_TIMEOUT"}, within, ended(syscall.SIGTERM, func(t *testing.T) answer {
			return s.ask(t, chart(files{"templates/a.yaml": endlessTemplate}))
		})},
		{"a request after SIGTERM", []string{"Unavailable"}, within, func(t *testing.T, s *sidecar) answer {
			hold := make(chan answer, 1)
			s.vault.Delay(2 * time.Second)
			defer s.vault.Delay(0)
			go func() { hold <- s.sealing(t) }()
			time.Sleep(500 * time.Millisecond)
			must(t, syscall.Kill(s.command.Process.Pid, syscall.SIGTERM))
			time.Sleep(500 * time.Millisecond)
			a := s.sealing(t)
			if first := <-hold; first.err != nil {
				t.Errorf("the request before it gives %s", first.text())
			}
			s.again(t, 0)
			return a
		}},
		{"SIGKILL while a secret is read", []string{"Unavailable"}, within, ended(syscall.SIGKILL, s.sealing)},
	})
}

// stopped stops the sidecar and its workers while a secret is read.
func stopped(length time.Duration) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		s.vault.Delay(time.Second)
		defer s.vault.Delay(0)
		asked := make(chan answer, 1)
		go func() { asked <- s.sealing(t) }()
		time.Sleep(500 * time.Millisecond)
		all := append(childrenOf(s.command.Process.Pid), s.command.Process.Pid)
		for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
			for _, pid := range all {
				if err := syscall.Kill(-pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
					t.Error(err)
				}
			}
			if signal == syscall.SIGSTOP {
				time.Sleep(length)
			}
		}
		return <-asked
	}
}

// ended sends a signal while a request is on its way, waits for the process to end,
// and starts the next one.
func ended(signal syscall.Signal, ask func(*testing.T) answer) func(*testing.T, *sidecar) answer {
	return func(t *testing.T, s *sidecar) answer {
		s.vault.Delay(2 * time.Second)
		defer s.vault.Delay(0)
		workers := childrenOf(s.command.Process.Pid)
		asked := make(chan answer, 1)
		go func() { asked <- ask(t) }()
		time.Sleep(time.Second)
		must(t, syscall.Kill(s.command.Process.Pid, signal))
		a := <-asked
		status := 0
		if signal == syscall.SIGKILL {
			status = -1
		}
		s.vault.Delay(0)
		s.again(t, status)
		for _, pid := range workers {
			for deadline := time.Now().Add(10 * time.Second); running(pid); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("the worker %d outlived its sidecar", pid)
				}
			}
		}
		return a
	}
}

// running tells whether a process computes or waits; one that nobody has asked for
// how it ended does neither.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

// again waits for the end of the process, and starts another one.
func (s *sidecar) again(t *testing.T, status int) {
	t.Helper()
	select {
	case <-s.exited:
	case <-time.After(time.Minute):
		t.Fatal("the sidecar does not end")
	}
	if code := s.command.ProcessState.ExitCode(); code != status {
		t.Errorf("the exit status is %d, want %d: %s", code, status, s.log)
	}
	s.watch.See("log", s.log.String())
	_ = s.conn.Close()
	s.run(s.t, settings{})
}

// TestFaultsOfTheDisk fills the disk of the audit trail, without which nothing may
// be answered.
func TestFaultsOfTheDisk(t *testing.T) {
	s := prepare(t, settings{render: fmt.Sprintf("{timeout: %s}", faultTimeout)})
	must(t, os.MkdirAll(s.file("audit"), 0o700))
	if err := syscall.Mount("tmpfs", s.file("audit"), "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("this user cannot mount a small disk (%v); the tests of audit/trail ask the same with a limit of the process", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(s.file("audit"), syscall.MNT_DETACH) })
	s.run(t, settings{})
	s.calm = s.harmless(t)
	s.meet(t, []fault{{"the disk of the trail is full", []string{"E_AUDIT_FULL"}, faultTimeout + 20*time.Second, func(t *testing.T, s *sidecar) answer {
		if err := os.WriteFile(s.file("audit/ballast"), make([]byte, 4<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the disk is not full: %v", err)
		}
		a := s.sealing(t)
		for range 30 { // what is left of a page of the file may take a few events
			if a.err != nil {
				break
			}
			a = s.sealing(t)
		}
		must(t, os.Remove(s.file("audit/ballast")))
		return a
	}}})
}
