// Package install applies the example installation to a real API server, with the
// manifests of real releases of Argo CD, and tries what it promises.
package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// patience bounds what the API server does in its own time.
const patience = 60 * time.Second

// site is a cluster with Argo CD's objects in it.
type site struct {
	*harness.Cluster
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

func newSite(t *testing.T) *site {
	t.Helper()
	cluster := harness.NewCluster(t)
	return &site{cluster, restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(cluster.Client.Discovery()))}
}

// as returns the configuration of a service account that has a token for the
// API server.
func (s *site) as(t *testing.T, namespace, name string) *rest.Config {
	t.Helper()
	token, err := s.Token(t.Context(), namespace, name, harness.APIAudience)
	if err != nil {
		t.Fatal(err)
	}
	config := rest.CopyConfig(s.Config)
	config.BearerToken = token
	return config
}

// client returns a client for the resource of an object.
func (s *site) client(config *rest.Config, object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		s.mapper.Reset()
		mapping, err = s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, err
	}
	all, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return all.Resource(mapping.Resource), nil
	}
	return all.Resource(mapping.Resource).Namespace(object.GetNamespace()), nil
}

// apply applies an object on the server's side. A field that the server does not
// know is an error.
func (s *site) apply(ctx context.Context, config *rest.Config, object *unstructured.Unstructured) error {
	client, err := s.client(config, object)
	if err != nil {
		return err
	}
	content, err := json.Marshal(object)
	if err != nil {
		return err
	}
	_, err = client.Patch(ctx, object.GetName(), types.ApplyPatchType, content, metav1.PatchOptions{
		FieldManager: "install", Force: new(true), FieldValidation: metav1.FieldValidationStrict,
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// applyAll applies definitions, waits until they are served, and then the rest.
func (s *site) applyAll(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	for _, definitions := range []bool{true, false} {
		for _, object := range objects {
			if (object.GetKind() == "CustomResourceDefinition") != definitions {
				continue
			}
			if err := s.apply(t.Context(), s.Config, object); err != nil {
				t.Error(err)
			}
			if definitions {
				s.await(t, object)
			}
		}
	}
}

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// await waits until a definition is served.
func (s *site) await(t *testing.T, definition *unstructured.Unstructured) {
	t.Helper()
	client, err := dynamic.NewForConfig(s.Config)
	if err != nil {
		t.Fatal(err)
	}
	until(t, definition.GetName()+" is served", func(ctx context.Context) error {
		found, err := client.Resource(definitions).Get(ctx, definition.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		conditions, _, _ := unstructured.NestedSlice(found.Object, "status", "conditions")
		for _, c := range conditions {
			if condition, _ := c.(map[string]any); condition["type"] == "Established" && condition["status"] == "True" {
				return nil
			}
		}
		return errors.New("it is not established")
	})
}

// until asks again until there is no error.
func until(t *testing.T, what string, ask func(context.Context) error) {
	t.Helper()
	const pause = 50 * time.Millisecond
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), pause, patience, true, func(ctx context.Context) (bool, error) {
		last = ask(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v", what, errors.Join(err, last))
	}
}

// find returns the one object of a kind and a name.
func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			return object
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return nil
}
