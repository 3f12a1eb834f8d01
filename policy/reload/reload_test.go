package reload_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/reload"
	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

const denyPods = "package main\n\n# METADATA\n# custom:\n#   id: pods\ndeny contains \"no pods\" if input.kind == \"Pod\"\n"

// lab is a gate over a directory, a file of waivers and, where source is set, a
// remote bundle.
type lab struct {
	t      *testing.T
	dir    string
	source *remote.Source
	log    bytes.Buffer
	config reload.Config
}

func newLab(t *testing.T, source *remote.Source) *lab {
	t.Helper()
	l := &lab{t: t, dir: t.TempDir(), source: source}
	l.write("own/p.rego", denyPods)
	l.write("waivers.yaml", "waivers: []\n")
	log := logrus.New()
	log.SetOutput(&l.log)
	l.config = reload.Config{Log: log, Build: func(sources map[string]bundle.Source) (policy.Config, error) {
		own := []bundle.Source{bundle.Dir(filepath.Join(l.dir, "own"))}
		bundles := []policy.Bundle{{Name: "own", Policies: own, Data: own}}
		for name, content := range sources {
			fetched := []bundle.Source{content}
			bundles = append(bundles, policy.Bundle{Name: name, Policies: fetched, Data: fetched})
		}
		return policy.Config{Environments: map[string]policy.Environment{"prod": {Bundles: bundles}}, Waivers: "waivers.yaml", WaiversFS: os.DirFS(l.dir)}, nil
	}}
	l.config.Fetch.Timeout = 5 * time.Minute // a busy machine is not what is tested
	if source != nil {
		l.config.Sources = []remote.Source{*source}
	}
	return l
}

func (l *lab) write(at, body string) {
	l.t.Helper()
	name := filepath.Join(l.dir, at)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(name+".part", []byte(body), 0o644); err != nil {
		l.t.Fatal(err)
	}
	if err := os.Rename(name+".part", name); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) start() *reload.Gate {
	l.t.Helper()
	gate, err := reload.New(l.t.Context(), l.config)
	if err != nil {
		l.t.Fatal(err)
	}
	return gate
}

// asker is a gate or a snapshot of one.
type asker interface {
	Evaluate(ctx context.Context, input policy.Input) (policy.Verdict, error)
}

func ask(t *testing.T, gate asker, kind string) policy.Verdict {
	t.Helper()
	return askWithin(t.Context(), t, gate, kind)
}

func askWithin(ctx context.Context, t *testing.T, gate asker, kind string) policy.Verdict {
	t.Helper()
	v, err := gate.Evaluate(ctx, policy.Input{Environment: "prod", Objects: []object.Object{{
		File: "a.yaml", Line: 1,
		Fields: map[string]any{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": "a", "namespace": "b"}},
	}}})
	if err != nil {
		t.Error(err)
	}
	return v
}

func TestDirectoryChanges(t *testing.T) {
	l := newLab(t, nil)
	gate := l.start()
	before := ask(t, gate, "Pod")
	snapshot := gate.Snapshot()
	if !before.Denied() {
		t.Fatal("a Pod passes")
	}
	if err := gate.Refresh(t.Context()); err != nil || gate.Snapshot() != snapshot {
		t.Errorf("nothing changed, but the gate did: %v", err)
	}
	l.write("own/p.rego", strings.ReplaceAll(denyPods, "Pod\"", "Job\""))
	if err := gate.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := ask(t, gate, "Pod")
	if after.Denied() || !ask(t, gate, "Job").Denied() || after.BundleDigest == before.BundleDigest {
		t.Errorf("after a change: %+v", after)
	}
	if old := ask(t, snapshot, "Pod"); !old.Denied() || old.BundleDigest != before.BundleDigest {
		t.Error("a snapshot changed")
	}
	if diff := cmp.Diff(map[string]string{"prod": after.BundleDigest}, gate.State().Environments); diff != "" {
		t.Error(diff)
	}
}

func TestWaiversChange(t *testing.T) {
	l := newLab(t, nil)
	gate := l.start()
	before := ask(t, gate, "Pod")
	l.write("waivers.yaml", "waivers:\n- {rule: pods, objects: {kind: Pod}, owner: o, reason: r, expires: 2999-01-01}\n")
	if err := gate.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := ask(t, gate, "Pod"); after.Denied() || after.Count(verdict.Waived) != 1 || after.BundleDigest == before.BundleDigest {
		t.Errorf("with a waiver: %+v", after)
	}
}

// A broken policy, a broken waiver or a directory that is gone changes nothing,
// and says where.
func TestBrokenChangeKeepsTheOldGate(t *testing.T) {
	changes := map[string]struct {
		change func(*lab)
		code   fault.Code
		want   string
	}{
		"a policy that does not compile": {func(l *lab) { l.write("own/p.rego", denyPods+"deny contains x if y\n") }, fault.PolicyLoad, "own/p.rego:7"},
		"a policy that never denies":     {func(l *lab) { l.write("own/p.rego", "package main\n\nallow := true\n") }, fault.PolicyLoad, "would let everything pass"},
		"a waiver without an end":        {func(l *lab) { l.write("waivers.yaml", "waivers:\n- {rule: pods, owner: o, reason: r}\n") }, fault.Waiver, "waivers.yaml:2"},
		"waivers that are gone":          {func(l *lab) { _ = os.Remove(filepath.Join(l.dir, "waivers.yaml")) }, fault.Waiver, "waivers.yaml"},
		"a directory that is gone":       {func(l *lab) { _ = os.RemoveAll(filepath.Join(l.dir, "own")) }, fault.PolicyLoad, "own"},
	}
	for name, test := range changes {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, nil)
			gate := l.start()
			before, good := ask(t, gate, "Pod"), gate.State()
			test.change(l)
			err := gate.Refresh(t.Context())
			if fault.CodeOf(err) != test.code || !strings.Contains(fault.Text(fault.Of(err)), test.want) {
				t.Errorf("got %v, want %s with %q", err, test.code, test.want)
			}
			if after := ask(t, gate, "Pod"); !after.Denied() || after.BundleDigest != before.BundleDigest {
				t.Errorf("after a broken change: %+v", after)
			}
			state := gate.State()
			if state.LastError != test.code || !state.LastSuccess.Equal(good.LastSuccess) {
				t.Errorf("state %+v", state)
			}
			l.write("own/p.rego", denyPods)
			l.write("waivers.yaml", "waivers: []\n")
			if err := gate.Refresh(t.Context()); err != nil || gate.State().LastError != "" || !gate.State().LastSuccess.After(good.LastSuccess) {
				t.Errorf("after the correction: %v, %+v", err, gate.State())
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	l := newLab(t, nil)
	l.write("own/p.rego", "package main\n\ndeny contains x if y\n")
	if _, err := reload.New(t.Context(), l.config); fault.CodeOf(err) != fault.PolicyLoad {
		t.Errorf("got %v", err)
	}
}

// A hundred evaluations at a time go on while policies change, and each verdict
// is that of the policies whose digest it carries.
func TestEvaluationsDuringReload(t *testing.T) {
	l := newLab(t, nil)
	gate := l.start()
	pods := ask(t, gate, "Pod").BundleDigest
	l.write("own/p.rego", strings.ReplaceAll(denyPods, "Pod\"", "Job\""))
	if err := gate.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	jobs := ask(t, gate, "Job").BundleDigest
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var count, mixed, seenPods atomic.Int64
	for range 100 {
		group.Go(func() {
			for ctx.Err() == nil {
				// What has begun ends, also when the loop does.
				snapshot, whole := gate.Snapshot(), context.WithoutCancel(ctx)
				pod, job := askWithin(whole, t, snapshot, "Pod"), askWithin(whole, t, snapshot, "Job")
				if pod.BundleDigest != job.BundleDigest || pod.Denied() != (pod.BundleDigest == pods) || job.Denied() != (job.BundleDigest == jobs) {
					mixed.Add(1)
				}
				if pod.Denied() {
					seenPods.Add(1)
				}
				count.Add(1)
			}
		})
	}
	for i := range 10 {
		kind := []string{"Pod\"", "Job\""}[i%2]
		l.write("own/p.rego", strings.ReplaceAll(denyPods, "Pod\"", kind))
		if err := gate.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		for done := count.Load(); count.Load() < done+100; {
			time.Sleep(time.Millisecond)
		}
	}
	stop()
	group.Wait()
	if mixed.Load() != 0 || seenPods.Load() == 0 || seenPods.Load() == count.Load() {
		t.Errorf("%d of %d requests saw two versions, %d the first", mixed.Load(), count.Load(), seenPods.Load())
	}
}

// Run notices a change by itself, ends with its context, and logs what fails.
func TestRun(t *testing.T) {
	l := newLab(t, nil)
	l.config.Interval = 5 * time.Millisecond
	gate := l.start()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- gate.Run(ctx) }()
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s does not come about", what)
			}
		}
	}
	l.write("own/p.rego", strings.ReplaceAll(denyPods, "Pod\"", "Job\""))
	until("the change", func() bool { return ask(t, gate, "Job").Denied() })
	l.write("own/p.rego", "package")
	until("the error", func() bool { return gate.State().LastError == fault.PolicyLoad })
	if !ask(t, gate, "Job").Denied() {
		t.Error("a broken policy took the old one away")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(l.log.String(), "policies stay as they were: E_POLICY_LOAD: "+filepath.ToSlash(filepath.Join(l.dir, "own/p.rego"))+":1") {
		t.Errorf("the log does not say so: %s", l.log.String())
	}
}
