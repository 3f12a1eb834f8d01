package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rotateManyOnOnePath has every Application of a large installation use one
// secret. ARGOCD_SEAL_TEST_APPLICATIONS says how many they are.
func rotateManyOnOnePath(t *testing.T, w *rotationWorld) {
	many := 600
	if text := os.Getenv("ARGOCD_SEAL_TEST_APPLICATIONS"); text != "" {
		var err error
		many, err = strconv.Atoi(text)
		must(t, err)
	}
	names := named("one-path", many)
	w.create(t, names...)
	f := &fleet{replicas: w.replicas(t, 2, "--spread", "1000")}
	version := w.put(t, "one-path")
	for _, name := range names {
		must(t, f.rendered(name, "one-path", version))
	}
	a := w.argo(t, func(app string) { must(t, f.rendered(app, "one-path", version+1)) })
	watched(t, f.replicas, many, 1)
	began := time.Now()
	w.put(t, "one-path")
	within(t, patience+time.Duration(many)*50*time.Millisecond, "all are refreshed", func() bool { return a.applications() >= many })
	took := time.Since(began)
	settled(t, a, f.replicas, once(names...), many)
	var most int64
	for _, r := range f.replicas {
		memory, err := r.Memory()
		must(t, err)
		most = max(most, memory)
	}
	t.Logf("%d Applications on one path: all refreshed after %s, %.0f in a second, once each; the larger replica had %d MiB",
		many, took.Round(100*time.Millisecond), float64(many)/took.Seconds(), most>>20)
	if bound := int64(256 << 20); most > bound {
		t.Errorf("a replica had %d bytes of memory, want at most %d", most, bound)
	}
	if events := refreshesOf(f.replicas); len(events) != many {
		t.Errorf("%d events of refreshes, want %d", len(events), many)
	}
}

// rotateWhenPoliciesChange gives an environment other policies: what the former
// ones judged is refreshed, and what is in another environment is not.
func rotateWhenPoliciesChange(t *testing.T, w *rotationWorld) {
	digests := t.TempDir() + "/digests"
	use := func(prod string) {
		must(t, os.WriteFile(digests+".new", fmt.Appendf(nil, `{"prod":%q,"dev":"sha256:dev"}`, prod), 0o600))
		must(t, os.Rename(digests+".new", digests))
	}
	use("sha256:first")
	names := named("judged", 12)
	w.create(t, names...)
	f := &fleet{replicas: w.replicas(t, 2, "--policies", digests)}
	w.put(t, "judged")
	judged := func(app, environment, bundle string) error {
		event := rendered(app, "judged", 1)
		event["environment"], event["verdict"] = environment, map[string]any{"decision": "pass", "bundle": bundle}
		return f.tell(event)
	}
	var concerned []string
	for i, name := range names {
		environment, bundle := "dev", "sha256:dev"
		if i%3 == 0 {
			environment, bundle = "prod", "sha256:first"
			concerned = append(concerned, name)
		}
		must(t, judged(name, environment, bundle))
	}
	a := w.argo(t, func(app string) { must(t, judged(app, "prod", "sha256:second")) })
	watched(t, f.replicas, len(names), 3)
	if refreshed := a.counts(); len(refreshed) > 0 {
		t.Fatalf("%v were refreshed before anything changed", refreshed)
	}
	use("sha256:second")
	settled(t, a, f.replicas, once(concerned...), len(names))
	for _, event := range refreshesOf(f.replicas) {
		if !slices.Contains(concerned, event.App) || event.Environment != "prod" || event.Inputs["policies"] != "sha256:second" ||
			event.Inputs["policies before"] != "sha256:first" || !strings.Contains(event.Message, "policies of prod changed") {
			t.Errorf("the event says %+v", event)
		}
	}
}
