//go:build !linux

package worker

import (
	"os"
	"syscall"
)

func ownExecutable() (string, error) { return os.Executable() }

func attributes() *syscall.SysProcAttr { return nil }

// killGroup has nothing to add to killing the child itself.
func killGroup(int) {}

// yieldGroup does nothing: all render at the same priority.
func yieldGroup(int) {}

// awaitExit returns at once: exec.Cmd.Wait does the waiting.
func awaitExit(int) error { return nil }

func residentBytes(int) (int64, bool) { return 0, false }

// starter starts children; only Linux cares on which thread.
type starter struct{}

func newStarter() *starter { return &starter{} }

func (*starter) spawn(config Config) (*process, error) { return spawn(config) }

func (*starter) close() {}
