package rotation

import (
	"hash/fnv"
	"slices"
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

	mu    sync.Mutex
	table table
	held  int
	dirty [Shards]bool
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
	return &Index{apps: apps, uses: apps * usesPerApp, table: table{}}
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
	before := x.table[app]
	x.held -= sizeOf(before)
	x.table.add(app, one)
	x.held += sizeOf(x.table[app])
}

func sizeOf(renders []render) int {
	size := 0
	for _, one := range renders {
		size += len(one.uses)
	}
	return size
}

// bound drops the oldest applications where there are too many. It drops some
// more than it must, so that it sorts seldom.
func (x *Index) bound() {
	if len(x.table) <= x.apps && x.held <= x.uses {
		return
	}
	names := byAge(x.table)
	for i, app := range names {
		if i >= len(names)/64+1 && len(x.table) <= x.apps && x.held <= x.uses {
			return
		}
		x.held -= sizeOf(x.table[app])
		delete(x.table, app)
	}
}

// byAge lists applications, that first which was not rendered for the longest
// time.
func byAge(t table) []string {
	type aged struct {
		app string
		at  int64
	}
	list := make([]aged, 0, len(t))
	for app, renders := range t {
		list = append(list, aged{app, latest(renders)})
	}
	slices.SortFunc(list, func(a, b aged) int { return int(max(min(a.at-b.at, 1), -1)) })
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
	return len(x.table)
}

// each calls a function for every render. It must not call the index.
func (x *Index) each(visit func(app string, one render)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for app, renders := range x.table {
		for _, one := range renders {
			visit(app, one)
		}
	}
}

// renders returns an application's renders.
func (x *Index) renders(app string) []render {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.table[app])
}

// settle notes that a refresh was asked for, in all renders of the application:
// each of them is behind by the same.
func (x *Index) settle(app string, changes []change, now time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, one := range x.table[app] {
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
		x.table[app][i] = one
	}
	x.dirty[shardOf(app)] = true
}

// forget drops renders that are no longer an application's.
func (x *Index) forget(app string, renders []render) {
	x.mu.Lock()
	defer x.mu.Unlock()
	shard := shardOf(app)
	for _, one := range renders {
		at := slices.IndexFunc(x.table[app], one.same)
		if at < 0 || x.table[app][at].began > one.began {
			continue
		}
		x.held -= len(x.table[app][at].uses)
		x.table[app] = slices.Delete(x.table[app], at, at+1)
		if x.gone[shard] == nil {
			x.gone[shard] = map[gone]int64{}
		}
		x.gone[shard][gone{app, one.source, one.revision}] = one.began
		x.dirty[shard] = true
	}
	if len(x.table[app]) == 0 {
		delete(x.table, app)
	}
}

// shardOf is the Lease that an application is in. It must be the same in all
// replicas.
func shardOf(app string) int {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(app))
	return int(sum.Sum32() % Shards)
}
