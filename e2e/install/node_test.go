package install

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/kubernetes/pkg/volume"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// user is the uid and the gid of the sidecar.
const user = 999

// enter runs a program as a container's runtime does, without one: a root of
// its own that cannot be written, and what $1 lists in it. mount(8) and chroot(8)
// are Debian's.
const enter = `set -e
root=$1; shift
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
while [ "$1" != -- ]; do
  mount --bind "$1" "$root$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
  shift 3
done
shift
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec=+999:+999 --groups=+999 "$root" "$@"`

// node holds the files of one pod and runs its sidecar.
type node struct {
	container corev1.Container
	// volumes are directories by the volumes' names.
	volumes map[string]string
	address string
	// env is what the kubelet tells a container besides its own variables.
	env    []string
	log    log
	exited chan struct{}
}

func newNode(t *testing.T, spec corev1.PodSpec) *node {
	t.Helper()
	n := &node{volumes: map[string]string{}, exited: make(chan struct{})}
	for _, container := range spec.Containers {
		if container.Name == "argocd-seal" {
			n.container = container
		}
	}
	// Another port than the example's: other tests may run beside this one. The
	// kubelet asks at the pod's address, not on loopback.
	listener, err := net.Listen("tcp", net.JoinHostPort(podIP(t), "0")) //nolint:noctx // closed at once
	must(t, err)
	n.address = listener.Addr().String()
	must(t, listener.Close())
	content := n.content(t)
	for _, volume := range spec.Volumes {
		if n.mounted(volume.Name) {
			n.volumes[volume.Name] = lay(t, volume, spec.SecurityContext.FSGroup, content[volume.Name])
		}
	}
	return n
}

func (n *node) mounted(volume string) bool {
	for _, mount := range n.container.VolumeMounts {
		if mount.Name == volume {
			return true
		}
	}
	return false
}

// content makes what the platform team makes by the commands of docs/install.md.
func (n *node) content(t *testing.T) map[string]map[string][]byte {
	t.Helper()
	certificate, _, err := cert.GenerateSelfSignedCertKey("sealed-secrets", nil, nil)
	must(t, err)
	block, _ := pem.Decode(certificate)
	sum := sha256.Sum256(block.Bytes)
	config := strings.ReplaceAll(string(pluginYAML(t)), strings.Repeat("0", 64), hex.EncodeToString(sum[:]))
	listens := fmt.Sprintf("address: \":%d\"", n.probed(t))
	if !strings.Contains(config, listens) {
		t.Fatalf("the probes go to another port than the example's telemetry.address: %s", listens)
	}
	_, port, err := net.SplitHostPort(n.address)
	must(t, err)
	config = strings.ReplaceAll(config, listens, "address: \":"+port+"\"")
	salt := make([]byte, 32)
	_, _ = rand.Read(salt)
	return map[string]map[string][]byte{
		"argocd-seal": {"plugin.yaml": []byte(config)},
		"argocd-seal-certificates": {
			"vault-ca.crt": certificate, "production.crt": certificate, "staging.crt": certificate, "dev.crt": certificate,
		},
		"argocd-seal-salt":        {"salt": salt},
		"argocd-seal-audit":       {"audit.key": signingKey(t)},
		"argocd-seal-vault-token": {"token": []byte("token")},
		"argocd-seal-api-token":   {"token": []byte("token")},
	}
}

// signingKey is a key as openssl genpkey writes it.
func signingKey(t *testing.T) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func pluginYAML(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile(root(t, "examples/install/sidecar/plugin.yaml"))
	must(t, err)
	return content
}

// mounter is a volume that is written once, by the kubelet.
type mounter struct {
	volume.Mounter
	readOnly bool
}

func (m mounter) GetAttributes() volume.Attributes {
	return volume.Attributes{ReadOnly: m.readOnly, Managed: true}
}

// lay writes a volume as the kubelet does: as root, with the volume's mode, and
// then with what an fsGroup changes by the kubelet's own code.
func lay(t *testing.T, source corev1.Volume, group *int64, files map[string][]byte) string {
	t.Helper()
	mode, directory := os.FileMode(0o644), os.FileMode(0o755)
	switch {
	case source.EmptyDir != nil:
		directory = 0o777
	case source.Secret != nil:
		mode = os.FileMode(*source.Secret.DefaultMode)
	case source.Projected != nil:
		mode = os.FileMode(*source.Projected.DefaultMode)
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, directory))
	for name, content := range files {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, content, 0o600))
		must(t, os.Chmod(path, mode))
	}
	made := mounter{readOnly: source.EmptyDir == nil}
	must(t, volume.SetVolumeOwnership(made, dir, group, nil, nil))
	return dir
}

// start runs the container in a mount namespace of its own.
func (n *node) start(t *testing.T) {
	t.Helper()
	image := t.TempDir()
	must(t, os.Chmod(image, 0o755))
	for _, dir := range []string{"proc", "usr/local/bin"} {
		must(t, os.MkdirAll(filepath.Join(image, dir), 0o755))
	}
	binary, err := harness.Seal.Path()
	must(t, err)
	content, err := os.ReadFile(binary)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(image, "usr/local/bin/argocd-seal"), content, 0o755))
	args := []string{"--mount", "sh", "-c", enter, "sh", image}
	for _, mount := range n.container.VolumeMounts {
		must(t, os.MkdirAll(filepath.Join(image, mount.MountPath), 0o755))
		access := "rw"
		if mount.ReadOnly {
			access = "ro"
		}
		args = append(args, n.volumes[mount.Name], mount.MountPath, access)
	}
	args = append(append(args, "--", "/usr/local/bin/argocd-seal"), n.container.Args...)
	command := exec.CommandContext(t.Context(), "unshare", args...)
	command.Stdout, command.Stderr = &n.log, &n.log
	command.Env = append(n.env, "PATH="+os.Getenv("PATH"))
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	must(t, command.Start())
	go func() {
		_ = command.Wait()
		close(n.exited)
	}()
	t.Cleanup(func() { <-n.exited })
}

// testEnds starts the sidecar and waits until it gives up.
func (n *node) testEnds(t *testing.T, code string) {
	n.start(t)
	<-n.exited
	if !strings.Contains(n.log.String(), code) {
		t.Errorf("the sidecar said, want %s:\n%s", code, n.log.String())
	}
}

// log is what a program has written so far.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
