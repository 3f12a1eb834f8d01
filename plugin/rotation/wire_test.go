package rotation

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
	"unique"

	"github.com/google/go-cmp/cmp"
)

func TestAShardComesBackAsItWas(t *testing.T) {
	x := NewIndex(0)
	x.Used("web", at(0, Use{secret("db"), 3}, Use{secret("mail"), 7}))
	x.Used("team-a_web", at(7, Use{secret("db"), 1}))
	x.settle("web", []change{
		{secret: x.renders("web")[0].uses[0].secret, to: 4},
		{environment: x.renders("web")[0].environment, bundle: compact(Render{Bundle: "sha256:second"}).bundle},
	}, moment.Add(time.Hour))
	before := x.all()
	packed, dropped := encode(before)
	after, err := decode(packed)
	if err != nil || dropped != 0 {
		t.Fatal(err, dropped)
	}
	if diff := cmp.Diff(before, after, cmp.AllowUnexported(render{}, use{}),
		cmp.Comparer(func(a, b text) bool { return a == b }), cmp.Comparer(func(a, b unique.Handle[Secret]) bool { return a == b })); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if again, _ := encode(after); again != packed {
		t.Error("the same shard gives other bytes")
	}
	if empty, err := decode(""); err != nil || len(empty) != 0 {
		t.Errorf("a Lease without a shard gives %v, %v", empty, err)
	}
}

// TestARefreshIsOlderThanItsRender: once all of a shard was rendered again, each
// refresh was asked for before the first render.
func TestARefreshIsOlderThanItsRender(t *testing.T) {
	x := NewIndex(0)
	x.Used("web", at(0, Use{secret("db"), 3}))
	x.settle("web", []change{{secret: x.renders("web")[0].uses[0].secret, to: 4}}, moment.Add(time.Minute))
	for _, later := range []int{60, 120} { // at the same moment, and after it
		x.Used("web", at(later, Use{secret("db"), 4}))
		packed, _ := encode(x.all())
		after, err := decode(packed)
		if err != nil {
			t.Fatalf("%d seconds later: %v", later, err)
		}
		if got, want := after["web"][0].askedAt, moment.Add(time.Minute).UnixMilli(); got != want {
			t.Errorf("%d seconds later the refresh was asked for at %d, want %d", later, got, want)
		}
	}
}

func packText(text string) string {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, _ = writer.Write([]byte(text))
	_ = writer.Close()
	return base64.StdEncoding.EncodeToString(out.Bytes())
}

func TestDamagedShardsAreRefused(t *testing.T) {
	const ok = `{"v":1,"base":5,"secrets":[["b","kv","db"]],"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,0,0,0,3,0]]}]}`
	if got, err := decode(packText(ok)); err != nil || len(got["web"]) != 1 {
		t.Fatalf("a good shard gives %v, %v", got, err)
	}
	for name, packed := range map[string]string{
		"no base64":          "%%%",
		"no gzip":            base64.StdEncoding.EncodeToString([]byte("hello")),
		"no JSON":            packText("{"),
		"another version":    packText(`{"v":2}`),
		"a path that climbs": packText(`{"v":1,"secrets":[["b","kv","../sys"]],"apps":[]}`),
		"a bad name":         packText(`{"v":1,"apps":[{"n":"a/b","r":[]}]}`),
		"a short row":        packText(`{"v":1,"texts":[""],"apps":[{"n":"web","r":[[1,2]]}]}`),
		"no such text":       packText(`{"v":1,"texts":[""],"apps":[{"n":"web","r":[[1,2,0,1,0,0,0]]}]}`),
		"no such secret":     packText(`{"v":1,"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,0,0,0,1,0]]}]}`),
		"a huge version":     packText(`{"v":1,"secrets":[["b","kv","db"]],"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,0,0,0,9999999999,0]]}]}`),
		"a base far off":     packText(`{"v":1,"base":9223372036854775807,"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,1,0]]}]}`),
		"a time far off":     packText(`{"v":1,"base":1125899906842624,"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,1,0]]}]}`),
		"a bomb":             packText(fmt.Sprintf("%*s", maxUnpacked+2, "{}")),
	} {
		if got, err := decode(packed); err == nil {
			t.Errorf("%s gives %v", name, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	packed, _ := encode(table{"web": {compact(at(0, Use{secret("db"), 3}))}})
	f.Add(packed)
	f.Add(packText(`{"v":1,"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,0,0]]}]}`))
	f.Add(packText(`{"v":1,"base":1000,"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,500,1]]}]}`))
	f.Add(packText(`{"v":1,"base":-1000,"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,0,0]]},{"n":"other","r":[[1,2,0,0,0,2000,0]]}]}`))
	f.Add(packText(`{"v":1,"base":0,"texts":[""],"apps":[{"n":"web","r":[[1,2,0,0,0,0,0]]},{"n":"web-2","r":[[1,2,0,0,0,500,0]]}]}`))
	f.Fuzz(func(t *testing.T, packed string) {
		read, err := decode(packed)
		if err != nil {
			return
		}
		again, _ := encode(read)
		if _, err := decode(again); err != nil {
			t.Errorf("what was read cannot be read once written: %v", err)
		}
	})
}

// TestALeaseHoldsItsShare: a full index, with names and paths as large
// installations have them, fits into the Leases.
func TestALeaseHoldsItsShare(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // for sizes only
	shard := table{}
	for i := range DefaultApps / Shards {
		team := random.IntN(400)
		one := at(random.IntN(90*24*3600),
			Use{secret(fmt.Sprintf("team-%d/service-%d/db", team, i)), 1 + random.IntN(30)},
			Use{secret(fmt.Sprintf("team-%d/mail", team)), 1 + random.IntN(30)},
			Use{secret("common/registry"), 1 + random.IntN(30)})
		one.Revision = fmt.Sprint(random.Uint64())
		shard.add(fmt.Sprintf("team-%d_service-%d-production-eu", team, i), compact(one))
	}
	count := len(shard)
	packed, dropped := encode(shard)
	t.Logf("%d applications with 3 secrets each need %d KiB of %d", count, len(packed)>>10, maxWire>>10)
	if dropped > 0 {
		t.Errorf("%d of %d applications do not fit", dropped, count)
	}
	// Far more than fits loses the oldest, and fits.
	for i := range 40_000 {
		shard.add(fmt.Sprintf("more-%d-%x", i, random.Uint64()), compact(at(100*24*3600+i, Use{secret(fmt.Sprintf("more/%x", random.Uint64())), 1})))
	}
	packed, dropped = encode(shard)
	if len(packed) > maxWire || dropped == 0 || shard["more-0-"] != nil {
		t.Errorf("%d KiB, %d dropped", len(packed)>>10, dropped)
	}
	for app := range shard {
		if app[0] != 'm' {
			t.Fatalf("%s is older than what was dropped", app)
		}
	}
}
