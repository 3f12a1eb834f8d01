package install

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// podIP is an address of this machine that is not loopback, where it has one.
func podIP(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	must(t, err)
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	return "127.0.0.1"
}

// probed returns the port that both probes go to, as the kubelet finds it: by its
// name in the container.
func (n *node) probed(t *testing.T) int32 {
	t.Helper()
	liveness, readiness := n.container.LivenessProbe, n.container.ReadinessProbe
	if liveness == nil || readiness == nil || liveness.HTTPGet == nil || readiness.HTTPGet == nil {
		t.Fatalf("the sidecar has the probes %v and %v", liveness, readiness)
	}
	if liveness.HTTPGet.Path != "/healthz" || readiness.HTTPGet.Path != "/readyz" || liveness.HTTPGet.Port != readiness.HTTPGet.Port {
		t.Errorf("the probes ask %v and %v", liveness.HTTPGet, readiness.HTTPGet)
	}
	for _, port := range n.container.Ports {
		if port.Name == readiness.HTTPGet.Port.StrVal && port.Protocol == corev1.ProtocolTCP {
			return port.ContainerPort
		}
	}
	t.Fatalf("the container has no port %v", readiness.HTTPGet.Port)
	return 0
}

// testServes looks at the sidecar as the kubelet does, once at the beginning and
// then until both probes are well. waits tells that Vault is not there, so that
// it is not ready for some time and says why.
func (n *node) testServes(t *testing.T, waits bool) {
	n.start(t)
	n.await(t, "liveness", n.container.LivenessProbe)
	if err := n.probe(t.Context(), n.container.ReadinessProbe); waits && (err == nil || !strings.Contains(err.Error(), "vault:production")) {
		t.Errorf("without Vault /readyz says %v, want that it is not ready and which login does not work", err)
	}
	n.await(t, "readiness", n.container.ReadinessProbe)
	socket := filepath.Join(n.volumes["plugins"], "argocd-seal-v1.0.sock")
	info, err := os.Stat(socket)
	must(t, err)
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != user || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is of user %d with mode %o, want %d and 600", owner, info.Mode().Perm(), user)
	}
	for _, layer := range []string{"no-new-privs", "seccomp"} {
		if !strings.Contains(n.log.String(), `"layer":"`+layer+`"`) {
			t.Errorf("the log does not speak of the layer %s:\n%s", layer, n.log.String())
		}
	}
}

// await waits until a probe is well.
func (n *node) await(t *testing.T, name string, probe *corev1.Probe) {
	t.Helper()
	until(t, name+" is well", func(ctx context.Context) error {
		select {
		case <-n.exited:
			t.Fatalf("the sidecar ended:\n%s", n.log.String())
		default:
		}
		return n.probe(ctx, probe)
	})
}

// probe asks as the kubelet does.
func (n *node) probe(ctx context.Context, probe *corev1.Probe) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.address+probe.HTTPGet.Path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusBadRequest {
		said, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s answers %s: %s", probe.HTTPGet.Path, response.Status, said)
	}
	return nil
}
