package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

var applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}

const application = `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
  namespace: argocd
spec:
  project: shop-dev
  source: {repoURL: https://git.example.com/shop/deploy.git, path: apps/shop/overlays/dev}
  destination: {server: https://kubernetes.default.svc, namespace: shop-dev}
`

// holder is who holds the Lease for a moment in the test of rights.
const holder = "replica"

// testRights does what rotation does, with the sidecar's own token, and asks the
// API server what else it could.
func (s *site) testRights(t *testing.T) {
	s.applyAll(t, parse(t, application))
	config := s.as(t, "argocd", "argocd-seal")
	t.Run("rotation works", func(t *testing.T) { testRotation(t, config) })
	t.Run("nothing else does", func(t *testing.T) {
		if err := s.ServiceAccount(t.Context(), "argocd", "nobody"); err != nil {
			t.Fatal(err)
		}
		common := s.allowed(t, s.as(t, "argocd", "nobody"))
		var own []string
		for _, right := range s.allowed(t, config) {
			if !slices.Contains(common, right) {
				own = append(own, right)
			}
		}
		want := []string{
			"argocd create leases", "argocd get applications", "argocd get leases/argocd-seal-rotation",
			"argocd get leases/argocd-seal-rotation-00", "argocd get leases/argocd-seal-rotation-31",
			"argocd patch applications", "argocd update leases/argocd-seal-rotation",
			"argocd update leases/argocd-seal-rotation-00", "argocd update leases/argocd-seal-rotation-31",
		}
		if difference := cmp.Diff(want, own); difference != "" {
			t.Errorf("rights beside those of every account (-want +got):\n%s", difference)
		}
	})
	t.Run("the token for Vault is for Vault", func(t *testing.T) {
		token, err := s.Token(t.Context(), "argocd", "argocd-seal", "vault")
		if err != nil {
			t.Fatal(err)
		}
		wrong := rest.CopyConfig(s.Config)
		wrong.BearerToken = token
		client, err := dynamic.NewForConfig(wrong)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Resource(applications).Namespace("argocd").Get(t.Context(), "shop", metav1.GetOptions{})
		if !apierrors.IsUnauthorized(err) {
			t.Errorf("the API server answers %v, want that it does not know the token", err)
		}
	})
}

func testRotation(t *testing.T, config *rest.Config) {
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	apps, leases := objects.Resource(applications).Namespace("argocd"), client.CoordinationV1().Leases("argocd")
	const refresh = `{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"hard"}}}`
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"get an application", func(ctx context.Context) error {
			_, err := apps.Get(ctx, "shop", metav1.GetOptions{})
			return err
		}},
		{"refresh it", func(ctx context.Context) error {
			_, err := apps.Patch(ctx, "shop", types.MergePatchType, []byte(refresh), metav1.PatchOptions{})
			return err
		}},
		{"make and renew the lease", func(ctx context.Context) error {
			lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "argocd-seal-rotation"}}
			if _, err := leases.Create(ctx, lease, metav1.CreateOptions{}); err != nil {
				return err
			}
			lease, err := leases.Get(ctx, lease.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			lease.Spec.HolderIdentity = new(holder)
			if lease, err = leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
				return err
			}
			lease.Spec.HolderIdentity = nil
			_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
			return err
		}},
	}
	for _, step := range steps {
		if err := step.do(t.Context()); err != nil {
			t.Errorf("cannot %s: %v", step.name, err)
		}
	}
	if _, err := client.CoreV1().Secrets("argocd").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("reading Secrets answers %v, want that it is forbidden", err)
	}
}

// allowed returns what an account may do, sorted: every verb with every resource
// that the server has, in Argo CD's namespace, in another and in the cluster.
func (s *site) allowed(t *testing.T, config *rest.Config) []string {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	_, lists, err := s.Client.Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	asked := 0
	for _, list := range lists {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			for _, namespace := range []string{"argocd", "default", ""} {
				for _, verb := range resource.Verbs {
					for _, name := range names(resource.Name) {
						asked++
						if may(t, client, namespace, verb, group, resource.Name, name) {
							found = append(found, strings.TrimSuffix(fmt.Sprintf("%s %s %s/%s", namespace, verb, resource.Name, name), "/"))
						}
					}
				}
			}
		}
	}
	if asked < 1000 {
		t.Fatalf("asked %d questions, want one for each verb of each resource", asked)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// names are the objects to ask for: any, and Leases that have a rule or are near
// one that has.
func names(resource string) []string {
	if resource == "leases" {
		return []string{"", "argocd-seal-rotation", "argocd-seal-rotation-00", "argocd-seal-rotation-31", "argocd-seal-rotation-32"}
	}
	return []string{""}
}

func may(t *testing.T, client kubernetes.Interface, namespace, verb string, group schema.GroupVersion, resource, name string) bool {
	t.Helper()
	resource, subresource, _ := strings.Cut(resource, "/")
	if name != "" && verb == "create" {
		// A name is not looked at when something is created.
		return false
	}
	answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Group: group.Group, Version: group.Version, Resource: resource, Subresource: subresource, Name: name,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Allowed
}
