package verify_test

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
)

func TestSegments(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, 700, trail.MinSegmentSize)
	segments, err := chain.Segments(dir)
	if err != nil || len(segments) < 5 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	key := verify.Options{Keys: []ed25519.PublicKey{public(keyOf(1))}}
	judge := func(paths ...string) verify.Report {
		t.Helper()
		report, err := verify.Paths(t.Context(), paths, nil, key)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	want := func(report verify.Report, reason verify.Reason, file string) {
		t.Helper()
		if report.OK || report.Bad.Reason != reason || report.Bad.File != file {
			t.Errorf("want %s in %s, got %+v", reason, file, report.Bad)
		}
	}
	path := func(i int) string { return segments[i].Path }

	if report := judge(dir); !report.OK || report.Unsigned != 0 {
		t.Errorf("%+v", report)
	}
	if report := judge(path(2), path(1), path(3)); !report.OK || report.First != segments[1].First || len(report.Notes) != 1 {
		t.Errorf("files in any order: %+v", report)
	}
	want(judge(path(0), path(2)), verify.Removed, path(2))
	want(judge(path(1), path(1)), verify.Duplicated, path(1))

	// A copy under another name finds its place by its content.
	other := filepath.Join(t.TempDir(), "a.jsonl")
	if err := os.Link(path(1), other); err != nil {
		t.Fatal(err)
	}
	if report := judge(path(2), other, path(0)); !report.OK {
		t.Errorf("%+v", report)
	}

	// The oldest file is gone, and no line says so.
	if err := os.Rename(path(0), path(0)+".away"); err != nil {
		t.Fatal(err)
	}
	want(judge(dir), verify.Removed, path(1))
	if err := os.Rename(path(0)+".away", path(0)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path(2), path(2)+".away"); err != nil {
		t.Fatal(err)
	}
	want(judge(dir), verify.Removed, path(3))

	// Two files have changed their names.
	for _, step := range [][2]string{{path(1), path(2)}, {path(2) + ".away", path(1)}} {
		if err := os.Rename(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
	want(judge(dir), verify.Reordered, path(1))
}

// A running writer neither keeps the verification from ending nor looks like a
// torn tail.
func TestBesideAWriter(t *testing.T) {
	dir := t.TempDir()
	opened, err := trail.Open(trail.Options{Directory: dir, Signer: chain.NewSigner(keyOf(1))})
	if err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		for range 400 {
			if _, err := opened.Append(t.Context(), audit.Event{Type: audit.Render, Message: strings.Repeat("m", 50_000)}); err != nil {
				written <- err
				return
			}
		}
		written <- opened.Close()
	}()
	if _, err := opened.Read(t.Context(), 0, 1); err != nil { // written together with its checkpoint
		t.Fatal(err)
	}
	for judged := 0; ; judged++ {
		select {
		case err := <-written:
			if err != nil || judged == 0 {
				t.Errorf("judged %d times: %v", judged, err)
			}
			return
		default:
		}
		report, err := verify.Paths(t.Context(), []string{dir}, nil, verify.Options{Keys: []ed25519.PublicKey{public(keyOf(1))}})
		if err != nil || !report.OK {
			t.Errorf("%v, %+v", err, report.Bad)
		}
	}
}
