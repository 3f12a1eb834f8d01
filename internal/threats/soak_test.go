package threats

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
)

// soakEnv says for how long to soak: `make soak` does it for twenty minutes.
const soakEnv = "ARGOCD_SEAL_SOAK"

const (
	// warmUp is after when nothing may grow any more.
	warmUp = 2 * time.Minute
	// sampled is how often figures are taken under load.
	sampled = 10 * time.Second
	// rotated is how often a value gets a new version in Vault.
	rotated = 7 * time.Second
)

// TestSoak asks for good, denied, failing and hostile applications without a pause
// while a value rotates. Each answer must be right, and nothing may grow.
func TestSoak(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv(soakEnv))
	if err != nil {
		t.Skipf("%s does not say for how long, as 20m does", soakEnv)
	}
	rules := t.TempDir()
	must(t, os.WriteFile(filepath.Join(rules, "p.rego"), []byte("package main\n\ndeny contains \"this is not allowed\" if input.data.denied\n"), 0o600))
	s := prepare(t, settings{render: "{timeout: 30s}", policy: "{bundles: [{directory: " + rules + "}]}"})
	s.write("plugin.yaml", strings.Replace(s.read(t, "plugin.yaml"), "logLevel: debug", "logLevel: warn", 1), 0o600)
	s.run(t, settings{})
	s.calm = s.harmless(t)
	soak := newSoak(t, s)
	soak.run(t, warmUp)
	first := s.rest(t)
	t.Logf("at rest after %s: %s", warmUp, first)
	soak.run(t, length-warmUp)
	last := s.rest(t)
	t.Logf("at rest in the end: %s", last)
	t.Logf("under load:\n%s", soak.table())
	t.Logf("answers:\n%s", soak.tally)
	for _, wrong := range soak.wrong {
		t.Error(wrong)
	}
	soak.steady(t)
	if last.goroutines > first.goroutines+slackGoroutines || last.descriptors > first.descriptors+slackDescriptors ||
		last.processes != first.processes || last.resident > first.resident*5/4+32<<20 {
		t.Errorf("at rest there is %s, and after the first %s there was %s", last, warmUp, first)
	}
	s.unharmed(t)
}

// expected is a request and what its answer must be.
type expected struct {
	demand
	right func(a answer, began time.Time) error
}

// soak is a mixed load.
type soak struct {
	s       *sidecar
	good    []expected
	bad     []expected
	hostile []expected
	values  *rotating
	tally   *tally

	mu      sync.Mutex
	wrong   []error
	samples []sample10
	began   time.Time
	count   atomic.Int64
}

// sample10 is what there was at a time, and how many requests had been answered.
type sample10 struct {
	figures
	at       time.Duration
	requests int64
}

func newSoak(t testing.TB, s *sidecar) *soak {
	t.Helper()
	k := &soak{s: s, tally: &tally{ends: map[string]int{}}, values: &rotating{s: s}, began: time.Now()}
	k.values.next(t)
	chartFiles := chart(files{"values.yaml": "size: 3\n", "templates/a.yaml": "{{ range until (int .Values.size) }}---\n" +
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-{{ . }}, namespace: apps}\ndata: {a: 'b'}\n{{ end }}", "templates/s.yaml": secret(s.reference())})
	k.good = []expected{
		k.same(t, s.calmShop(t)),
		k.same(t, newDemand("a chart", pack(t, chartFiles), identity())),
		k.same(t, newDemand("a manifest", pack(t, files{"app/c.yaml": configMap}), identity())),
		{newDemand("a value that rotates", pack(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/rotated#k>")}), identity()), k.values.right},
	}
	for code, content := range map[string]files{
		"E_POLICY":    {"app/a.yaml": strings.Replace(configMap, "a: b", "denied: b", 1)},
		"E_FORBIDDEN": {"app/a.yaml": secret("<vault:kv/" + s.prefix + "/core/db#password>")},
		"E_SECRET":    {"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/db#none>")},
		"E_YAML":      {"app/a.yaml": "apiVersion: v1\nkind: [b\nmetadata: {}\n"},
		"E_KUSTOMIZE": {"app/kustomization.yaml": "resources: 5\n"},
		"E_PATH":      {"other/a.yaml": configMap},
	} {
		one := newDemand("what is "+code, pack(t, content), identity(), code)
		k.bad = append(k.bad, expected{one, func(a answer, _ time.Time) error {
			if a.err == nil {
				return fmt.Errorf("%s is rendered", one.name)
			}
			return one.holds(a)
		}})
	}
	for _, one := range s.hostile(t, "ARGOCD_APP_PROJECT_NAME=elsewhere") {
		// Who renders slowly waits for its own slow renders, and may be told to come
		// back later. Nobody else may.
		k.hostile = append(k.hostile, expected{one, func(a answer, _ time.Time) error {
			if a.code() == "E_BUSY" {
				return nil
			}
			return one.holds(a)
		}})
	}
	return k
}

// same expects the bytes of the first answer.
func (k *soak) same(t testing.TB, one demand) expected {
	t.Helper()
	from := k.s.caller(t)
	defer from.close()
	first := from.ask(t.Context(), one)
	if first.err != nil {
		t.Fatalf("%s gives %s", one.name, first.text())
	}
	return expected{one, func(a answer, _ time.Time) error {
		if a.text() != first.text() {
			return fmt.Errorf("%s gives\n%.2000s\nand first gave\n%.2000s", one.name, a.text(), first.text())
		}
		return nil
	}}
}

// run loads for some time: six clients ask for good applications, two for bad ones,
// and four are hostile.
func (k *soak) run(t testing.TB, length time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var group sync.WaitGroup
	for set, clients := range map[*[]expected]int{&k.good: 6, &k.bad: 2, &k.hostile: 4} {
		for i := range clients {
			from := k.s.caller(t)
			group.Go(func() {
				defer from.close()
				for turn := i; ctx.Err() == nil; turn++ {
					k.ask(context.WithoutCancel(ctx), from, (*set)[turn%len(*set)])
				}
			})
		}
	}
	group.Go(func() {
		for every(ctx, rotated) {
			k.values.next(t)
		}
	})
	for every(ctx, sampled) {
		if now, err := k.s.figures(); err == nil {
			k.samples = append(k.samples, sample10{now, time.Since(k.began), k.count.Load()})
		}
	}
	group.Wait()
}

// every waits, and tells whether there is time left.
func every(ctx context.Context, interval time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(interval):
		return true
	}
}

func (k *soak) ask(ctx context.Context, from caller, one expected) {
	began := time.Now()
	a := from.ask(ctx, one.demand)
	k.count.Add(1)
	k.tally.count(one.demand, a)
	if err := one.right(a, began); err != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.wrong = append(k.wrong, err); len(k.wrong) > 20 {
			k.wrong = k.wrong[:20]
		}
	}
}

// rotating is a value that gets new versions in Vault.
type rotating struct {
	s        *sidecar
	mu       sync.Mutex
	versions []version
}

// version was in Vault at the latest from the end of its write.
type version struct {
	value    string
	from, to time.Time
}

func (r *rotating) next(t testing.TB) {
	value := fmt.Sprintf("version-%d-%s", time.Now().UnixNano(), base64.StdEncoding.EncodeToString(randomBytes(9)))
	r.mu.Lock()
	r.versions = append(r.versions, version{value: value, from: time.Now(), to: time.Now().Add(24 * time.Hour)})
	r.mu.Unlock()
	r.s.server.Put(t, r.s.prefix+"/team-a/rotated", `{"k":"`+value+`"}`)
	r.mu.Lock()
	defer r.mu.Unlock()
	if count := len(r.versions); count > 1 {
		r.versions[count-2].to = time.Now()
	}
}

// shared is how much earlier than a request a read may have begun that it shares
// with another one.
const shared = 2 * time.Second

// right expects a version that Vault held while the request was made.
func (r *rotating) right(a answer, began time.Time) error {
	if a.err != nil {
		return fmt.Errorf("the value that rotates gives %s", a.text())
	}
	match := regexp.MustCompile(`"encryptedData":\{"password":"([^"]+)"`).FindStringSubmatch(a.text())
	if match == nil {
		return errors.New("the value that rotates is not sealed")
	}
	raw, err := base64.StdEncoding.DecodeString(match[1])
	if err != nil {
		return err
	}
	plain, err := crypto.HybridDecrypt(nil, privateKeys(r.s.t), raw, []byte("apps/db"))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.versions, func(v version) bool { return v.value == string(plain) })
	if at < 0 {
		return errors.New("what is sealed was never in Vault")
	}
	if v := r.versions[at]; v.to.Before(began.Add(-shared)) || v.from.After(time.Now()) {
		return fmt.Errorf("a request that began %s after a version had been replaced was given it", began.Sub(v.to))
	}
	return nil
}

// third is the middle of a figure over a third of the samples after the warm-up.
func (k *soak) third(which int, of func(sample10) int64) int64 {
	after := slices.DeleteFunc(slices.Clone(k.samples), func(one sample10) bool { return one.at < warmUp })
	var values []int64
	for _, one := range after[which*len(after)/3 : (which+1)*len(after)/3] {
		values = append(values, of(one))
	}
	slices.Sort(values)
	if len(values) == 0 {
		return 0
	}
	return values[len(values)/2]
}

// columns are the figures, and how much more of each the last third may have than
// the first one: the load is not the same at any two moments.
var columns = []struct {
	name  string
	of    func(sample10) int64
	slack int64
}{
	{"goroutines", func(o sample10) int64 { return int64(o.goroutines) }, 25},
	{"descriptors", func(o sample10) int64 { return int64(o.descriptors) }, 15},
	{"workers", func(o sample10) int64 { return int64(o.processes) }, 2},
	{"resident MiB", func(o sample10) int64 { return o.resident >> 20 }, 48},
}

// steady expects the last third of the samples to be like the first one.
func (k *soak) steady(t testing.TB) {
	t.Helper()
	for _, column := range columns {
		first, last := k.third(0, column.of), k.third(2, column.of)
		t.Logf("%s, the middle of the first and of the last third after the warm-up: %d, %d", column.name, first, last)
		if last > first*5/4+column.slack {
			t.Errorf("%s grow from %d to %d", column.name, first, last)
		}
	}
}

// table shows a sample of each minute.
func (k *soak) table() string {
	var text strings.Builder
	for i, one := range k.samples {
		if i%6 == 5 || i == len(k.samples)-1 {
			fmt.Fprintf(&text, "%6s %7d requests  %s\n", one.at.Round(time.Second), one.requests, one.figures)
		}
	}
	return text.String()
}
