package main

import (
	"strings"
	"testing"
	"time"
)

func TestProgressIsShownAndRemoved(t *testing.T) {
	var b strings.Builder
	p := startProgress(&b, "applications", 3, 0)
	p.done.Add(2)
	time.Sleep(3 * progressEvery)
	p.stop()
	p.stop()
	got := b.String()
	if !strings.Contains(got, "\r\x1b[K2 of 3 applications") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("got %q", got)
	}
}

func TestQuickWorkShowsNoProgress(t *testing.T) {
	var b strings.Builder
	startProgress(&b, "applications", 3, time.Hour).stop()
	if b.Len() > 0 {
		t.Errorf("got %q", b.String())
	}
}

func TestWaitingShowsForHowLong(t *testing.T) {
	var b strings.Builder
	p := startProgress(&b, "reading the trail", 0, 0)
	time.Sleep(3 * progressEvery)
	p.stop()
	if got := b.String(); !strings.Contains(got, "\r\x1b[Kreading the trail, 0 s") || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("got %q", got)
	}
}

func TestWaitingIsForTerminals(t *testing.T) {
	var b strings.Builder
	p := startWaiting(&b, "reading the trail")
	time.Sleep(progressAfter + 2*progressEvery)
	p.stop()
	if b.Len() > 0 {
		t.Errorf("got %q", b.String())
	}
}
