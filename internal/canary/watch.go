package canary

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Watch collects what a test can see. When the test ends it searches all of it
// for the secrets, together with what the process has written to standard
// output, standard error, the loggers of its libraries and the directory for
// temporary files. It is safe for concurrent use, but no two tests that have
// one may run at the same time. The watch over a subtest searches for the
// secrets of the tests around it too.
type Watch struct {
	t       testing.TB
	mu      sync.Mutex
	secrets map[string]bool
	seen    map[string][]byte
}

var (
	watchesMu sync.Mutex
	watches   = map[testing.TB]*Watch{}
)

// Over returns the watch over a test, and starts it at the first call.
func Over(t testing.TB) *Watch {
	t.Helper()
	watchesMu.Lock()
	defer watchesMu.Unlock()
	if w, ok := watches[t]; ok {
		return w
	}
	w := &Watch{t: t, secrets: map[string]bool{}, seen: map[string][]byte{}}
	watches[t] = w
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	restore := w.captureProcess()
	t.Cleanup(func() {
		restore()
		w.seeFiles(temporary)
		if finding := w.search(); finding != "" {
			t.Errorf("%s", finding)
		}
		watchesMu.Lock()
		defer watchesMu.Unlock()
		delete(watches, t)
	})
	return w
}

// Secret adds a text that must not be seen, and returns it.
func (w *Watch) Secret(text string) string {
	if len(text) < window {
		w.t.Fatalf("a canary of %d characters proves nothing", len(text))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[text] = true
	return text
}

// See adds something that the test has seen: bytes and texts as they are, and
// anything else as JSON and as fmt prints it.
func (w *Watch) See(name string, what any) {
	switch what := what.(type) {
	case []byte:
		w.add(name, what)
	case string:
		w.add(name, []byte(what))
	default:
		encoded, err := json.Marshal(what)
		if err != nil {
			w.t.Errorf("%s is not JSON: %v", name, err)
		}
		w.add(name, encoded)
		w.add(name, fmt.Appendf(nil, "\n%v\n%+v\n%#v", what, what, what))
	}
}

// SeeError adds an error in all forms in which it may be printed, and those of
// the faults and the errors in it.
func (w *Watch) SeeError(err error) {
	for ; err != nil; err = errors.Unwrap(err) {
		w.add("error", fmt.Appendf(nil, "\n%v\n%+v\n%#v\n%q", err, err, err, err))
		w.See("faults", fault.Of(err))
	}
}

// Writer returns a sink for a log.
func (w *Watch) Writer(name string) io.Writer { return sink{w, name} }

type sink struct {
	watch *Watch
	name  string
}

func (s sink) Write(p []byte) (int, error) {
	s.watch.add(s.name, p)
	return len(p), nil
}

func (w *Watch) add(name string, content []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[name] = append(w.seen[name], content...)
}

// search returns where a secret was seen and in which form, or nothing.
func (w *Watch) search() string {
	needles := newNest(allSecrets())
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(w.seen)) {
		if form, found := needles.find(w.seen[name], 0); found {
			return fmt.Sprintf("a secret stands in the %s: %s", name, form)
		}
	}
	return ""
}

// allSecrets are those of all tests that run.
func allSecrets() []string {
	watchesMu.Lock()
	defer watchesMu.Unlock()
	secrets := map[string]bool{}
	for _, w := range watches {
		w.mu.Lock()
		maps.Copy(secrets, w.secrets)
		w.mu.Unlock()
	}
	return slices.Collect(maps.Keys(secrets))
}

// captureProcess sends what libraries print into files and the watch.
func (w *Watch) captureProcess() (restore func()) {
	file, err := os.CreateTemp(w.t.TempDir(), "output")
	if err != nil {
		w.t.Fatal(err)
	}
	stdout, stderr, plain := os.Stdout, os.Stderr, log.Writer()
	standard := logrus.StandardLogger()
	output, level := standard.Out, standard.GetLevel()
	os.Stdout, os.Stderr = file, file
	log.SetOutput(w.Writer("log"))
	standard.SetOutput(w.Writer("logrus"))
	standard.SetLevel(logrus.TraceLevel)
	return func() {
		os.Stdout, os.Stderr = stdout, stderr
		log.SetOutput(plain)
		standard.SetOutput(output)
		standard.SetLevel(level)
		_ = file.Close()
		content, err := os.ReadFile(file.Name())
		if err != nil {
			w.t.Error(err)
		}
		w.add("standard output", content)
	}
}

// seeFiles adds all files below a directory.
func (w *Watch) seeFiles(dir string) {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		w.add("file "+filepath.Base(path), content)
		return err
	})
	if err != nil {
		w.t.Error(err)
	}
}
