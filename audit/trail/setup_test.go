package trail_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// privateKey is the same in this process and in those that it starts.
var privateKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func publicKeys() []ed25519.PublicKey {
	return []ed25519.PublicKey{privateKey.Public().(ed25519.PublicKey)}
}

func options(dir string) trail.Options {
	return trail.Options{Directory: dir, Signer: chain.NewSigner(privateKey), Instance: "repo-server-0"}
}

func open(t testing.TB, options trail.Options) *trail.Trail {
	t.Helper()
	opened, err := trail.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

func shut(t *testing.T, opened *trail.Trail) {
	t.Helper()
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
}

// event is a render as large as most are.
func event(id string) audit.Event {
	return audit.Event{
		Type: audit.Render, ID: id, App: "payments", Project: "shop", Namespace: "shop-production",
		Repo: "https://git.example.com/shop/payments.git?a=1&b=<2>", Path: "overlays/production", Revision: strings.Repeat("a1", 20),
		Renderer: "kustomize", Objects: 12, Outcome: "OK",
		References:   []audit.Reference{{Binding: "shop", Mount: "kv", Path: "shop/payments/db", Key: "password", Version: 3}},
		Milliseconds: map[string]float64{"render": 12.5, "total": 21.25},
	}
}

func add(t *testing.T, opened *trail.Trail, id string) uint64 {
	t.Helper()
	seq, err := opened.Append(t.Context(), event(id))
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// proved verifies a directory and wants it whole.
func proved(t *testing.T, dir string) verify.Report {
	t.Helper()
	report, err := verify.Paths(t.Context(), []string{dir}, nil, verify.Options{Keys: publicKeys()})
	if err != nil {
		t.Fatalf("%v: %+v", err, report)
	}
	if !report.OK {
		t.Fatalf("the trail is bad: %+v", *report.Bad)
	}
	return report
}

// records reads all lines of a directory, in order.
func records(t *testing.T, dir string) []audit.Record {
	t.Helper()
	segments, err := chain.Segments(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []audit.Record
	for _, s := range segments {
		content, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			var r audit.Record
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatalf("%s: %v", s.Path, err)
			}
			all = append(all, r)
		}
	}
	return all
}

func ofType(records []audit.Record, kind audit.Type) []audit.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r audit.Record) bool { return r.Type != kind })
}

func lastSegment(t *testing.T, dir string) string {
	t.Helper()
	segments, err := chain.Segments(dir)
	if err != nil || len(segments) == 0 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	return segments[len(segments)-1].Path
}

func wantCode(t *testing.T, err error, code fault.Code) {
	t.Helper()
	if err == nil || fault.CodeOf(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}
