package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

const (
	// pipeWidth is the width of prose that does not go to a terminal.
	pipeWidth = 80
	// maxWidth is how wide prose gets on a wide terminal: longer lines are hard
	// to read.
	maxWidth = 120
)

// isTerminal tells whether a person looks at what is written.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// colored tells whether escape sequences are wanted, after no-color.org.
func colored(w io.Writer) bool {
	return isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// columns is how many characters a line of a terminal holds for prose; 0 where
// there is no terminal.
func columns(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return min(width, maxWidth)
}
