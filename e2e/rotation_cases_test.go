package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// TestRotation runs several replicas of rotation against a real API server and a
// real Vault, with the rights of docs/rotation.md and no others.
func TestRotation(t *testing.T) {
	w := startRotation(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *rotationWorld)
	}{
		{"exactly those that use it", rotateThreeOfMany},
		{"the leader is killed", rotateWhileTheLeaderDies},
		{"the API server stops", rotateWhileTheAPIServerIsDown},
		{"Vault is sealed", rotateAfterVaultWasSealed},
		{"deleted and destroyed", reportDeletedAndDestroyed},
		{"rebuilt from the audit trail", rotateAfterRebuild},
		{"policies change", rotateWhenPoliciesChange},
		{"all on one path", rotateManyOnOnePath},
		{"through the sidecar", rotateThroughTheSidecar},
		{"no more rights are used", useNoMoreRights},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(t, w)
			must(t, w.cluster.Client.CoordinationV1().Leases("argocd").DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
			// The API server may need more than one request for thousands.
			eventually(t, "the Applications are deleted", func() bool {
				return w.apps.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}) == nil
			})
		})
	}
}

// fleet renders applications on replicas in turn, each time on another.
type fleet struct {
	replicas []*harness.Replica
	turn     atomic.Int64
}

func (f *fleet) rendered(app, path string, version int) error {
	return f.tell(rendered(app, path, version))
}

// tell has the next replica that lives note an event.
func (f *fleet) tell(event map[string]any) error {
	for range f.replicas {
		r := f.replicas[int(f.turn.Add(1))%len(f.replicas)]
		if r.Alive() && r.Rendered(event) == nil {
			return nil
		}
	}
	return fmt.Errorf("no replica renders %s", event["app"])
}

func rotateThreeOfMany(t *testing.T, w *rotationWorld) {
	const many, paths = 500, 40
	names := named("many", many)
	w.create(t, names...)
	f := &fleet{replicas: w.replicas(t, 3)}
	version := w.put(t, "db")
	for i := range paths {
		w.put(t, fmt.Sprintf("other-%d", i))
	}
	chosen := []string{names[7], names[150], names[499]}
	for i, name := range names {
		path, read := fmt.Sprintf("other-%d", i%paths), 1
		if slices.Contains(chosen, name) {
			path, read = "db", version
		}
		must(t, f.rendered(name, path, read))
	}
	a := w.argo(t, func(app string) { must(t, f.rendered(app, "db", version+1)) })
	watched(t, f.replicas, many, 1)
	w.vault.Asked()
	began := time.Now()
	w.put(t, "db")
	eventually(t, "three Applications are refreshed", func() bool { return a.applications() >= len(chosen) })
	took := time.Since(began)
	asked := 0
	for _, line := range w.vault.Asked() {
		if strings.HasSuffix(line, "/kv/metadata/shop/db") {
			asked++
		}
	}
	t.Logf("3 of %d Applications refreshed %s after the write, Vault asked %d times for it, interval %s", many, took.Round(time.Millisecond), asked, rotationInterval)
	// The round that was under way may have asked before the write.
	if asked > 2 {
		t.Errorf("Vault was asked %d times before all were refreshed, want at most 2", asked)
	}
	settled(t, a, f.replicas, once(chosen...), many)
	events := refreshesOf(f.replicas)
	if len(events) != len(chosen) {
		t.Fatalf("%d events, want %d", len(events), len(chosen))
	}
	for _, event := range events {
		if len(event.References) != 1 || event.References[0].Path != "shop/db" || event.References[0].Version != version+1 || event.References[0].PreviousVersion != version {
			t.Errorf("the event says %+v", event)
		}
	}
}

func rotateWhileTheLeaderDies(t *testing.T, w *rotationWorld) {
	const many = 60
	names := named("killed", many)
	w.create(t, names...)
	f := &fleet{replicas: w.replicas(t, 3, "--spread", "10")}
	version := w.put(t, "killed")
	for _, name := range names {
		must(t, f.rendered(name, "killed", version))
	}
	a := w.argo(t, func(app string) {
		if err := f.rendered(app, "killed", version+1); err != nil {
			t.Error(err)
		}
	})
	watched(t, f.replicas, many, 1)
	leader := leaderOf(t, f.replicas)
	w.put(t, "killed")
	eventually(t, "the leader is half-way", func() bool { return a.applications() >= many/3 })
	leader.Kill()
	if done := a.applications(); done >= many {
		t.Fatalf("the leader was done with %d before it was killed", done)
	}
	settled(t, a, f.replicas, once(names...), many)
}

func rotateWhileTheAPIServerIsDown(t *testing.T, w *rotationWorld) {
	names := named("down", 12)
	w.create(t, names...)
	f := &fleet{replicas: w.replicas(t, 2)}
	version := w.put(t, "down")
	w.put(t, "still")
	for i, name := range names {
		path, read := "still", 1
		if i < 3 {
			path, read = "down", version
		}
		must(t, f.rendered(name, path, read))
	}
	a := w.argo(t, func(app string) { must(t, f.rendered(app, "down", version+1)) })
	watched(t, f.replicas, len(names), 1)
	must(t, w.cluster.StopAPIServer())
	w.put(t, "down")
	// Renders go on meanwhile, and are not forgotten.
	w.create404(t)
	must(t, f.rendered(names[11], "down", version))
	eventually(t, "nobody leads any more", func() bool {
		for _, r := range f.replicas {
			if stats, err := r.Stats(); err != nil || stats.Leading {
				return false
			}
		}
		return true
	})
	must(t, w.cluster.StartAPIServer(t.Context()))
	settled(t, a, f.replicas, once(names[0], names[1], names[2], names[11]), len(names))
}

// create404 makes sure that the API server is really gone.
func (w *rotationWorld) create404(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := w.apps.List(ctx, metav1.ListOptions{Limit: 1}); err == nil {
		t.Fatal("the API server answers")
	}
}

func rotateAfterVaultWasSealed(t *testing.T, w *rotationWorld) {
	names := named("sealed", 5)
	w.create(t, names...)
	f := &fleet{replicas: w.replicas(t, 2)}
	version := w.put(t, "sealed")
	for _, name := range names {
		must(t, f.rendered(name, "sealed", version))
	}
	a := w.argo(t, func(app string) { must(t, f.rendered(app, "sealed", version+1)) })
	watched(t, f.replicas, len(names), 1)
	must(t, w.vault.Seal(t.Context()))
	leader := leaderOf(t, f.replicas)
	eventually(t, "the leader notices", func() bool {
		stats, err := leader.Stats()
		return err == nil && stats.VaultFailures > 0
	})
	must(t, w.vault.Unseal(t.Context()))
	w.put(t, "sealed")
	settled(t, a, f.replicas, once(names...), len(names))
}

func reportDeletedAndDestroyed(t *testing.T, w *rotationWorld) {
	names := named("gone", 3)
	w.create(t, names...)
	f := &fleet{replicas: w.replicas(t, 2)}
	ctx := t.Context()
	for i, name := range []string{"deleted", "destroyed", "fine"} {
		must(t, f.rendered(names[i], name, w.put(t, name)))
	}
	a := w.argo(t, nil)
	watched(t, f.replicas, len(names), 1)
	// A new version that is deleted at once: who renders now would fail.
	w.put(t, "deleted")
	must(t, w.vault.Root.KVv2("kv").Delete(ctx, "shop/deleted"))
	must(t, w.vault.Root.KVv2("kv").Destroy(ctx, "shop/destroyed", []int{1}))
	found := func() map[string]int {
		all := map[string]int{}
		for _, r := range f.replicas {
			for _, event := range r.Events() {
				if event.Type == "secret" {
					if event.Outcome != "E_SECRET" || !strings.Contains(event.Message, "gone-") {
						t.Errorf("the event says %+v", event)
					}
					all[event.Message[:strings.Index(event.Message, ";")]]++
				}
			}
		}
		return all
	}
	eventually(t, "both are reported", func() bool { return len(found()) >= 2 })
	watched(t, f.replicas, len(names), 3)
	reported := found()
	if reported["version 2 of kv/shop/deleted is deleted"] != 1 || reported["version 1 of kv/shop/destroyed is destroyed"] != 1 {
		t.Errorf("reported %v", reported)
	}
	// The write that was seen before its deletion, in a round between the two, is a
	// refresh; nothing else is.
	for name := range a.counts() {
		if name != names[0] {
			t.Errorf("%s was refreshed", name)
		}
	}
	must(t, w.vault.Root.KVv2("kv").Undelete(ctx, "shop/deleted", []int{2}))
	settled(t, a, f.replicas, once(names[0]), len(names))
}

func rotateAfterRebuild(t *testing.T, w *rotationWorld) {
	names := named("trail", 4)
	w.create(t, names...)
	version := w.put(t, "trail")
	w.put(t, "elsewhere")
	failed := rendered(names[1], "elsewhere", 1)
	failed["outcome"], failed["references"] = "E_POLICY", nil
	old := rendered(names[2], "trail", version)
	old["time"] = time.Now().Add(-time.Hour)
	pinned := rendered(names[3], "trail", version)
	pinned["references"].([]any)[0].(map[string]any)["pinned"] = true
	w.put(t, "trail") // while no replica runs
	f := &fleet{replicas: w.replicas(t, 1)}
	must(t, f.replicas[0].Rendered(
		map[string]any{"version": 1, "type": "start", "outcome": "OK", "time": time.Now()},
		rendered(names[0], "trail", version), rendered(names[1], "trail", version), failed,
		rendered(names[2], "elsewhere", 1), old, pinned,
	))
	a := w.argo(t, func(app string) { must(t, f.rendered(app, "trail", version+1)) })
	// The fourth uses nothing that could change, and is not shared at all.
	settled(t, a, f.replicas, once(names[0], names[1]), 3)
}

// useNoMoreRights takes away each right of the guide's Role in turn: each is
// needed, so that there are none too many.
func useNoMoreRights(t *testing.T, w *rotationWorld) {
	names := named("right", 2)
	w.create(t, names...)
	w.put(t, "right")
	roles := w.cluster.Client.RbacV1().Roles("argocd")
	role, err := roles.Get(t.Context(), "argocd-seal-rotation", metav1.GetOptions{})
	must(t, err)
	for rule := range role.Rules {
		for i, verb := range role.Rules[rule].Verbs {
			reduced := role.DeepCopy()
			reduced.ResourceVersion = ""
			reduced.Rules[rule].Verbs = slices.Delete(reduced.Rules[rule].Verbs, i, i+1)
			_, err := roles.Update(t.Context(), reduced, metav1.UpdateOptions{})
			must(t, err)
			version := w.put(t, "right")
			replicas := w.replicas(t, 1)
			must(t, replicas[0].Rendered(rendered(names[0], "right", version-1)))
			refused := verb + " of " + role.Rules[rule].Resources[0]
			eventually(t, refused+" is missed", func() bool { return strings.Contains(replicas[0].Log(), "orbidden") })
			if stats, err := replicas[0].Stats(); err != nil || stats.Refreshes > 0 {
				t.Errorf("without %s there are %d refreshes, %v", refused, stats.Refreshes, err)
			}
			must(t, replicas[0].Stop())
		}
	}
	full := role.DeepCopy()
	full.ResourceVersion = ""
	_, err = roles.Update(t.Context(), full, metav1.UpdateOptions{})
	must(t, err)
}
