package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

const (
	rotationRepo     = "https://git.example.com/shop.git"
	refreshMark      = "argocd.argoproj.io/refresh"
	rotationInterval = time.Second
	// patience bounds what a test waits for on a busy machine.
	patience = 3 * time.Minute
)

var rotationRevision = strings.Repeat("a", 40)

// rotationWorld is a cluster with Argo CD's Applications and nothing that
// reconciles them, a Vault, and the rights that docs/rotation.md gives.
type rotationWorld struct {
	cluster *harness.Cluster
	vault   *harness.Vault
	apps    dynamic.ResourceInterface
	// kubeconfig is of the service account with just the Role of the guide, and
	// token is a Vault token with just its policy.
	kubeconfig, token string
}

func startRotation(t *testing.T) *rotationWorld {
	t.Helper()
	w := &rotationWorld{cluster: harness.NewCluster(t), vault: harness.NewVault(t)}
	ctx := t.Context()
	must(t, w.cluster.DefineApplications(ctx))
	must(t, w.cluster.Namespace(ctx, "argocd"))
	must(t, w.cluster.ServiceAccount(ctx, "argocd", "argocd-seal"))
	client, err := dynamic.NewForConfig(w.cluster.Config)
	must(t, err)
	w.apps = client.Resource(harness.Applications).Namespace("argocd")

	guide, err := os.ReadFile("../docs/rotation.md")
	must(t, err)
	w.allow(t, string(guide))
	token, err := w.cluster.Token(ctx, "argocd", "argocd-seal", harness.APIAudience)
	must(t, err)
	dir := t.TempDir()
	w.kubeconfig, w.token = filepath.Join(dir, "kubeconfig"), filepath.Join(dir, "token")
	must(t, w.cluster.Kubeconfig(w.kubeconfig, token))

	policy := regexp.MustCompile(`(?m)^path "kv/metadata/shop/\*".*$`).FindString(string(guide))
	must(t, w.vault.Root.Sys().PutPolicyWithContext(ctx, "rotation", policy))
	login, err := w.vault.Root.Auth().Token().CreateWithContext(ctx, &api.TokenCreateRequest{Policies: []string{"rotation"}})
	must(t, err)
	must(t, os.WriteFile(w.token, []byte(login.Auth.ClientToken), 0o600))
	return w
}

// allow applies the Role and the RoleBinding of the guide.
func (w *rotationWorld) allow(t *testing.T, guide string) {
	t.Helper()
	block := regexp.MustCompile("(?s)```yaml\n(apiVersion: rbac.*?)```").FindStringSubmatch(guide)
	if block == nil {
		t.Fatal("the guide has no Role")
	}
	role, binding, _ := strings.Cut(block[1], "---\n")
	var made rbacv1.Role
	must(t, yaml.UnmarshalStrict([]byte(role), &made))
	_, err := w.cluster.Client.RbacV1().Roles("argocd").Create(t.Context(), &made, metav1.CreateOptions{})
	must(t, err)
	var bound rbacv1.RoleBinding
	must(t, yaml.UnmarshalStrict([]byte(binding), &bound))
	_, err = w.cluster.Client.RbacV1().RoleBindings("argocd").Create(t.Context(), &bound, metav1.CreateOptions{})
	must(t, err)
}

// replicas starts replicas without any memory of what came before.
func (w *rotationWorld) replicas(t *testing.T, count int, args ...string) []*harness.Replica {
	t.Helper()
	leases := w.cluster.Client.CoordinationV1().Leases("argocd")
	list, err := leases.List(t.Context(), metav1.ListOptions{})
	must(t, err)
	for _, lease := range list.Items {
		must(t, leases.Delete(t.Context(), lease.Name, metav1.DeleteOptions{}))
	}
	all := make([]*harness.Replica, count)
	for i := range all {
		all[i] = harness.NewReplica(t, append([]string{
			"--kubeconfig", w.kubeconfig, "--vault", w.vault.Address, "--token-file", w.token, "--interval", rotationInterval.String(),
		}, args...)...)
	}
	return all
}

// put writes a new version of kv/shop/NAME and returns its number.
func (w *rotationWorld) put(t *testing.T, name string) int {
	t.Helper()
	written, err := w.vault.Root.KVv2("kv").Put(t.Context(), "shop/"+name, map[string]any{"password": "in the vault"})
	must(t, err)
	return written.VersionMetadata.Version
}

func (w *rotationWorld) create(t *testing.T, names ...string) {
	t.Helper()
	must(t, w.cluster.CreateApplications(t.Context(), "argocd", rotationRepo, rotationRevision, names...))
}

func named(prefix string, count int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return names
}

// rendered is the event of a render that used one secret.
func rendered(app, path string, version int) map[string]any {
	return map[string]any{
		"version": 1, "type": "render", "outcome": "OK", "time": time.Now(), "app": app, "repo": rotationRepo, "path": "app",
		"revision": rotationRevision, "references": []any{map[string]any{"binding": "shop", "mount": "kv", "path": "shop/" + path, "secretVersion": version}},
	}
}

// argo counts the refreshes that Applications are asked for. Like Argo CD's
// controller it takes the annotation away again, where it is told to, and then
// renders.
type argo struct {
	apps   dynamic.ResourceInterface
	render func(app string)

	mu     sync.Mutex
	marked map[string]bool
	count  map[string]int
}

func (w *rotationWorld) argo(t *testing.T, render func(app string)) *argo {
	t.Helper()
	a := &argo{apps: w.apps, render: render, marked: map[string]bool{}, count: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if a.follow(ctx) != nil && ctx.Err() == nil {
				time.Sleep(100 * time.Millisecond) // the API server is down
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return a
}

func (a *argo) follow(ctx context.Context) error {
	list, err := a.apps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range list.Items {
		a.see(ctx, &list.Items[i])
	}
	watch, err := a.apps.Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer watch.Stop()
	for event := range watch.ResultChan() {
		app, ok := event.Object.(*unstructured.Unstructured)
		if !ok || app.GetKind() != "Application" {
			return errors.New("the watch ended")
		}
		a.see(ctx, app)
	}
	return nil
}

func (a *argo) see(ctx context.Context, app *unstructured.Unstructured) {
	name, marked := app.GetName(), app.GetAnnotations()[refreshMark] == "hard"
	a.mu.Lock()
	if marked && !a.marked[name] {
		a.count[name]++
	}
	a.marked[name] = marked
	a.mu.Unlock()
	if !marked || a.render == nil {
		return
	}
	patch := []byte(`{"metadata":{"annotations":{"` + refreshMark + `":null}}}`)
	if _, err := a.apps.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err == nil {
		a.render(name)
	}
}

// counts returns how often each Application was refreshed.
func (a *argo) counts() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	counts := map[string]int{}
	for name, count := range a.count {
		counts[name] = count
	}
	return counts
}

// applications is how many Applications were refreshed.
func (a *argo) applications() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.count)
}

// once is what counts must be where each of the applications is refreshed once.
func once(names ...string) map[string]int {
	counts := map[string]int{}
	for _, name := range names {
		counts[name] = 1
	}
	return counts
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	within(t, patience, what, holds)
}

func within(t *testing.T, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// leaderOf waits for the replica that leads.
func leaderOf(t *testing.T, replicas []*harness.Replica) (leader *harness.Replica) {
	t.Helper()
	eventually(t, "a replica leads", func() bool {
		for _, r := range replicas {
			if stats, err := r.Stats(); err == nil && stats.Leading {
				leader = r
				return true
			}
		}
		return false
	})
	return leader
}

// watched waits until the leader knows so many applications and has asked Vault
// about all of them so many times more.
func watched(t *testing.T, replicas []*harness.Replica, applications, rounds int) {
	t.Helper()
	leader := leaderOf(t, replicas)
	var begin int64 = -1
	eventually(t, fmt.Sprintf("%d applications are watched for %d rounds", applications, rounds), func() bool {
		stats, err := leader.Stats()
		if err != nil || !stats.Leading {
			leader, begin = leaderOf(t, replicas), -1
			return false
		}
		if stats.Applications < applications || stats.Secrets == 0 {
			return false
		}
		if begin < 0 {
			begin = stats.VaultRequests
		}
		// One round more, since one may have begun before.
		return stats.VaultRequests >= begin+int64((rounds+1)*stats.Secrets)
	})
}

func refreshesOf(replicas []*harness.Replica) (all []harness.Rotated) {
	for _, r := range replicas {
		for _, event := range r.Events() {
			if event.Type == "refresh" {
				all = append(all, event)
			}
		}
	}
	return all
}

// settled tells that the refreshes are those and, for three rounds, no others.
func settled(t *testing.T, a *argo, replicas []*harness.Replica, want map[string]int, applications int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d Applications are refreshed", len(want)), func() bool { return a.applications() >= len(want) })
	alive := slices.DeleteFunc(slices.Clone(replicas), func(r *harness.Replica) bool { return !r.Alive() })
	watched(t, alive, applications, 3)
	got := a.counts()
	for name := range want {
		if got[name] != 1 {
			t.Errorf("%s was refreshed %d times", name, got[name])
		}
	}
	for name, count := range got {
		if want[name] == 0 {
			t.Errorf("%s was refreshed %d times, and does not use what changed", name, count)
		}
	}
}
