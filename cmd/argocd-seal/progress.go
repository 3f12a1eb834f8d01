package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// progressAfter is how long work takes before anybody wonders.
	progressAfter = time.Second
	progressEvery = 100 * time.Millisecond
)

// progress shows in one line of a terminal how many of a number of things are
// done. It is removed again once all are.
type progress struct {
	done atomic.Int64
	stop func()
}

// startProgress shows progress once the work has taken some time. The caller
// calls stop, after which nothing is written any more.
func startProgress(w io.Writer, noun string, total int, after time.Duration) *progress {
	p := &progress{}
	end := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { p.show(w, noun, total, after, end) })
	p.stop = sync.OnceFunc(func() {
		close(end)
		group.Wait()
	})
	return p
}

func (p *progress) show(w io.Writer, noun string, total int, after time.Duration, end <-chan struct{}) {
	select {
	case <-end:
		return
	case <-time.After(after):
	}
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		// Back to the first column, and away with what stood there.
		_, _ = fmt.Fprintf(w, "\r\x1b[K%d of %d %s", p.done.Load(), total, noun)
		select {
		case <-end:
			_, _ = io.WriteString(w, "\r\x1b[K")
			return
		case <-ticker.C:
		}
	}
}
