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
// done, or for how long a single thing has been going on. It is removed again once
// all is done.
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

// startWaiting shows what takes its time, where w is a terminal. The caller calls
// stop before it writes to the terminal itself.
func startWaiting(w io.Writer, doing string) *progress {
	if !isTerminal(w) {
		w = io.Discard
	}
	return startProgress(w, doing, 0, progressAfter)
}

func (p *progress) show(w io.Writer, noun string, total int, after time.Duration, end <-chan struct{}) {
	began := time.Now()
	select {
	case <-end:
		return
	case <-time.After(after):
	}
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		text := fmt.Sprintf("%d of %d %s", p.done.Load(), total, noun)
		if total == 0 {
			text = fmt.Sprintf("%s, %d s", noun, int(time.Since(began).Seconds()))
		}
		// Back to the first column, and away with what stood there.
		_, _ = io.WriteString(w, "\r\x1b[K"+text)
		select {
		case <-end:
			_, _ = io.WriteString(w, "\r\x1b[K")
			return
		case <-ticker.C:
		}
	}
}
