package harness

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
)

// TestLabWithUpstreamPlugin runs a lab without our own binary: what fails here
// is the harness or the servers.
func TestLabWithUpstreamPlugin(t *testing.T) {
	for _, server := range []Binary{ArgoCD2, ArgoCD3} {
		t.Run(string(server), func(t *testing.T) {
			lab := New(t, server)
			if _, err := lab.ServeCMP(t.Context(), Plugin{Name: "cat", Version: "v1", Generate: []string{"cat", "pod.yaml"}}); err != nil {
				t.Fatal(err)
			}
			repository := NewRepository(t, Files{"app/pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"})
			app := Application{Name: "shop", Repository: repository, Source: v1alpha1.ApplicationSource{
				Path: "app", Plugin: &v1alpha1.ApplicationSourcePlugin{Name: "cat-v1"}}}
			response, err := lab.Generate(t.Context(), app)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(response.Manifests, "\n"); !strings.Contains(got, `"name":"web"`) {
				t.Errorf("the manifests do not hold the pod: %s", got)
			}
			if response.Revision != repository.Revision {
				t.Errorf("revision %s, want %s", response.Revision, repository.Revision)
			}
		})
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	Need(t, ArgoCD2, Redis)
	lab, err := Start(t.Context(), ArgoCD2, os.Getenv("PATH"))
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Close(); err != nil {
		t.Fatal(err)
	}
	for _, process := range lab.processes {
		if err := syscall.Kill(process.PID(), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("%s is still there: %v", process.name, err)
		}
	}
	if _, err := os.Stat(lab.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", lab.dir, err)
	}
}

func TestStartReportsServerThatExits(t *testing.T) {
	_, err := start(t.Context(), spec{
		name: "broken", path: "/bin/sh", args: []string{"-c", "echo no such flag >&2; exit 3"}, stop: syscall.SIGTERM,
		ready: func(context.Context, string) error { return errors.New("not yet") },
	})
	if err == nil || !strings.Contains(err.Error(), "no such flag") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("start = %v, want the server's log and exit status", err)
	}
}
