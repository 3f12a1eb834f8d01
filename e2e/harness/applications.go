package harness

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Applications is Argo CD's own resource.
var Applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}

// DefineApplications applies Argo CD's definition of Applications.
func (c *Cluster) DefineApplications(ctx context.Context) error {
	return c.defineArgo(ctx, "application", Applications)
}

// DefineProjects applies Argo CD's definitions of AppProjects and of
// ApplicationSets.
func (c *Cluster) DefineProjects(ctx context.Context) error {
	return errors.Join(
		c.defineArgo(ctx, "appproject", Applications.GroupVersion().WithResource("appprojects")),
		c.defineArgo(ctx, "applicationset", Applications.GroupVersion().WithResource("applicationsets")),
	)
}

// defineArgo applies one of the definitions in argo-cd's module.
func (c *Cluster) defineArgo(ctx context.Context, name string, served schema.GroupVersionResource) error {
	root, err := Root()
	if err != nil {
		return err
	}
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v2")
	list.Dir = filepath.Join(root, "e2e")
	module, err := list.Output()
	if err != nil {
		return fmt.Errorf("find argo-cd's module: %w", err)
	}
	return c.define(ctx, filepath.Join(strings.TrimSpace(string(module)), "manifests", "crds", name+"-crd.yaml"), served)
}

// CreateApplications makes Applications of a repository that were synced at a
// revision.
func (c *Cluster) CreateApplications(ctx context.Context, namespace, repoURL, revision string, names ...string) error {
	client, err := dynamic.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	const writers = 16
	group.SetLimit(writers)
	for _, name := range names {
		group.Go(func() error {
			app := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
				"metadata": map[string]any{"name": name, "namespace": namespace},
				"spec": map[string]any{
					"project":     "default",
					"source":      map[string]any{"repoURL": repoURL, "path": "app"},
					"destination": map[string]any{"namespace": "apps", "server": "https://kubernetes.default.svc"},
				},
				"status": map[string]any{"sync": map[string]any{"status": "Synced", "revision": revision}},
			}}
			_, err := client.Resource(Applications).Namespace(namespace).Create(ctx, app, metav1.CreateOptions{})
			return err
		})
	}
	return group.Wait()
}

// Kubeconfig writes a kubeconfig file for a token.
func (c *Cluster) Kubeconfig(path, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: c.Config.Host, CertificateAuthorityData: c.Config.CAData}
	config.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	return clientcmd.WriteToFile(*config, path)
}
