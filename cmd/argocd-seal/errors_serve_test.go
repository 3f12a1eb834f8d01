package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argoproj/argo-cd/v2/cmpserver/apiclient"
	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/status"

	"github.com/argocd-seal/argocd-seal-plugin/internal/streamtest"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
)

// plainConfig is what serves an example that has no configuration of its own.
const plainConfig = `apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata: {name: argocd-seal}
spec: {generate: {command: [argocd-seal, generate]}}
---
apiVersion: argocd-seal.io/v1alpha1
kind: SealConfig
`

// served is the sidecar of an example.
type served struct {
	reached
	client apiclient.ConfigManagementPluginServiceClient
	log    *lockedLog
}

type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lockedLog) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Reset()
}

var (
	logID       = regexp.MustCompile(`\bid=\w+`)
	logDuration = regexp.MustCompile(`\bduration_ms=\d+`)
	logCount    = regexp.MustCompile(`\b(from|to|lines)=\d+`)
)

// line waits for the first line of the log with the example's code.
func (s served) line() string {
	s.Helper()
	for range 6000 {
		for line := range strings.Lines(s.log.String()) {
			if strings.Contains(line, "code="+string(s.Code)) {
				line = logDuration.ReplaceAllString(logID.ReplaceAllString(line, "id=7KQ2M4XW3B"), "duration_ms=412")
				return logCount.ReplaceAllString(line, "$1=...")
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Fatalf("the log has no %s:\n%s", s.Code, s.log)
	return ""
}

// serve starts a sidecar in the example's directory.
func (r reached) serve(settings string) served {
	r.Helper()
	if _, err := os.Stat("plugin.yaml"); err != nil {
		write(r.T, "plugin.yaml", plainConfig+settings, 0o600)
	}
	file, err := config.Load("plugin.yaml")
	if err != nil {
		r.Fatal(err)
	}
	s := served{reached: r, log: &lockedLog{}}
	log := logrus.New()
	log.SetOutput(s.log)
	log.SetFormatter(&logrus.TextFormatter{DisableColors: true, DisableTimestamp: true})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, file, serveOptions{config: "plugin.yaml", socketDir: "."}, log, io.Discard) }()
	r.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.Error(err)
		}
	})
	for range 6000 {
		if strings.Contains(s.log.String(), "msg=serving") {
			s.client = apiclient.NewConfigManagementPluginServiceClient(streamtest.Dial(r.T, "argocd-seal.sock"))
			return s
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.Fatalf("nothing serves:\n%s", s.log)
	return s
}

var requestEnv = []string{
	"ARGOCD_APP_NAME=web", "ARGOCD_APP_PROJECT_NAME=shop", "ARGOCD_APP_NAMESPACE=shop",
	"ARGOCD_APP_SOURCE_PATH=app", "KUBE_VERSION=1.33.0", "ARGOCD_APP_REVISION=" + strings.Repeat("0123456789", 4),
}

// packed is the example's application as the repo-server packs it.
func (r reached) packed(more ...*tar.Header) []byte {
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	writer := tar.NewWriter(zipped)
	for _, file := range r.Files {
		if strings.HasPrefix(file.Name, "app/") {
			if err := writer.WriteHeader(&tar.Header{Name: file.Name, Mode: 0o644, Size: int64(len(file.Data)), Typeflag: tar.TypeReg}); err != nil {
				r.Fatal(err)
			}
			if _, err := writer.Write(file.Data); err != nil {
				r.Fatal(err)
			}
		}
	}
	for _, header := range more {
		if err := writer.WriteHeader(header); err != nil {
			r.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		r.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		r.Fatal(err)
	}
	return packed.Bytes()
}

// ask sends messages as the repo-server does and returns what Argo CD would show.
func (s served) ask(ctx context.Context, messages ...*apiclient.AppStreamRequest) string {
	stream, err := s.client.GenerateManifest(ctx)
	if err != nil {
		return status.Convert(err).Message() + "\n"
	}
	streamtest.Send(stream, messages...)
	_, err = stream.CloseAndRecv()
	if err == nil {
		return ""
	}
	return status.Convert(err).Message() + "\n"
}

func (s served) send(packed []byte) string {
	return s.ask(s.Context(), streamtest.Metadata(packed, "app", requestEnv...), streamtest.Chunk(packed))
}

func (r reached) cutShort() string {
	packed := r.packed()
	return r.serve("").ask(r.Context(), streamtest.Metadata(packed, "app", requestEnv...), streamtest.Chunk(packed[:len(packed)/2]))
}

func (r reached) climbs() string {
	return r.serve("").send(r.packed(&tar.Header{Name: "../outside.yaml", Mode: 0o644, Typeflag: tar.TypeReg}))
}

func (r reached) hardLink() string {
	return r.serve("").send(r.packed(&tar.Header{Name: "app/copy.yaml", Linkname: "app/web.yaml", Typeflag: tar.TypeLink}))
}

func (r reached) twice() string {
	return r.serve("").send(r.packed(&tar.Header{Name: "app/web.yaml", Mode: 0o644, Typeflag: tar.TypeReg}))
}

func (r reached) namedTwice() string {
	packed := r.packed()
	metadata := streamtest.Metadata(packed, "app", append(requestEnv, "ARGOCD_APP_NAME=shop")...)
	return r.serve("").ask(r.Context(), metadata, streamtest.Chunk(packed))
}

// slowChart renders for longer than anybody waits.
func (r reached) slowChart() []byte {
	return streamtest.Archive(r.T, map[string]string{
		"app/Chart.yaml":         "apiVersion: v2\nname: slow\nversion: 1.0.0\n",
		"app/templates/web.yaml": "{{- range $i := until 50000 }}{{ range $j := until 50000 }}{{ end }}{{ end }}\n",
	})
}

// busy has a slow chart of the same project keep the only worker.
func (r reached) busy() string {
	s := r.serve("")
	slow := r.slowChart()
	ctx, cancel := context.WithCancel(r.Context())
	var rendering sync.WaitGroup
	rendering.Go(func() {
		for ctx.Err() == nil { // it may find the worker busy itself
			s.ask(ctx, streamtest.Metadata(slow, "app", requestEnv...), streamtest.Chunk(slow))
		}
	})
	defer rendering.Wait()
	defer cancel()
	for range 1000 {
		if answer := s.send(r.packed()); answer != "" {
			return answer
		}
	}
	r.Fatal("the worker is never busy")
	return ""
}

// canceled gives a request up while it is being rendered.
func (r reached) canceled() string {
	s := r.serve("")
	packed := r.packed()
	for range 10 { // on a busy machine it may not have been read yet
		ctx, cancel := context.WithCancel(r.Context())
		time.AfterFunc(2*time.Second, cancel)
		s.ask(ctx, streamtest.Metadata(packed, "app", requestEnv...), streamtest.Chunk(packed))
		if line := s.line(); strings.Contains(line, "the caller ended the request") {
			return line
		}
		s.log.clear()
	}
	r.Fatal("the request is never given up in time")
	return ""
}

// receiver is a sink of the trail that refuses everything until it is told not to.
type receiver struct {
	*httptest.Server
	ready atomic.Bool
}

func (r reached) receiver() *receiver {
	sink := &receiver{}
	sink.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !sink.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	r.Cleanup(sink.Close)
	return sink
}

// trail are the settings of a small audit trail whose sink is away.
func (r reached) trail(url, more string) string {
	if code := run([]string{"audit", "key", "audit.key", "audit.pub"}, strings.NewReader(""), io.Discard, io.Discard); code != exitOK {
		r.Fatalf("no key is made: %d", code)
	}
	return fmt.Sprintf("audit:\n  directory: audit\n  key: audit.key\n  segmentSize: 2Mi\n  maxSize: 4Mi\n%s"+
		"  sinks: [{name: archive, webhook: %q, insecure: true, batch: 10}]\n", more, url)
}

func (r reached) sinkAway() string {
	r.trail("", "")
	s := r.serve("")
	s.send(r.packed())
	return s.line()
}

// fill leaves lines in the trail until there is no room for the first of them any
// more: requests that are refused at once.
func (s served) fill() {
	long := strings.Repeat("w", 250)
	packed := s.packed()
	var asking errgroup.Group
	asking.SetLimit(8)
	for range 4000 {
		asking.Go(func() error {
			s.ask(s.Context(), streamtest.Metadata(packed, "none", "ARGOCD_APP_NAME="+long, "ARGOCD_APP_PROJECT_NAME="+long,
				"ARGOCD_APP_NAMESPACE="+long, "ARGOCD_APP_SOURCE_PATH="+long, "ARGOCD_APP_SOURCE_REPO_URL="+long))
			return nil
		})
	}
	_ = asking.Wait()
}

func (r reached) trailFull() string {
	s := r.serve(r.trail(r.receiver().URL, "  required: true\n"))
	for range 10 {
		s.fill()
		if answer := s.send(r.packed()); answer != "" {
			return lineNumber.ReplaceAllString(answer, "line 1")
		}
	}
	r.Fatal("the trail is never full")
	return ""
}

var lineNumber = regexp.MustCompile(`line \d+`)

// linesLost lets the sink come back after the trail has dropped lines.
func (r reached) linesLost() string {
	sink := r.receiver()
	s := r.serve(r.trail(sink.URL, ""))
	s.send(r.packed())
	s.fill()
	sink.ready.Store(true)
	return s.line()
}
