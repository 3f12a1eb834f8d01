package trail_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// seed makes the same key in this process and in those that it starts.
var privateKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func publicKeys() []ed25519.PublicKey {
	return []ed25519.PublicKey{privateKey.Public().(ed25519.PublicKey)}
}

func options(dir string) trail.Options {
	return trail.Options{Directory: dir, Signer: chain.NewSigner(privateKey), Instance: "repo-server-0"}
}

func open(t *testing.T, options trail.Options) *trail.Trail {
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

func TestEventsComeBackAsTheyWere(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	want := event("r1")
	if seq := add(t, opened, "r1"); seq != 1 {
		t.Errorf("the first event has seq %d", seq)
	}
	shut(t, opened)
	all := records(t, dir)
	got := all[0].Event
	if got.Time.IsZero() || time.Since(got.Time) > time.Hour {
		t.Errorf("the time is %s", got.Time)
	}
	want.Version, want.Time, want.Instance = audit.Version, got.Time, "repo-server-0"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	content, err := os.ReadFile(lastSegment(t, dir))
	if err != nil || !strings.HasPrefix(string(content), `{"seq":1,"prev":"`+strings.Repeat("0", 64)+`","version":1,`) ||
		!strings.Contains(string(content), `?a=1&b=<2>`) {
		t.Errorf("%v: %s", err, content)
	}
	info, err := os.Stat(lastSegment(t, dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// The first event of a process is signed at once, so that nothing is left to
	// sign at its end.
	if last := all[len(all)-1]; len(all) != 2 || last.Type != audit.Checkpoint {
		t.Errorf("%d lines, the last of type %s", len(all), last.Type)
	}
}

func TestHundredGoroutines(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.CheckpointEvents, o.SegmentSize, o.MaxSize = 50, trail.MinSegmentSize, 64<<20
	opened := open(t, o)
	var wait sync.WaitGroup
	var mu sync.Mutex
	ids := map[uint64]string{}
	for g := range 100 {
		wait.Go(func() {
			for i := range 20 {
				id := fmt.Sprintf("%d/%d", g, i)
				seq, err := opened.Append(t.Context(), event(id))
				if err != nil {
					t.Errorf("%s: %v", id, err)
					return
				}
				mu.Lock()
				ids[seq] = id
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	shut(t, opened)
	for _, r := range records(t, dir) {
		if id, ok := ids[r.Seq]; ok && id != r.ID {
			t.Errorf("line %d holds %s, and its caller was told so of %s", r.Seq, r.ID, id)
		}
	}
	if len(ids) != 2000 {
		t.Errorf("%d different seqs for 2000 events", len(ids))
	}
	if report := proved(t, dir); report.Unsigned != 0 || report.Lines < 2000+40 {
		t.Errorf("%+v", report)
	}
}

func TestTheChainContinuesAcrossRestartsAndSegments(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.SegmentSize, o.MaxSize = trail.MinSegmentSize, 64<<20
	for run := range 8 {
		opened := open(t, o)
		for i := range 60 {
			add(t, opened, fmt.Sprintf("%d/%d", run, i))
		}
		shut(t, opened)
	}
	segments, err := chain.Segments(dir)
	if err != nil || len(segments) < 4 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	for _, s := range segments {
		if s.Size > trail.MinSegmentSize {
			t.Errorf("%s has %d bytes", s.Path, s.Size)
		}
	}
	all := records(t, dir)
	if renders := ofType(all, audit.Render); len(renders) != 480 || renders[479].ID != "7/59" {
		t.Errorf("%d events, the last %s", len(renders), renders[len(renders)-1].ID)
	}
	if recoveries := ofType(all, audit.Recovery); len(recoveries) != 0 {
		t.Errorf("a trail that was closed needed recovery: %+v", recoveries)
	}
	if report := proved(t, dir); report.Lines != uint64(len(all)) || report.Unsigned != 0 || report.First != 1 {
		t.Errorf("%+v", report)
	}
}

func TestCheckpointsFollowNumberAndTime(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.CheckpointEvents, o.CheckpointInterval = 10, 20*time.Millisecond
	opened := open(t, o)
	for i := range 25 {
		add(t, opened, fmt.Sprint(i))
	}
	// Whatever the number left unsigned, the time signs.
	for after := uint64(0); ; {
		lines, err := opened.Read(t.Context(), after, 100)
		if err != nil {
			t.Fatal(err)
		}
		after = lines[len(lines)-1].Seq
		if after >= 27 && chain.IsSigned(lines[len(lines)-1].JSON) {
			break
		}
	}
	shut(t, opened)
	since := 0
	for _, r := range records(t, dir) {
		if since++; r.Type == audit.Checkpoint {
			since = 0
		}
		if since > 10 {
			t.Fatalf("line %d has no checkpoint within 10 lines", r.Seq)
		}
	}
	proved(t, dir)
}

func TestAClockThatStepsBackKeepsTheOrder(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	now := time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	opened := open(t, o)
	add(t, opened, "before")
	now = now.Add(-time.Hour)
	add(t, opened, "after")
	shut(t, opened)
	renders := ofType(records(t, dir), audit.Render)
	if renders[0].ID != "before" || !renders[1].Time.Equal(now) {
		t.Errorf("%+v", renders)
	}
	if report := proved(t, dir); len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "1h0m0s earlier") {
		t.Errorf("notes %q", report.Notes)
	}
}

func TestWhatCannotBeAppended(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	long := event("long")
	long.Message = strings.Repeat("x", chain.MaxLine)
	_, err := opened.Append(t.Context(), long)
	wantCode(t, err, fault.Limit)
	_, err = opened.Append(t.Context(), audit.Event{Type: audit.Checkpoint})
	wantCode(t, err, fault.Internal)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 { // select may take either of two ways that are open
		if _, err = opened.Append(ended, event("late")); err != nil {
			break
		}
	}
	wantCode(t, err, fault.Canceled)
	forged := event("forged")
	forged.Removed = &audit.Removed{From: 1, To: 1 << 40}
	if _, err := opened.Append(t.Context(), forged); err != nil {
		t.Fatal(err)
	}
	shut(t, opened)
	shut(t, opened)
	_, err = opened.Append(t.Context(), event("closed"))
	wantCode(t, err, fault.Audit)
	for _, r := range records(t, dir) {
		if r.Removed != nil {
			t.Errorf("an event brought its own claim of what was deleted: %+v", r)
		}
	}
	proved(t, dir)
}

func TestOptionsThatCannotWork(t *testing.T) {
	for name, change := range map[string]func(*trail.Options){
		"no directory":   func(o *trail.Options) { o.Directory = "" },
		"no key":         func(o *trail.Options) { o.Signer = nil },
		"tiny segment":   func(o *trail.Options) { o.SegmentSize = 1000 },
		"tiny trail":     func(o *trail.Options) { o.SegmentSize, o.MaxSize = 1<<20, 1<<20 },
		"negative count": func(o *trail.Options) { o.CheckpointEvents = -1 },
	} {
		o := options(t.TempDir())
		change(&o)
		if _, err := trail.Open(o); fault.CodeOf(err) != fault.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadWaitsAndFollows(t *testing.T) {
	dir := t.TempDir()
	o := options(dir)
	o.SegmentSize, o.MaxSize = trail.MinSegmentSize, 64<<20
	opened := open(t, o)
	const events = 1500
	got := make(chan []audit.Line, 1)
	go func() {
		var all []audit.Line
		for {
			var after uint64
			if len(all) > 0 {
				after = all[len(all)-1].Seq
			}
			lines, err := opened.Read(t.Context(), after, 7)
			if len(lines) > 7 {
				t.Errorf("%d lines for a limit of 7", len(lines))
			}
			all = append(all, lines...)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				got <- all
				return
			}
		}
	}()
	for i := range events {
		add(t, opened, fmt.Sprint(i))
	}
	shut(t, opened)
	all := <-got
	var joined []byte
	for i, line := range all {
		if line.Seq != uint64(i)+1 || line.Time.IsZero() {
			t.Fatalf("line %d has seq %d and time %s", i, line.Seq, line.Time)
		}
		joined = append(append(joined, line.JSON...), '\n')
	}
	var content []byte
	segments, _ := chain.Segments(dir)
	for _, s := range segments {
		part, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, part...)
	}
	if len(segments) < 3 || !bytes.Equal(joined, content) {
		t.Errorf("%d segments; what was read is what is there: %v", len(segments), bytes.Equal(joined, content))
	}
}

func TestReadEnds(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	add(t, opened, "1")
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() {
		_, err := opened.Read(ctx, opened.Last(), 1)
		waiting <- err
	}()
	cancel()
	wantCode(t, <-waiting, fault.Canceled)
	_, err := opened.Read(t.Context(), 99, 1)
	wantCode(t, err, fault.Audit)
	shut(t, opened)
	if lines, err := opened.Read(t.Context(), 0, 100); err != nil || len(lines) != 2 {
		t.Errorf("after Close: %d lines, %v", len(lines), err)
	}
	if _, err := opened.Read(t.Context(), 2, 100); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestReadRefusesWhatWasChanged(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, options(dir))
	for i := range 20 {
		add(t, opened, fmt.Sprint(i))
	}
	path := lastSegment(t, dir)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(content, []byte(`{"seq":5,`), []byte(`{"seq":6,`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = opened.Read(t.Context(), 3, 10)
	wantCode(t, err, fault.Audit)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err = opened.Read(t.Context(), 0, 10)
	wantCode(t, err, fault.Audit)
	if err := os.Remove(filepath.Join(dir, filepath.Base(path))); err != nil {
		t.Fatal(err)
	}
	_, err = opened.Read(t.Context(), 0, 10)
	wantCode(t, err, fault.Audit)
}
