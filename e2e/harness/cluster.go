package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// APIAudience is the audience of the cluster's API server, which no token for
// Vault may have.
const APIAudience = "https://kubernetes.default.svc.cluster.local"

// adminToken is the bearer token of an administrator of the cluster, which lives
// as long as the test.
const adminToken = "administrator"

// Cluster is a real kube-apiserver with its etcd, without any node.
type Cluster struct {
	// Config has all rights.
	Config *rest.Config
	Client kubernetes.Interface

	dir       string
	host      string
	port      int
	store     string
	processes []*Process
}

// NewCluster starts a cluster that ends with the test.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	Need(t, APIServer, Etcd)
	dir, err := os.MkdirTemp("", "cluster")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{dir: dir, host: "127.0.0.1"}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(logs(c.processes))
		}
	})
	if err := c.boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *Cluster) boot(ctx context.Context) error {
	if err := c.writeKeys(); err != nil {
		return err
	}
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return err
	}
	c.port = ports[2]
	c.store = fmt.Sprintf("http://%s:%d", c.host, ports[0])
	if err := c.startEtcd(ctx, c.store, fmt.Sprintf("http://%s:%d", c.host, ports[1])); err != nil {
		return err
	}
	authority, err := os.ReadFile(c.file("server.crt"))
	if err != nil {
		return err
	}
	c.Config = &rest.Config{
		Host: "https://" + net.JoinHostPort(c.host, strconv.Itoa(c.port)), BearerToken: adminToken,
		TLSClientConfig: rest.TLSClientConfig{CAData: authority}, QPS: 1000, Burst: 1000,
	}
	if c.Client, err = kubernetes.NewForConfig(c.Config); err != nil {
		return err
	}
	return c.StartAPIServer(ctx)
}

// writeKeys makes what a control plane's installer makes: a serving certificate
// with its authority, a key for service accounts' tokens and a first user.
func (c *Cluster) writeKeys() error {
	certificate, key, err := cert.GenerateSelfSignedCertKey(c.host, []net.IP{net.ParseIP(c.host)}, nil)
	if err != nil {
		return err
	}
	accounts, err := keyutil.MakeEllipticPrivateKeyPEM()
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(c.file("server.crt"), certificate, 0o600),
		os.WriteFile(c.file("server.key"), key, 0o600),
		os.WriteFile(c.file("accounts.key"), accounts, 0o600),
		os.WriteFile(c.file("tokens.csv"), []byte(adminToken+",admin,admin,system:masters\n"), 0o600),
	)
}

func (c *Cluster) startEtcd(ctx context.Context, clients, peers string) error {
	path, err := Etcd.Path()
	if err != nil {
		return err
	}
	process, err := start(ctx, spec{
		name: "etcd", path: path, dir: c.dir, stop: syscall.SIGTERM,
		args: []string{"--data-dir", c.file("etcd"), "--listen-client-urls", clients, "--advertise-client-urls", clients,
			"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default=" + peers},
		ready: func(ctx context.Context, _ string) error { return ok(ctx, clients+"/health") },
	})
	if err == nil {
		c.processes = append(c.processes, process)
	}
	return err
}

// StartAPIServer starts the API server, after StopAPIServer once more.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	path, err := APIServer.Path()
	if err != nil {
		return err
	}
	process, err := start(ctx, spec{
		name: "kube-apiserver", path: path, dir: c.dir, stop: syscall.SIGTERM,
		args: []string{"--etcd-servers", c.store, "--bind-address", c.host, "--secure-port", strconv.Itoa(c.port),
			"--tls-cert-file", c.file("server.crt"), "--tls-private-key-file", c.file("server.key"), "--cert-dir", c.dir,
			"--service-cluster-ip-range", "10.96.0.0/16", "--authorization-mode", "RBAC", "--token-auth-file", c.file("tokens.csv"),
			"--service-account-issuer", APIAudience, "--service-account-key-file", c.file("accounts.key"),
			"--service-account-signing-key-file", c.file("accounts.key"),
			// There is no node that would need to reach the address.
			"--advertise-address", "192.0.2.1", "--endpoint-reconciler-type", "none"},
		ready: func(ctx context.Context, _ string) error {
			return c.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		},
	})
	if err == nil {
		c.processes = append(c.processes, process)
	}
	return err
}

// StopAPIServer ends the API server at once: asked to, it would wait for watches
// to end. Etcd keeps what it has.
func (c *Cluster) StopAPIServer() error {
	last := len(c.processes) - 1
	process := c.processes[last]
	c.processes = c.processes[:last]
	return process.Kill()
}

// Namespace makes a namespace.
func (c *Cluster) Namespace(ctx context.Context, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	return err
}

// ServiceAccount makes a service account.
func (c *Cluster) ServiceAccount(ctx context.Context, namespace, name string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.Client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{})
	return err
}

// Token returns a token of a service account for an audience, as the kubelet
// projects it into a pod.
func (c *Cluster) Token(ctx context.Context, namespace, name, audience string) (string, error) {
	const life = int64(600)
	request := &authenticationv1.TokenRequest{
		Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}, ExpirationSeconds: new(life)},
	}
	answer, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, request, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return answer.Status.Token, nil
}

// Close stops the servers and removes their files.
func (c *Cluster) Close() error {
	var errs []error
	for _, process := range slices.Backward(c.processes) {
		errs = append(errs, process.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(c.dir))...)
}

func (c *Cluster) file(name string) string { return filepath.Join(c.dir, name) }

// freePorts returns ports of the loopback address that nobody listens on. Etcd
// and kube-apiserver must be told theirs; somebody else may take one before.
func freePorts(ctx context.Context, count int) ([]int, error) {
	ports := make([]int, count)
	for i := range ports {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = listener.Close() }()
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// ok returns nil where a URL answers with status 200.
func ok(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
