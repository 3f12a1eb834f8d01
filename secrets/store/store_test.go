package store_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

const file = `
kv/demo/db:
  username: app
  port: 5432
  ratio: 1.50
  tls: true
  none: null
  empty: ""
  when: 2024-01-02
  config: {a: [1, x]}
  pem: |
    line
    line
kv/demo/empty: {}
`

var db = store.Query{Mount: store.Mount{Path: "kv", Version: 2}, Path: "demo/db"}

func TestValuesFile(t *testing.T) {
	values, err := store.ParseValues("dev.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	mount, err := values.Locate(t.Context(), "", "kv/demo/db")
	if err != nil || mount != db.Mount {
		t.Fatalf("Locate = %v, %v", mount, err)
	}
	secret, err := values.Read(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for key, v := range secret.Values {
		got[key] = v.Kind().String() + " " + string(v.Reveal())
	}
	want := map[string]string{
		"username": "text app", "port": "a number 5432", "ratio": "a number 1.50", "tls": "a boolean true", "none": "null null", "empty": "text ",
		"when": "text 2024-01-02", "config": `an object {"a":[1,"x"]}`, "pem": "text line\nline\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	missing := db
	missing.Path = "demo/other"
	if _, err := values.Read(t.Context(), missing); fault.CodeOf(err) != fault.Secret {
		t.Errorf("a missing path gives %v", err)
	}
}

func TestValuesFileFaultsQuoteNothing(t *testing.T) {
	for _, content := range []string{"kv/a: hunter2pw1", "- hunter2pw1", "kv/a: {b: *hunter2pw1}", "hunter2: {hunter2pw1: x}\nkv: {a: b}"} {
		_, err := store.ParseValues("dev.yaml", []byte(content))
		if err == nil || strings.Contains(err.Error(), "hunter2pw1") || !strings.Contains(err.Error(), "dev.yaml") {
			t.Errorf("%q gives %v", content, err)
		}
	}
}

func TestFakesAreStableAndDiffer(t *testing.T) {
	query := db
	query.Wanted = []string{"a", "b"}
	first, err := store.Fakes{}.Read(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	second, _ := store.Fakes{}.Read(t.Context(), query)
	if !first.Values["a"].Equal(second.Values["a"]) || first.Values["a"].Equal(first.Values["b"]) || !first.Generated {
		t.Error("fakes are not stable, or all the same")
	}
}

// slow is a store whose reads wait, to see how many of them there are.
type slow struct {
	store.Fakes
	reads   atomic.Int32
	release chan struct{}
}

func (s *slow) Read(ctx context.Context, query store.Query) (store.Secret, error) {
	s.reads.Add(1)
	select {
	case <-s.release:
	case <-ctx.Done():
		return store.Secret{}, ctx.Err()
	}
	return s.Fakes.Read(ctx, query)
}

func TestConcurrentRequestsShareARead(t *testing.T) {
	source := &slow{release: make(chan struct{})}
	shared := store.NewShared(source)
	query := db
	query.Wanted = []string{"k"}
	results := make([]store.Secret, 20)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() { results[i], _ = shared.Read(context.Background(), query) })
	}
	time.Sleep(50 * time.Millisecond)
	close(source.release)
	group.Wait()
	if got := source.reads.Load(); got != 1 {
		t.Errorf("%d reads, want 1", got)
	}
	results[0].Values["k"].Zero()
	if !results[1].Values["k"].Equal(results[2].Values["k"]) || results[0].Values["k"].Equal(results[1].Values["k"]) {
		t.Error("one caller's zeroing reaches another's values")
	}
	another := query
	another.Role = "another"
	if _, err := shared.Read(t.Context(), another); err != nil || source.reads.Load() != 2 {
		t.Errorf("another role shares the read: %d reads, %v", source.reads.Load(), err)
	}
}

func TestACallerThatEndsDoesNotEndTheOthers(t *testing.T) {
	source := &slow{release: make(chan struct{})}
	shared := store.NewShared(source)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { _, err := shared.Read(ctx, db); first <- err }()
	second := make(chan error, 1)
	go func() { _, err := shared.Read(context.Background(), db); second <- err }()
	time.Sleep(20 * time.Millisecond)
	cancel()
	if err := <-first; fault.CodeOf(err) != fault.Vault {
		t.Errorf("the one that ended got %v", err)
	}
	close(source.release)
	if err := <-second; err != nil {
		t.Errorf("the other got %v", err)
	}
}

// recovering is a store that fails until it is told to work.
type recovering struct {
	slow
	works atomic.Bool
}

func (r *recovering) Read(ctx context.Context, query store.Query) (store.Secret, error) {
	works := r.works.Load()
	secret, err := r.slow.Read(ctx, query)
	if !works {
		return store.Secret{}, fault.New(fault.Vault, "down")
	}
	return secret, err
}

// TestACallerIsNotFailedByAnOlderRead: the read that it joins began while the
// store was down.
func TestACallerIsNotFailedByAnOlderRead(t *testing.T) {
	source := &recovering{slow: slow{release: make(chan struct{})}}
	shared := store.NewShared(source)
	first := make(chan error, 1)
	go func() { _, err := shared.Read(context.Background(), db); first <- err }()
	for source.reads.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	source.works.Store(true)
	second := make(chan error, 1)
	go func() { _, err := shared.Read(context.Background(), db); second <- err }()
	time.Sleep(50 * time.Millisecond)
	close(source.release)
	if err := <-first; fault.CodeOf(err) != fault.Vault {
		t.Errorf("the first got %v", err)
	}
	if err := <-second; err != nil || source.reads.Load() != 2 {
		t.Errorf("the second got %v after %d reads", err, source.reads.Load())
	}
}
