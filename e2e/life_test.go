package e2e

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// identity is what a repo-server says of an application.
func identity(app, repoURL string) []string {
	return []string{"ARGOCD_APP_NAME=" + app, "ARGOCD_APP_PROJECT_NAME=team-a", "ARGOCD_APP_NAMESPACE=apps",
		"ARGOCD_APP_SOURCE_REPO_URL=" + repoURL, "ARGOCD_APP_REVISION=" + strings.Repeat("a", 40), "ARGOCD_APP_SOURCE_PATH=app"}
}

// writeFiles puts files into a directory of their own.
func writeFiles(t *testing.T, files harness.Files) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

// load keeps a sidecar busy with several clients, each of which stops when it
// finds nobody.
type load struct {
	answered, refused atomic.Int64

	mu     sync.Mutex
	failed []error
}

func (l *load) run(ctx context.Context, clients int, generate func(ctx context.Context, number int64) error, gone func(error) bool) (wait func()) {
	var number atomic.Int64
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				err := generate(context.WithoutCancel(ctx), number.Add(1))
				switch {
				case err == nil:
					l.answered.Add(1)
				case gone(err):
					l.refused.Add(1)
					return
				default:
					l.mu.Lock()
					l.failed = append(l.failed, err)
					l.mu.Unlock()
				}
			}
		})
	}
	return group.Wait
}

// TestDrainUnderLoad expects SIGTERM to let every request in flight end well: a
// client sees its answer, or finds that nobody listens.
func TestDrainUnderLoad(t *testing.T) {
	sidecar := harness.NewSidecar(t, t.TempDir(), served)
	repository := writeFiles(t, harness.Files{"app/pod.yaml": pod})
	var busy load
	wait := busy.run(t.Context(), 8, func(ctx context.Context, number int64) error {
		_, err := sidecar.Generate(ctx, repository, "app", identity(fmt.Sprintf("shop-%d", number), "https://git.example.com/shop.git")...)
		return err
	}, unreachable)
	until(t, func() bool { return busy.answered.Load() >= 30 })
	code, err := sidecar.Exit()
	must(t, err)
	wait()
	t.Logf("%d requests were answered, %d of 8 clients found nobody", busy.answered.Load(), busy.refused.Load())
	if code != 0 || len(busy.failed) > 0 {
		t.Errorf("exit status %d, %d requests failed: %v", code, len(busy.failed), busy.failed)
	}
}

// unreachable tells the errors of a socket that nobody serves.
func unreachable(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(err.Error(), "connect: ")
}

// until waits for something that must come.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
	}
}

// replicasAgree expects two sidecars with the same configuration to give the same
// bytes, sealed values too.
func replicasAgree(t *testing.T, world *sealing) {
	repository := harness.NewRepository(t, shop)
	plugin := world.plugin(t, "sealed-secret", repository)
	files := writeFiles(t, shop)
	var outputs []string
	for range 2 {
		sidecar := harness.NewSidecar(t, t.TempDir(), plugin)
		for range 2 {
			manifests, err := sidecar.Generate(t.Context(), files, "app", identity("shop", repository.URL)...)
			must(t, err)
			outputs = append(outputs, strings.Join(manifests, "\n"))
		}
	}
	if !strings.Contains(outputs[0], "encryptedData") {
		t.Fatal("nothing was sealed")
	}
	for i, output := range outputs {
		if output != outputs[0] {
			t.Errorf("output %d has other bytes than the first", i)
		}
	}
}
