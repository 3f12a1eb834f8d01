// Package browser is for tests: it shows pages in a headless Chromium, as people
// see them.
package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// patience bounds what one test does with a browser.
const patience = 10 * time.Minute

// Tab is a tab of a browser, and what it complained of or asked for. It is for
// one goroutine.
type Tab struct {
	context.Context
	mu       sync.Mutex
	errors   []string
	requests []string
}

// Open starts a browser, which ends with the test.
func Open(t testing.TB) *Tab {
	t.Helper()
	harness.Need(t, harness.Chromium)
	path, err := harness.Chromium.Path()
	if err != nil {
		t.Fatal(err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("headless", "new"), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	tab := &Tab{Context: ctx}
	if err := chromedp.Listen(ctx, tab.note); err != nil {
		t.Fatal(err)
	}
	call(t, tab, log.Enable, cdp.Empty{})
	call(t, tab, runtime.Enable, cdp.Empty{})
	call(t, tab, network.Enable, network.EnableParams{})
	return tab
}

func (b *Tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		b.errors = append(b.errors, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, fmt.Sprintf("console: %s", e.Type))
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, "exception: "+e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// Complaints are what the console has so far.
func (b *Tab) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.errors)
}

// Requests are the addresses that were asked for so far.
func (b *Tab) Requests() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// Show opens an address. The window is so many pixels wide, as on a screen or a
// telephone; scheme is light or dark.
func (b *Tab) Show(t testing.TB, address string, width int64, scheme string) {
	t.Helper()
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	Do(t, b, chromedp.EmulateViewport(width, 900))
	Do(t, b, chromedp.Navigate(address))
}

// Shoot writes a picture NAME.png of the whole page, for people who want to see
// it, into the directory that SCREENSHOTS names.
func (b *Tab) Shoot(t testing.TB, name string) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), Do(t, b, chromedp.FullScreenshot(100)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func call[P, R any](t testing.TB, b *Tab, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b, command, params); err != nil {
		t.Fatal(err)
	}
}

// Do has the tab do something, and ends the test where it cannot.
func Do[T any](t testing.TB, b *Tab, action chromedp.Action[T]) T {
	t.Helper()
	answer, err := chromedp.Run(b, action)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Evaluate asks the page as it stands in the browser.
func Evaluate[T any](t testing.TB, b *Tab, script string) T {
	t.Helper()
	return Do(t, b, chromedp.Evaluate[T](script))
}
