package e2e

import (
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestSidecarStops expects SIGTERM, which Kubernetes sends, to end the sidecar
// with exit status 0, and a new sidecar to serve on the same sockets.
func TestSidecarStops(t *testing.T) {
	lab := harness.New(t, harness.ArgoCD2)
	repository := harness.NewRepository(t, harness.Files{"app/pod.yaml": pod})
	app := application(repository, "app", served.FullName())
	first := serve(t, lab, served)
	before := generate(t, lab, app)
	code, err := first.Exit()
	if err != nil {
		t.Fatal(err)
	}
	if code != 0 {
		t.Errorf("exit status %d, want 0", code)
	}
	serve(t, lab, served)
	if after := generate(t, lab, app); after != before {
		t.Errorf("after the restart the manifests are other bytes:\n%s\nbefore:\n%s", after, before)
	}
}

// TestSidecarReplacesStaleSocket expects a socket that a killed sidecar left
// behind not to keep the next one from serving.
func TestSidecarReplacesStaleSocket(t *testing.T) {
	lab := harness.New(t, harness.ArgoCD2)
	repository := harness.NewRepository(t, harness.Files{"app/pod.yaml": pod})
	if err := serve(t, lab, served).Kill(); err != nil {
		t.Fatal(err)
	}
	serve(t, lab, served)
	generate(t, lab, application(repository, "app", served.FullName()))
}
