package report_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
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

// browser is a tab of a headless Chromium, and what it complained of or asked for.
type browser struct {
	context.Context
	mu       sync.Mutex
	errors   []string
	requests []string
}

func start(t *testing.T) *browser {
	t.Helper()
	harness.Need(t, harness.Seal, harness.Chromium)
	path, err := harness.Chromium.Path()
	if err != nil {
		t.Fatal(err)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("headless", "new"), chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	b := &browser{Context: ctx}
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	call(t, b, log.Enable, cdp.Empty{})
	call(t, b, runtime.Enable, cdp.Empty{})
	call(t, b, network.Enable, network.EnableParams{})
	return b
}

func (b *browser) note(event any) {
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

func call[P, R any](t *testing.T, b *browser, command cdp.Command[P, R], params P) {
	t.Helper()
	if _, err := chromedp.Call(b, command, params); err != nil {
		t.Fatal(err)
	}
}

func run[T any](t *testing.T, b *browser, action chromedp.Action[T]) T {
	t.Helper()
	answer, err := chromedp.Run(b, action)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// open shows a file. The window is as wide as a screen or a telephone.
func (b *browser) open(t *testing.T, file string, width int64, scheme string) {
	t.Helper()
	call(t, b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	run(t, b, chromedp.EmulateViewport(width, 900))
	run(t, b, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()))
}

// evaluate asks the page as it stands in the browser.
func evaluate[T any](t *testing.T, b *browser, script string) T {
	t.Helper()
	return run(t, b, chromedp.Evaluate[T](script))
}

// quiet fails where the page has loaded anything but itself, or complained.
func (b *browser) quiet(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.errors) > 0 {
		t.Errorf("the console has %q", b.errors)
	}
	for _, request := range b.requests {
		if !strings.HasPrefix(request, "file://") || !strings.HasSuffix(request, "/report.html") {
			t.Errorf("the page asked for %s", request)
		}
	}
	if len(b.requests) == 0 {
		t.Error("the browser has not asked for the page itself: nothing was watched")
	}
}
