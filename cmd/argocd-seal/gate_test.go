package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
)

// What serve starts notices a change of a directory, and stops when told to.
func TestKeepPolicies(t *testing.T) {
	name := filepath.Join(t.TempDir(), "p.rego")
	write := func(policy string) {
		if err := os.WriteFile(name, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("package main\n\ndeny contains \"a\" if input.kind == \"A\"\n")
	settings := config.Default()
	settings.Policy.Interval = config.Duration(5 * time.Millisecond)
	settings.Environments = []config.Environment{{Name: "all", Policy: config.EnvironmentPolicy{Bundles: []config.PolicyBundle{{Directory: filepath.Dir(name)}}}}}
	log := logrus.New()
	log.SetOutput(io.Discard)
	gate, err := newGate(t.Context(), &settings, gating{log: log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := keepPolicies(t.Context(), gate)
	before := gate.Snapshot()
	write("package main\n\ndeny contains \"b\" if input.kind == \"B\"\n")
	for deadline := time.Now().Add(20 * time.Second); gate.Snapshot() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the change is not noticed")
		}
	}
	stop()
	last := gate.State()
	write("package main\n\ndeny contains \"c\" if input.kind == \"C\"\n")
	time.Sleep(50 * time.Millisecond)
	if gate.State().LastSuccess != last.LastSuccess {
		t.Error("policies are looked at after stop")
	}
}

func TestNoPoliciesNoGate(t *testing.T) {
	settings := config.Default()
	settings.Environments = []config.Environment{{Name: "all"}}
	if gate, err := newGate(t.Context(), &settings, gating{}, nil); gate != nil || err != nil {
		t.Errorf("got %v, %v", gate, err)
	}
	keepPolicies(t.Context(), nil)()
}

// A remote bundle is asked as its source says: only the packages that it names.
func TestSourcesSayWhatIsAsked(t *testing.T) {
	settings := config.Default()
	settings.Policy.Sources = []config.PolicySource{{Name: "central", Namespaces: []string{"wanted"}, Version: "v1", Combine: true}, {Name: "unused"}}
	settings.Environments = []config.Environment{{Name: "all", Policy: config.EnvironmentPolicy{Sources: []string{"central"}}}}
	content := bundle.Source{Name: "central@1", Files: map[string][]byte{
		"wanted.rego": []byte("package wanted\n\nwarn contains sprintf(\"%d objects\", [count(input)])\n"),
		"other.rego":  []byte("package other\n\ndeny contains \"never asked\"\n"),
	}}
	made, err := gateConfig(&settings, map[string]bundle.Source{"central": content}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gate, err := policy.New(t.Context(), made)
	if err != nil {
		t.Fatal(err)
	}
	pod := object.Object{File: "a.yaml", Line: 1, Fields: map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "a"}}}
	v, err := gate.Evaluate(t.Context(), policy.Input{Environment: "all", Objects: []object.Object{pod, pod}})
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Outcomes) != 1 || v.Denied() || v.Outcomes[0].Message != "2 objects" {
		t.Errorf("got %+v, want one warning about 2 objects", v.Outcomes)
	}
}
