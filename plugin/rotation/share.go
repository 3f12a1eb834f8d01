package rotation

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/sirupsen/logrus"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
)

const (
	// leaseName is the Lease of the leader; those of the shards have a number
	// behind it.
	leaseName = "argocd-seal-rotation"
	// indexAnnotation holds a shard.
	indexAnnotation = "argocd-seal.io/rotation-index"
	// conflicts is how often a shard is written anew in one go where another
	// replica was faster.
	conflicts = 5
)

// shared is the index in the Leases of the cluster, which all replicas write and
// the leader reads.
type shared struct {
	leases coordinationclient.LeaseInterface
	index  *Index
	log    logrus.FieldLogger

	// mu lets one pass run at a time.
	mu sync.Mutex
}

// sync brings what this replica has learnt into the Leases. With keep it also
// reads what others have learnt, and keeps all of it; without, the index is
// empty afterwards but for what could not be written.
func (s *shared) sync(ctx context.Context, keep bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for shard := range Shards {
		if err := s.syncShard(ctx, shard, keep); err != nil {
			return err
		}
	}
	return nil
}

func (s *shared) syncShard(ctx context.Context, shard int, keep bool) error {
	if !keep && !s.index.isDirty(shard) {
		return nil
	}
	var err error
	for range conflicts {
		if err = s.exchange(ctx, shard, keep); !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return err
}

// exchange reads a shard, merges it with this replica's and writes it where that
// changed it.
func (s *shared) exchange(ctx context.Context, shard int, keep bool) error {
	name := fmt.Sprintf("%s-%02d", leaseName, shard)
	lease, err := s.leases.Get(ctx, name, metav1.GetOptions{})
	absent := apierrors.IsNotFound(err)
	if err != nil && !absent {
		return err
	}
	if absent {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	theirs, err := decode(lease.Annotations[indexAnnotation])
	if err != nil {
		// Of a release with another form, or damaged: what is rendered fills it again.
		s.log.WithField("lease", name).Warn("the shared index cannot be read and is begun anew")
		theirs = table{}
	}
	ours := s.index.begin(shard)
	merged, changed := merge(theirs, ours)
	if err == nil && !changed {
		s.index.done(shard, ours, merged, keep)
		return nil
	}
	packed, dropped := encode(merged)
	if dropped > 0 {
		s.log.WithFields(logrus.Fields{"lease": name, "applications": dropped}).Warn("the shared index is full: the oldest applications are not watched")
	}
	if lease.Annotations == nil {
		lease.Annotations = map[string]string{}
	}
	lease.Annotations[indexAnnotation] = packed
	if absent {
		_, err = s.leases.Create(ctx, lease, metav1.CreateOptions{})
	} else {
		_, err = s.leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	if err != nil {
		s.index.failed(shard)
		return err
	}
	s.index.done(shard, ours, merged, keep)
	return nil
}

// own is what a replica has of a shard.
type own struct {
	table table
	gone  map[gone]int64
}

// merge joins a shard with what a replica has, and tells whether the shard
// thereby changes.
func merge(theirs table, ours own) (merged table, changed bool) {
	merged = table{}
	for app, renders := range theirs {
		for _, one := range renders {
			if at, dropped := ours.gone[gone{app, one.source, one.revision}]; !dropped || one.began > at {
				merged.add(app, one)
			}
		}
	}
	for app, renders := range ours.table {
		for _, one := range renders {
			merged.add(app, one)
		}
	}
	// An application that uses nothing counts only beside what it used before.
	maps.DeleteFunc(merged, func(_ string, renders []render) bool {
		return !slices.ContainsFunc(renders, func(one render) bool { return len(one.uses) > 0 || one.bundle.Value() != "" })
	})
	return merged, !maps.EqualFunc(theirs, merged, sameRenders)
}

func (x *Index) isDirty(shard int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.dirty[shard]
}

// touch has all shards written, so that nothing is kept that is in them.
func (x *Index) touch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	for shard := range x.dirty {
		x.dirty[shard] = true
	}
}

// begin returns what the index has of a shard. What it learns from now on is for
// the next time.
func (x *Index) begin(shard int) own {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dirty[shard] = false
	ours := own{table{}, maps.Clone(x.gone[shard])}
	for app, renders := range x.tables[shard] {
		ours.table[app] = slices.Clone(renders)
	}
	return ours
}

// failed has the shard written again.
func (x *Index) failed(shard int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dirty[shard] = true
}

// done takes over a shard that is written. What came in between stays.
func (x *Index) done(shard int, ours own, merged table, keep bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for key, began := range ours.gone {
		if x.gone[shard][key] == began {
			delete(x.gone[shard], key)
		}
	}
	for app := range ours.table {
		if !keep || merged[app] == nil {
			x.drop(app, ours.table[app])
		}
	}
	if !keep {
		return
	}
	for app, renders := range merged {
		for _, one := range renders {
			if _, dropped := x.gone[shard][gone{app, one.source, one.revision}]; !dropped {
				x.put(app, one)
			}
		}
	}
	x.bound()
}

// drop removes renders that did not change since they were copied.
func (x *Index) drop(app string, copied []render) {
	table := x.tables[shardOf(app)]
	before := table[app]
	left := slices.DeleteFunc(slices.Clone(before), func(one render) bool {
		return slices.ContainsFunc(copied, func(c render) bool {
			return c.same(one) && c.began == one.began && c.askedAt == one.askedAt
		})
	})
	x.held -= sizeOf(before) - sizeOf(left)
	if table[app] = left; len(left) == 0 {
		delete(table, app)
	}
}
