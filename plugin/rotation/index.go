package rotation

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultApps is how many applications an index holds.
	DefaultApps = 100_000
	// usesPerApp bounds what all applications together may use, as a mean.
	usesPerApp = 20
	// maxRenders bounds the renders of one application: sources by revisions.
	maxRenders = 12
	// Shards is the number of Leases that share an index.
	Shards = 32
)

// table is renders by application.
type table map[string][]render

// add merges a render into those of an application. What is too much goes by
// age, the oldest first.
func (t table) add(app string, one render) {
	list := t[app]
	if at := slices.IndexFunc(list, one.same); at >= 0 {
		list[at] = list[at].merge(one)
		return
	}
	// The others of the source know what it was refreshed for.
	for _, other := range list {
		if other.source == one.source && other.askedAt > one.askedAt {
			late := other
			late.began = 0
			one = one.merge(late)
		}
	}
	if list = append(list, one); len(list) > maxRenders {
		oldest := 0
		for i := range list {
			if list[i].began < list[oldest].began {
				oldest = i
			}
		}
		list = slices.Delete(list, oldest, oldest+1)
	}
	t[app] = list
}

// latest is when an application was last rendered.
func latest(renders []render) int64 {
	var at int64
	for _, one := range renders {
		at = max(at, one.began)
	}
	return at
}

// Index remembers what each application used. It is bounded: where it is full,
// those applications go that were not rendered for the longest time. It is safe
// for concurrent use.
type Index struct {
	apps, uses int

	mu sync.Mutex
	// tables are by shard; held counts the uses in all of them.
	tables [Shards]table
	held   int
	dirty  [Shards]bool
	// gone are renders that were dropped since their shard was last written.
	gone [Shards]map[gone]int64
}

type gone struct {
	app              string
	source, revision uint32
}

// NewIndex returns an empty index for a number of applications; 0 means
// [DefaultApps].
func NewIndex(apps int) *Index {
	if apps <= 0 {
		apps = DefaultApps
	}
	x := &Index{apps: apps, uses: apps * usesPerApp}
	for shard := range x.tables {
		x.tables[shard] = table{}
	}
	return x
}

// Used notes a successful render. Names that are not an Application's are passed
// over.
func (x *Index) Used(app string, of Render) {
	if _, _, ok := parseApp(app); !ok {
		return
	}
	one := compact(of)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.put(app, one)
	x.dirty[shardOf(app)] = true
	x.bound()
}

// put adds a render. The caller holds the lock.
func (x *Index) put(app string, one render) {
	table := x.tables[shardOf(app)]
	x.held -= sizeOf(table[app])
	table.add(app, one)
	x.held += sizeOf(table[app])
}

// full tells whether there is too much. The caller holds the lock.
func (x *Index) full() bool { return x.held > x.uses || x.count() > x.apps }

func (x *Index) count() int {
	count := 0
	for _, table := range x.tables {
		count += len(table)
	}
	return count
}

func sizeOf(renders []render) int {
	size := 0
	for _, one := range renders {
		size += len(one.uses)
	}
	return size
}

// bound drops the oldest applications where there are too many. It drops some
// more than it must, so that it sorts seldom. The caller holds the lock.
func (x *Index) bound() {
	if !x.full() {
		return
	}
	names := byAge(x.tables[:]...)
	for i, app := range names {
		if i > len(names)/64 && !x.full() {
			return
		}
		table := x.tables[shardOf(app)]
		x.held -= sizeOf(table[app])
		delete(table, app)
	}
}

// byAge lists applications, that first which was not rendered for the longest
// time.
func byAge(tables ...table) []string {
	type aged struct {
		app string
		at  int64
	}
	var list []aged
	for _, one := range tables {
		for app, renders := range one {
			list = append(list, aged{app, latest(renders)})
		}
	}
	slices.SortFunc(list, func(a, b aged) int { return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.app, b.app)) })
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = one.app
	}
	return names
}

// Len returns how many applications the index holds.
func (x *Index) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.count()
}

// each calls a function for every render. It must not call the index.
func (x *Index) each(visit func(app string, one render)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, table := range x.tables {
		for app, renders := range table {
			for _, one := range renders {
				visit(app, one)
			}
		}
	}
}

// renders returns an application's renders.
func (x *Index) renders(app string) []render {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.tables[shardOf(app)][app])
}

// settle notes that a refresh was asked for, in all renders of the application:
// each of them is behind by the same.
func (x *Index) settle(app string, changes []change, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	renders := x.tables[shardOf(app)][app]
	for i, one := range renders {
		one.uses = slices.Clone(one.uses)
		for _, c := range changes {
			if c.isBundle() {
				if c.environment == one.environment {
					one.askedBundle = c.bundle
				}
				continue
			}
			for j := range one.uses {
				if one.uses[j].secret == c.secret {
					one.uses[j].asked = c.to
				}
			}
		}
		one.askedAt = now.UnixMilli()
		renders[i] = one
	}
	x.dirty[shardOf(app)] = true
}

// forget drops renders that are no longer an application's.
func (x *Index) forget(app string, renders []render) {
	x.mu.Lock()
	defer x.mu.Unlock()
	shard := shardOf(app)
	table := x.tables[shard]
	for _, one := range renders {
		at := slices.IndexFunc(table[app], one.same)
		if at < 0 || table[app][at].began > one.began {
			continue
		}
		x.held -= len(table[app][at].uses)
		table[app] = slices.Delete(table[app], at, at+1)
		if x.gone[shard] == nil {
			x.gone[shard] = map[gone]int64{}
		}
		x.gone[shard][gone{app, one.source, one.revision}] = one.began
		x.dirty[shard] = true
	}
	if len(table[app]) == 0 {
		delete(table, app)
	}
}

// shardOf is the Lease that an application is in. It must be the same in all
// replicas.
func shardOf(app string) int {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(app))
	return int(sum.Sum32() % Shards)
}
