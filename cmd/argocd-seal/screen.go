package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// screen is what errors are written to.
type screen struct {
	// person tells that somebody looks at it, and style how it may be written to.
	person bool
	style  fault.Style
}

func screenOf(w io.Writer) screen {
	return screen{person: isTerminal(w), style: fault.Style{Color: colored(w), Width: columns(w)}}
}

// tell writes why a command failed: faults in the form for who reads them, and
// what cobra says of a wrong command line.
func (c screen) tell(w io.Writer, command string, err error) {
	var list fault.List
	var one *fault.Error
	if !errors.As(err, &list) && !errors.As(err, &one) {
		_, _ = fmt.Fprintln(w, "argocd-seal: "+err.Error())
		return
	}
	_, _ = fmt.Fprintln(w, c.form(command)(fault.Of(err)))
}

func (c screen) form(command string) func(fault.List) string {
	switch {
	case command == "serve":
		return fault.Text // it goes to a log
	case command == "generate" || command == "parameters":
		return fault.Answer // argocd-cmp-server hands it to Argo CD
	case c.person:
		return func(list fault.List) string { return fault.Terminal(list, c.style) }
	default:
		return fault.Plain
	}
}
