// Package sandbox takes every right away from the process that calls it that
// rendering does not need. A worker calls [Apply] once, before it reads a
// tenant's file, and afterwards can neither open a file, reach a network, start
// a program nor use more memory and CPU than it was given.
//
// The layers overlap on purpose: seccomp alone refuses what Landlock refuses,
// but a container runtime or an old kernel may lack either. Nothing here needs
// a privilege, a user namespace or a helper binary.
package sandbox

import (
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// The layers, by the names that logs show and that configuration may require.
const (
	// Descriptors: every file that the parent left open is closed, but for
	// standard input, output and error.
	Descriptors = "descriptors"
	// Directory: the working directory is "/".
	Directory = "directory"
	// ParentDeath: the kernel kills the process when its parent dies.
	ParentDeath = "parent-death"
	// NoDump: no core file, and no other process of the same user may read the
	// memory or trace the process.
	NoDump = "no-dump"
	// Limits: CPU time, open files and the size of written files.
	Limits = "limits"
	// Memory: the heap, and with it goroutine stacks, are bounded by the kernel.
	Memory = "memory"
	// NoNewPrivs: no program could gain rights, if one could be started.
	NoNewPrivs = "no-new-privs"
	// Landlock: no path can be opened and no TCP port reached.
	Landlock = "landlock"
	// Seccomp: only the system calls that the Go runtime needs.
	Seccomp = "seccomp"
)

// Names returns the names of all layers in the order in which they are applied.
func Names() []string {
	return []string{Descriptors, Directory, ParentDeath, NoDump, Limits, Memory, NoNewPrivs, Landlock, Seccomp}
}

// Config says how much a process may use and which layers it cannot do without.
type Config struct {
	// MemoryBytes bounds what the process may keep in memory; 0 means
	// [DefaultMemoryBytes]. See the comment there for what holds it.
	MemoryBytes int64
	// CPU bounds the CPU time of all threads together, rounded up to whole
	// seconds, after which the kernel kills the process; 0 means unlimited.
	CPU time.Duration
	// Require lists the layers whose absence is a fault.
	Require []string
}

// Layer is one layer and whether it holds.
type Layer struct {
	Name   string `json:"name"`
	Active bool   `json:"active"`
	// Detail says what exactly is active, or why it is not.
	Detail string `json:"detail,omitempty"`
}

// String gives the layer as a log shows it.
func (l Layer) String() string {
	state := "active"
	if !l.Active {
		state = "unavailable"
	}
	if l.Detail == "" {
		return l.Name + " " + state
	}
	return l.Name + " " + state + " (" + l.Detail + ")"
}

// Apply restricts the calling process for good and returns one layer for each
// of [Names]. A layer that the kernel refuses is reported and the others are
// applied all the same; only a missing layer that cfg requires is an error, an
// E_SANDBOX fault, and the process must then exit without having read a
// request. Apply is called once, before other goroutines use files or sockets.
func Apply(cfg Config) ([]Layer, error) {
	layers := apply(cfg)
	return layers, check(layers, cfg.Require)
}

// check returns an E_SANDBOX fault for every required layer that is not active.
func check(layers []Layer, require []string) error {
	var missing fault.List
	for _, name := range require {
		at := slices.IndexFunc(layers, func(l Layer) bool { return l.Name == name })
		switch {
		case at < 0:
			missing = append(missing, fault.New(fault.Sandbox, "no sandbox layer is called %q", name).Like(name, Names()).
				WithFix("use one of %s", strings.Join(Names(), ", ")))
		case !layers[at].Active:
			missing = append(missing, fault.New(fault.Sandbox, "the required sandbox layer %s is unavailable: %s", name, layers[at].Detail).
				WithFix("give the container the missing right, or take the layer out of render.sandbox.require"))
		}
	}
	return missing.OrNil()
}

// layer turns the outcome of one step into a Layer.
func layer(name, detail string, err error) Layer {
	if err != nil {
		return Layer{Name: name, Detail: fault.Clean(strings.ReplaceAll(err.Error(), "\n", ": "), maxDetail)}
	}
	return Layer{Name: name, Active: true, Detail: detail}
}

// maxDetail bounds the text of a layer in bytes.
const maxDetail = 256
