package rotation

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// Vault says which versions a secret has. It is safe for concurrent use; its
// faults are those of [vault.Client.Metadata].
type Vault interface {
	Metadata(ctx context.Context, query store.Query) (vault.Metadata, error)
}

// Sources are what rotation compares applications with. They may be replaced
// while it runs, see [Rotation.Use].
type Sources struct {
	// Vault may be nil where no environment resolves references.
	Vault Vault
	// Role names the login that reads a secret, and is false where no binding gives
	// the secret to anybody.
	Role func(Secret) (role string, ok bool)
	// Digests are those of the policies as they are now, by environment. It may be
	// nil where nothing is judged.
	Digests func() map[string]string
	// Settle is how long the other replicas may take to load new policies.
	Settle time.Duration
}

// Config is what a rotation is made of. All but MaxAge and Record must be set.
type Config struct {
	// Kubernetes is how the API server is reached.
	Kubernetes *rest.Config
	// Namespace is Argo CD's own, where the Leases are too.
	Namespace string
	// Identity tells this replica from all others, and from itself before a restart.
	Identity string
	// Interval is how often Vault is asked about each secret.
	Interval time.Duration
	// Rate is the most questions to Vault, and Spread the most refreshes, in one
	// second.
	Rate, Spread float64
	// MaxAge is the age from which a secret is reported; 0 means never.
	MaxAge time.Duration
	// Record keeps events of the types refresh and secret; nil keeps none.
	Record func(ctx context.Context, event audit.Event) error
	Log    logrus.FieldLogger
}

// Rotation refreshes applications whose secrets or policies have changed. Its
// methods are safe for concurrent use, but for Run.
type Rotation struct {
	config    Config
	index     *Index
	shared    *shared
	world     *world
	apps      dynamic.Interface
	leases    coordinationclient.CoordinationV1Interface
	questions *rate.Limiter
	refreshes *rate.Limiter
	sources   atomic.Pointer[Sources]
	counters  *counters
	log       logrus.FieldLogger

	leading atomic.Bool
	// reported is the leader's alone.
	reported map[finding]bool

	mu      sync.Mutex
	waiting []string
	wake    chan struct{}
}

// requestTimeout bounds one request to the API server.
const requestTimeout = 10 * time.Second

// New returns a rotation over an index. It asks nobody anything.
func New(config Config, index *Index, sources Sources) (*Rotation, error) {
	kubernetes := rest.CopyConfig(config.Kubernetes)
	kubernetes.UserAgent, kubernetes.Timeout = "argocd-seal", requestTimeout
	kubernetes.QPS, kubernetes.Burst = -1, 0 // what is sent is bounded here
	apps, err := dynamic.NewForConfig(kubernetes)
	if err != nil {
		return nil, unreachable()
	}
	leases, err := coordinationclient.NewForConfig(kubernetes)
	if err != nil {
		return nil, unreachable()
	}
	r := &Rotation{
		config: config, index: index, world: newWorld(), apps: apps, leases: leases, counters: newCounters(), log: config.Log,
		questions: rate.NewLimiter(rate.Limit(config.Rate), 1), refreshes: rate.NewLimiter(rate.Limit(config.Spread), 1),
		reported: map[finding]bool{}, wake: make(chan struct{}, 1),
	}
	r.shared = &shared{leases: leases.Leases(config.Namespace), index: index, log: config.Log}
	r.Use(sources)
	return r, nil
}

func unreachable() error {
	return fault.New(fault.Config, "the client of the Kubernetes API cannot be built").
		WithFix("correct the kubeconfig file, or mount the pod's service account token").At("", "rotation")
}

// Use replaces what applications are compared with from the next question on.
func (r *Rotation) Use(sources Sources) { r.sources.Store(&sources) }

// Used notes a successful render: see [Index.Used].
func (r *Rotation) Used(app string, render Render) { r.index.Used(app, render) }

// Rebuild notes the renders of an audit trail: see [Index.Rebuild].
func (r *Rotation) Rebuild(events iter.Seq2[audit.Event, error]) error {
	return r.index.Rebuild(events)
}

// Stats returns counts for metrics.
func (r *Rotation) Stats() Stats {
	stats := r.counters.snapshot()
	stats.Leading, stats.Applications = r.leading.Load(), r.index.Len()
	return stats
}

// Run shares what this replica rendered, and leads where no other replica does,
// until ctx ends. What goes wrong is logged and tried again.
func (r *Rotation) Run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { r.share(ctx) })
	for ctx.Err() == nil {
		r.elect(ctx)
	}
	group.Wait()
	// What was learnt last is not lost with the process.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout/2)
	defer cancel()
	if err := r.shared.sync(last, false); err != nil {
		r.log.WithField("reason", reasonOf(err)).Warn("what was rendered last is not shared with the other replicas")
	}
}

// share brings what is new into the Leases, twice in an interval: a change is
// seen within two intervals even where it follows a render at once.
func (r *Rotation) share(ctx context.Context) {
	failures := 0
	for {
		wait := r.config.Interval * 2 / 5
		for range min(failures, 4) {
			wait = max(min(2*wait, longestWait), wait)
		}
		if sleep(ctx, wait+rand.N(wait/4+1)); ctx.Err() != nil {
			return
		}
		r.follow()
		if err := r.shared.sync(ctx, r.leading.Load()); err != nil && ctx.Err() == nil {
			failures++
			r.log.WithField("reason", reasonOf(err)).Warn("what was rendered cannot be shared with the other replicas and is tried again")
			continue
		}
		failures = 0
	}
}

// follow notes which policies hold now.
func (r *Rotation) follow() {
	sources := r.sources.Load()
	if sources.Digests != nil {
		r.world.follow(sources.Digests(), sources.Settle, time.Now())
	}
}

// elect waits for the Lease, leads while it is held, and returns when it is lost.
func (r *Rotation) elect(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// What client-go starts must be waited for, and it does not say whether it has
	// started it.
	led := make(chan context.Context, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: r.config.Namespace, Name: leaseName}, Client: r.leases,
			LockConfig: resourcelock.ResourceLockConfig{Identity: r.config.Identity},
		},
		LeaseDuration: 15 * time.Second, RenewDeadline: 10 * time.Second, RetryPeriod: 2 * time.Second, ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) { led <- ctx },
			OnStoppedLeading: func() {},
			OnNewLeader:      func(identity string) { r.log.WithField("leader", identity).Info("rotation has a leader") },
		},
	})
	if err != nil {
		panic("argocd-seal: internal error: the times of the leader election do not fit together")
	}
	var group sync.WaitGroup
	group.Go(func() {
		select {
		case held := <-led:
			r.lead(held) //nolint:contextcheck // the lease gives a context that ends when it is lost
		case <-ctx.Done():
		}
	})
	elector.Run(ctx)
	cancel()
	group.Wait()
}

// lead asks Vault and refreshes until ctx ends.
func (r *Rotation) lead(ctx context.Context) {
	r.leading.Store(true)
	defer r.stopLeading()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := r.shared.sync(ctx, true)
		if err == nil || ctx.Err() != nil {
			break
		}
		r.log.WithField("reason", reasonOf(err)).Warn("what the other replicas rendered cannot be read and is tried again")
		sleep(ctx, wait)
	}
	var group sync.WaitGroup
	group.Go(func() { r.refreshAll(ctx) })
	failures := 0
	for ctx.Err() == nil {
		r.follow()
		if r.watch(ctx) {
			failures = 0
		} else {
			failures++
		}
		if ctx.Err() == nil {
			r.enqueue(r.due())
		}
		sleep(ctx, pause(r.config.Interval, failures))
	}
	group.Wait()
}

// stopLeading leaves the index to the Leases, where the next leader finds it.
func (r *Rotation) stopLeading() {
	r.leading.Store(false)
	r.enqueue(nil)
	r.reported = map[finding]bool{}
	r.index.touch()
}

// record completes an event and keeps it.
func (r *Rotation) record(ctx context.Context, event audit.Event) {
	if r.config.Record == nil {
		return
	}
	event.Version, event.Time = audit.Version, time.Now()
	if err := r.config.Record(context.WithoutCancel(ctx), event); err != nil {
		r.log.WithFields(logrus.Fields{"code": fault.CodeOf(err), "type": event.Type}).Error("the event is not in the audit trail")
	}
}

// sleep waits, or returns earlier where ctx ends.
func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
