package rotation

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

func TestTheLaterRenderCounts(t *testing.T) {
	x := NewIndex(0)
	x.Used("web", at(10, Use{secret("db"), 4}))
	x.Used("web", at(5, Use{secret("db"), 3}, Use{secret("former"), 1}))
	x.Used("team-a_web", at(0, Use{secret("db"), 2}, Use{secret("db"), 1}))
	x.Used("bad name", at(0, Use{secret("db"), 1}))
	x.Used("a_b_c", at(0, Use{secret("db"), 1}))
	x.Used("odd", at(0, Use{secret("../../sys/raw"), 1}, Use{secret("a?b"), 1}, Use{secret("db"), 0}))
	want := map[string][]string{
		"web":        {"kv/db@4 asked 0"},
		"team-a_web": {"kv/db@1 asked 0"}, // the older of two that one request read
		"odd":        {},
	}
	if diff := cmp.Diff(want, versions(x.all())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRevisionsAndSourcesAreKeptApart(t *testing.T) {
	x := NewIndex(0)
	x.Used("web", at(0, Use{secret("db"), 3}))
	looked := at(5, Use{secret("db"), 4})
	looked.Revision = "branch"
	x.Used("web", looked)
	second := at(1, Use{secret("other"), 1})
	second.Path = "chart"
	x.Used("web", second)
	want := []string{"kv/db@3 asked 0", "kv/db@4 asked 0", "kv/other@1 asked 0"}
	if diff := cmp.Diff(want, versions(x.all())["web"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for i := range 3 * maxRenders {
		looked.Revision, looked.Began = fmt.Sprint("branch-", i), moment.Add(time.Duration(i)*time.Minute)
		x.Used("web", looked)
	}
	if got := len(x.renders("web")); got != maxRenders {
		t.Errorf("%d renders of one application are kept, want %d", got, maxRenders)
	}
}

func TestTheIndexIsBounded(t *testing.T) {
	const most = 1000
	x := NewIndex(most)
	for i := range 3 * most {
		x.Used(fmt.Sprint("app-", i), at(i, Use{secret("db"), 1}))
	}
	if got := x.Len(); got > most || got < most*9/10 {
		t.Errorf("%d applications, want at most %d and not many fewer", got, most)
	}
	if len(x.renders("app-0")) != 0 || len(x.renders(fmt.Sprint("app-", 3*most-1))) != 1 {
		t.Error("the oldest application is kept, or the newest is not")
	}
	// Few applications with many uses each are bounded too.
	x = NewIndex(most)
	for i := range most {
		var uses []Use
		for j := range 200 {
			uses = append(uses, Use{secret(fmt.Sprintf("%d/%d", i, j)), 1})
		}
		x.Used(fmt.Sprint("app-", i), at(i, uses...))
	}
	if x.held > most*usesPerApp {
		t.Errorf("%d uses are held, want at most %d", x.held, most*usesPerApp)
	}
	total := 0
	x.each(func(_ string, one render) { total += len(one.uses) })
	if total != x.held {
		t.Errorf("%d uses are counted as %d", total, x.held)
	}
}

func TestTheIndexIsSafeForConcurrentUse(t *testing.T) {
	x := NewIndex(500)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := range 500 {
				app := fmt.Sprintf("app-%d", i)
				x.Used(app, at(i+worker, Use{secret("db"), worker + 1}))
				x.settle(app, []change{{secret: compact(at(0, Use{secret("db"), 1})).uses[0].secret, to: 9}}, moment)
				x.inUse()
				ours := x.begin(i % Shards)
				merged, _ := merge(table{}, ours)
				x.done(i%Shards, ours, merged, worker%2 == 0)
			}
		})
	}
	group.Wait()
	total := 0
	x.each(func(_ string, one render) { total += len(one.uses) })
	if total != x.held {
		t.Errorf("%d uses are counted as %d", total, x.held)
	}
}

func TestWhatWasAskedForStaysWithTheApplication(t *testing.T) {
	x := NewIndex(0)
	x.Used("web", at(0, Use{secret("db"), 3}))
	x.settle("web", []change{{secret: x.renders("web")[0].uses[0].secret, from: 3, to: 4}}, moment.Add(time.Minute))
	// A render that began before and read the version before, and one of a commit.
	x.Used("web", at(30, Use{secret("db"), 3}))
	next := at(90, Use{secret("db"), 3})
	next.Revision = "two"
	x.Used("web", next)
	want := []string{"kv/db@3 asked 4", "kv/db@3 asked 4"}
	if diff := cmp.Diff(want, versions(x.all())["web"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// replicas share through a table, as they do through a Lease.
func TestReplicasMerge(t *testing.T) {
	first, second := NewIndex(0), NewIndex(0)
	first.Used("web", at(0, Use{secret("db"), 3}, Use{secret("former"), 1}))
	second.Used("web", at(9, Use{secret("db"), 4}))
	second.Used("api", at(1, Use{secret("db"), 4}))
	lease := map[int]table{}
	exchange := func(x *Index, keep bool) {
		for shard := range Shards {
			ours := x.begin(shard)
			merged, changed := merge(lease[shard], ours)
			if changed {
				packed, _ := encode(merged)
				lease[shard], _ = decode(packed)
			}
			x.done(shard, ours, merged, keep)
		}
	}
	exchange(second, false)
	exchange(first, true)
	want := map[string][]string{"web": {"kv/db@4 asked 0"}, "api": {"kv/db@4 asked 0"}}
	if diff := cmp.Diff(want, versions(first.all())); diff != "" {
		t.Errorf("the leader knows (-want +got):\n%s", diff)
	}
	if second.Len() != 0 {
		t.Errorf("a replica that does not lead keeps %d applications that are shared", second.Len())
	}
	// What the leader drops does not come back from the Lease, but for a new render.
	first.forget("web", first.renders("web"))
	exchange(first, true)
	if got := first.renders("web"); len(got) != 0 {
		t.Errorf("a render that was dropped is back: %v", got)
	}
	second.Used("web", at(20, Use{secret("db"), 5}))
	exchange(second, false)
	exchange(first, true)
	if diff := cmp.Diff([]string{"kv/db@5 asked 0"}, versions(first.all())["web"]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The same render once more is no news to write.
	second.Used("web", at(60, Use{secret("db"), 5}))
	ours := second.begin(shardOf("web"))
	if _, changed := merge(lease[shardOf("web")], ours); changed {
		t.Error("a render with the same outcome is written anew")
	}
}

func TestRebuild(t *testing.T) {
	render := func(app string, seconds int, outcome string, version int) audit.Event {
		return audit.Event{
			Type: audit.Render, App: app, Repo: repo, Path: "app", Revision: "one", Outcome: outcome, Environment: "production",
			Time: moment.Add(time.Duration(seconds) * time.Second), Milliseconds: map[string]float64{"total": 1500},
			Verdict:    &audit.Verdict{Bundle: "sha256:first"},
			References: []audit.Reference{{Binding: "shop", Mount: "kv", Path: "db", Version: version}},
		}
	}
	pinned := render("pinned", 0, "OK", 2)
	pinned.References[0].Pinned = true
	long := render("long", 0, "OK", 2)
	long.References[0].Path = strings.Repeat("a", maxRecorded-3) + "..."
	elsewhere := render("elsewhere", 0, "OK", 0)
	elsewhere.References[0] = audit.Reference{Binding: "shop", Store: "aws-sm", Mount: "kv", Path: "team/db", Version: 3}
	refresh := render("web", 60, "OK", 9)
	refresh.Type = audit.Refresh
	trail := []audit.Event{
		render("web", 20, "OK", 3), render("web", 10, "OK", 2), render("web", 30, "E_POLICY", 4), refresh,
		render("api", 0, "E_SECRET", 1), pinned, long, elsewhere,
	}
	x := NewIndex(0)
	if err := x.Rebuild(each(trail, nil)); err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{"web": {"kv/db@3 asked 0"}, "pinned": {}, "long": {}, "elsewhere": {}}
	if diff := cmp.Diff(want, versions(x.all())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	one := x.renders("web")[0]
	if one.bundle.Value() != "sha256:first" || one.environment.Value() != "production" || one.began != moment.Add(18500*time.Millisecond).UnixMilli() {
		t.Errorf("the render is %+v", one)
	}
	broken := errors.New("broken")
	if err := x.Rebuild(each(nil, broken)); !errors.Is(err, broken) {
		t.Errorf("a broken trail gives %v", err)
	}
}

func each(events []audit.Event, err error) iter.Seq2[audit.Event, error] {
	return func(yield func(audit.Event, error) bool) {
		for _, event := range events {
			if !yield(event, nil) {
				return
			}
		}
		if err != nil {
			yield(audit.Event{}, err)
		}
	}
}
