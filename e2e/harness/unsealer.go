package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// unsealerNamespace is where the controller keeps its keys.
const unsealerNamespace = "sealed-secrets"

const unsealerName = "sealed-secrets-controller"

// SealedSecrets is the resource that the controller watches.
var SealedSecrets = schema.GroupVersionResource{Group: "bitnami.com", Version: "v1alpha1", Resource: "sealedsecrets"}

// ExternalSecrets is the resource that External Secrets Operator watches.
var ExternalSecrets = schema.GroupVersionResource{Group: "external-secrets.io", Version: "v1", Resource: "externalsecrets"}

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// inCluster gives a program the files of a service account where a pod has
// them, in a mount namespace of its own: the controller knows no other
// configuration (pkg/controller/main.go).
const inCluster = `set -e
mount -t tmpfs none /run
mkdir -p /var/run/secrets/kubernetes.io
cp -r "$1" /var/run/secrets/kubernetes.io/serviceaccount
shift
exec "$@"`

// Unseal starts the real sealed-secrets controller on the cluster and returns
// its key pair as the controller has stored it.
func (c *Cluster) Unseal(ctx context.Context) (*corev1.Secret, error) {
	path, err := SealedSecretCRD.Path()
	if err != nil {
		return nil, err
	}
	if err := c.define(ctx, path, SealedSecrets); err != nil {
		return nil, err
	}
	// It may be there, with a key that the controller takes.
	if err := c.Namespace(ctx, unsealerNamespace); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, err
	}
	account := c.file("account")
	if err := os.Mkdir(account, 0o700); err != nil {
		return nil, err
	}
	for name, content := range map[string]string{
		"token": adminToken, "namespace": unsealerNamespace, "ca.crt": string(c.Config.CAData),
	} {
		if err := os.WriteFile(filepath.Join(account, name), []byte(content), 0o600); err != nil {
			return nil, err
		}
	}
	return c.startUnsealer(ctx, account)
}

// RestartUnsealer ends the controller and starts it again, as when its pod is
// deleted, and returns the key pair that it seals with then.
func (c *Cluster) RestartUnsealer(ctx context.Context) (*corev1.Secret, error) {
	for i, process := range c.processes {
		if process.name == unsealerName {
			if err := process.Stop(); err != nil {
				return nil, err
			}
			c.processes = slices.Delete(c.processes, i, i+1)
			break
		}
	}
	return c.startUnsealer(ctx, c.file("account"))
}

func (c *Cluster) startUnsealer(ctx context.Context, account string) (*corev1.Secret, error) {
	unshare, err := Unshare.Path()
	if err != nil {
		return nil, err
	}
	path, err := Unsealer.Path()
	if err != nil {
		return nil, err
	}
	args := []string{"--mount", "sh", "-c", inCluster, "sh", account, path, "--listen-addr", "127.0.0.1:0", "--listen-metrics-addr", "127.0.0.1:0"}
	if os.Getuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	var key *corev1.Secret
	process, err := start(ctx, spec{
		name: unsealerName, path: unshare, args: args, dir: c.dir, stop: syscall.SIGTERM,
		env: []string{"PATH=" + os.Getenv("PATH"), "KUBERNETES_SERVICE_HOST=" + c.host, "KUBERNETES_SERVICE_PORT=" + strconv.Itoa(c.port)},
		ready: func(ctx context.Context, _ string) error {
			key, err = c.unsealingKey(ctx)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	c.processes = append(c.processes, process)
	return key, nil
}

func (c *Cluster) unsealingKey(ctx context.Context) (*corev1.Secret, error) {
	keys, err := c.Client.CoreV1().Secrets(unsealerNamespace).List(ctx, metav1.ListOptions{
		LabelSelector: "sealedsecrets.bitnami.com/sealed-secrets-key=active",
	})
	if err != nil {
		return nil, err
	}
	if len(keys.Items) == 0 {
		return nil, errors.New("the controller has no key")
	}
	newest := slices.MaxFunc(keys.Items, func(a, b corev1.Secret) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	return &newest, nil
}

// DefineExternalSecrets has the cluster serve ExternalSecrets.
func (c *Cluster) DefineExternalSecrets(ctx context.Context) error {
	path, err := ExternalSecretCRD.Path()
	if err != nil {
		return err
	}
	return c.define(ctx, path, ExternalSecrets)
}

// define applies a custom resource definition from a file and waits until its
// resource is served.
func (c *Cluster) define(ctx context.Context, path string, served schema.GroupVersionResource) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	definition := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &definition.Object); err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	if _, err := client.Resource(definitions).Create(ctx, definition, metav1.CreateOptions{}); err != nil {
		return err
	}
	return until(ctx, func() error {
		_, err := client.Resource(served).List(ctx, metav1.ListOptions{})
		return err
	})
}

// Apply puts an object into the cluster as `kubectl apply --server-side` does.
func (c *Cluster) Apply(ctx context.Context, resource schema.GroupVersionResource, object *unstructured.Unstructured) error {
	client, err := dynamic.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	_, err = client.Resource(resource).Namespace(object.GetNamespace()).
		Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "test", Force: true})
	return err
}

// Secret waits for a Secret that fits, and returns it. Where none comes, the
// error holds what there is.
func (c *Cluster) Secret(ctx context.Context, namespace, name string, fits func(*corev1.Secret) error) (secret *corev1.Secret, err error) {
	err = until(ctx, func() (err error) {
		if secret, err = c.Client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		return fits(secret)
	})
	return secret, err
}

// RecoverSecret decrypts a SealedSecret with kubeseal and the controller's key,
// as people do who have lost their cluster.
func RecoverSecret(ctx context.Context, key *corev1.Secret, sealed []byte) (*corev1.Secret, error) {
	path, err := Kubeseal.Path()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "kubeseal")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(file, key.Data[corev1.TLSPrivateKeyKey], 0o600); err != nil {
		return nil, err
	}
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, path, "--recovery-unseal", "--recovery-private-key", file, "--format", "json")
	command.Stdin, command.Stderr = bytes.NewReader(sealed), &stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("kubeseal: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	secret := &corev1.Secret{}
	return secret, json.Unmarshal(output, secret)
}

// until asks until there is no error any more, or for as long as a server may
// take to start.
func until(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(pollInterval):
		}
	}
}
