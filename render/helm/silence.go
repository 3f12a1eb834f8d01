package helm

import (
	"io"
	"log"
	"sync"
)

// silence counts the renders in progress. Helm reports odd values with the
// standard logger, quoting them, and takes no other logger: while a chart is
// rendered the logger writes nothing, and afterwards it writes where it did.
var silence struct {
	sync.Mutex
	renders int
	writer  io.Writer
}

// silenceHelm begins a silence; the function that it returns ends it.
func silenceHelm() (restore func()) {
	silence.Lock()
	defer silence.Unlock()
	if silence.renders == 0 {
		silence.writer = log.Writer()
		log.SetOutput(io.Discard)
	}
	silence.renders++
	return func() {
		silence.Lock()
		defer silence.Unlock()
		if silence.renders--; silence.renders == 0 {
			log.SetOutput(silence.writer)
		}
	}
}
