package install

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// testRotationStarts switches rotation on and runs the sidecar with the token that
// the component mounts: it finds the API server, and becomes the leader.
func (s *site) testRotationStarts(t *testing.T, objects []*unstructured.Unstructured) {
	harness.Need(t, harness.Seal, harness.Unshare)
	if os.Getuid() != 0 {
		t.Skip("to change owners of files and to mount takes root")
	}
	n := newNode(t, pod(t, find(t, objects, "Deployment", "argocd-repo-server")).Spec)
	edit(t, filepath.Join(n.volumes["argocd-seal"], "plugin.yaml"), "# rotation:\n#   enabled: true\n", "rotation:\n  enabled: true\n")
	token, err := s.Token(t.Context(), "argocd", "argocd-seal", harness.APIAudience)
	must(t, err)
	projected := n.volumes["argocd-seal-api-token"]
	for name, content := range map[string]string{"token": token, "ca.crt": string(s.Config.CAData), "namespace": "argocd"} {
		must(t, os.WriteFile(filepath.Join(projected, name), []byte(content), 0o644))
	}
	server, err := url.Parse(s.Config.Host)
	must(t, err)
	n.env = []string{"KUBERNETES_SERVICE_HOST=" + server.Hostname(), "KUBERNETES_SERVICE_PORT=" + server.Port()}
	n.start(t)
	until(t, "the sidecar leads", func(ctx context.Context) error {
		select {
		case <-n.exited:
			t.Fatalf("the sidecar ended:\n%s", n.log.String())
		default:
		}
		lease, err := s.Client.CoordinationV1().Leases("argocd").Get(ctx, "argocd-seal-rotation", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" || *lease.Spec.HolderIdentity == holder {
			return errors.New("nobody holds the Lease")
		}
		return nil
	})
}
