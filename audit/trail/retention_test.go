package trail_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// small bounds a trail to four segments.
func small(dir string) trail.Options {
	o := options(dir)
	o.SegmentSize, o.MaxSize = trail.MinSegmentSize, 4*trail.MinSegmentSize
	return o
}

func size(t *testing.T, dir string) (total int64, first uint64) {
	t.Helper()
	segments, err := chain.Segments(dir)
	if err != nil || len(segments) == 0 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	for _, s := range segments {
		total += s.Size
	}
	return total, segments[0].First
}

func TestTheOldestGoAndTheRestIsProved(t *testing.T) {
	dir := t.TempDir()
	for run := range 3 {
		opened := open(t, small(dir))
		for i := range 500 {
			add(t, opened, fmt.Sprintf("%d/%d", run, i))
			if total, _ := size(t, dir); i%50 == 0 && total > 4*trail.MinSegmentSize {
				t.Fatalf("the trail has %d bytes", total)
			}
		}
		shut(t, opened)
	}
	_, first := size(t, dir)
	report := proved(t, dir)
	if report.First != first || first < 500 || report.Unsigned != 0 {
		t.Errorf("first %d, %+v", first, report)
	}
	if !strings.Contains(strings.Join(report.Notes, "\n"), fmt.Sprintf("what is proved begins with line %d", first)) {
		t.Errorf("notes %q", report.Notes)
	}
	last := ofType(records(t, dir), audit.Retention)
	if len(last) == 0 || last[len(last)-1].Removed.To != first-1 {
		t.Errorf("the trail begins with line %d, and says %+v", first, last)
	}
}

// A crash between the record of a removal and the removal itself leaves a file
// more than the record says.
func TestARemovalThatWasRecordedAndNotDone(t *testing.T) {
	dir, away := t.TempDir(), filepath.Join(t.TempDir(), "first")
	opened := open(t, small(dir))
	add(t, opened, "0")
	oldest := filepath.Join(dir, chain.SegmentName(1))
	if err := os.Link(oldest, away); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 2000; i++ {
		add(t, opened, fmt.Sprint(i))
		if _, first := size(t, dir); first > 1 {
			break
		}
	}
	shut(t, opened)
	if err := os.Link(away, oldest); err != nil {
		t.Fatal(err)
	}
	if report := proved(t, dir); report.First != 1 {
		t.Errorf("%+v", report)
	}
	reopened := open(t, small(dir))
	for i := range 300 {
		add(t, reopened, fmt.Sprint(i))
	}
	shut(t, reopened)
	if report := proved(t, dir); report.First == 1 {
		t.Errorf("%+v", report)
	}
}

func TestAReaderThatIsBehindLosesTheOldestAndIsNamed(t *testing.T) {
	dir := t.TempDir()
	opened := open(t, small(dir))
	if err := errors.Join(opened.Retain("siem", func() uint64 { return 10 }), opened.Retain("archive", func() uint64 { return math.MaxUint64 })); err != nil {
		t.Fatal(err)
	}
	for i := range 450 {
		add(t, opened, fmt.Sprint(i))
	}
	_, first := size(t, dir)
	lines, err := opened.Read(t.Context(), 9, 1)
	if err != nil || lines[0].Seq != first || first <= 10 {
		t.Errorf("a reader at 9 goes on with %+v, the first is %d, %v", lines, first, err)
	}
	shut(t, opened)
	recoveries := ofType(records(t, dir), audit.Recovery)
	if len(recoveries) == 0 {
		t.Fatal("nothing is recorded")
	}
	last := recoveries[len(recoveries)-1]
	want := audit.Removed{From: last.Removed.From, To: first - 1, Readers: []audit.Missed{{Reader: "siem", From: max(10, last.Removed.From)}}}
	if diff := cmp.Diff(want, *last.Removed); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	proved(t, dir)
}

func TestARequiredTrailRefusesRatherThanLose(t *testing.T) {
	dir := t.TempDir()
	o := small(dir)
	o.Required = true
	opened := open(t, o)
	var needed atomic.Uint64
	needed.Store(10)
	if err := opened.Retain("siem", needed.Load); err != nil {
		t.Fatal(err)
	}
	var err error
	for i := 0; err == nil && i < 2000; i++ {
		_, err = opened.Append(t.Context(), event(fmt.Sprint(i)))
	}
	wantCode(t, err, fault.AuditFull)
	if !strings.Contains(err.Error(), "siem still needs line 10") {
		t.Error(err)
	}
	if total, first := size(t, dir); first != 1 || total > 4*trail.MinSegmentSize {
		t.Errorf("%d bytes from line %d on", total, first)
	}
	proved(t, dir)
	// The reader catches up, with what the trail kept for it.
	lines, err := opened.Read(t.Context(), 9, 1000)
	if err != nil || lines[0].Seq != 10 {
		t.Fatalf("%v, %v", lines, err)
	}
	needed.Store(lines[len(lines)-1].Seq + 1)
	add(t, opened, "room")
	shut(t, opened)
	proved(t, dir)
	refused := ofType(records(t, dir), audit.Recovery)
	if len(refused) != 1 || refused[0].Recovered.Refused != 1 {
		t.Errorf("%+v", refused)
	}
}

func TestReadersAreBounded(t *testing.T) {
	opened := open(t, options(t.TempDir()))
	for i := range 32 {
		if err := opened.Retain(fmt.Sprint(i), func() uint64 { return 1 }); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, opened.Retain("one more", func() uint64 { return 1 }), fault.Audit)
	if err := errors.Join(opened.Retain("0", nil), opened.Retain("one more", func() uint64 { return 1 })); err != nil {
		t.Error(err)
	}
}
