// Package reload keeps the policies of a running plugin up to date: it looks for
// new content of remote sources, directories and waivers on an interval, and
// puts a new gate in the place of the old one, whole, or not at all.
package reload

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/remote"
)

const (
	// fetches is how many sources are asked at a time.
	fetches = 4
	// attempts is how often files are read that change while they are read.
	attempts = 3
)

// Config says what a [Gate] is made from.
type Config struct {
	// Build returns what the gate is to be, given what each source holds. It is
	// called for each look.
	Build   func(sources map[string]bundle.Source) (policy.Config, error)
	Sources []remote.Source
	Fetch   remote.Options
	// Interval is the time from one look to the next; 0 means that there is none.
	Interval time.Duration
	// Looked is told of each look of [Gate.Run] after which something else judges,
	// or that failed otherwise than the one before; nil is told nothing.
	Looked func(ctx context.Context, before, after State)
	Log    logrus.FieldLogger
}

// Gate is a gate whose policies change while it is asked. Each request keeps the
// policies that it began with. It is safe for concurrent use.
type Gate struct {
	config   Config
	fetchers []*remote.Fetcher
	loaded   atomic.Pointer[loaded]
	state    atomic.Pointer[State]
}

// loaded is one generation of policies.
type loaded struct {
	gate        *policy.Gate
	fingerprint string
}

// State is how the last look went.
type State struct {
	// LastSuccess is when everything was last found to be up to date.
	LastSuccess time.Time
	// LastError is the code of the look's fault, empty where there was none. The
	// policies from before stay.
	LastError fault.Code
	// Sources are the digests or commits of the remote sources, by name.
	Sources map[string]string
	// Environments are the digests that verdicts carry, by environment.
	Environments map[string]string
}

// New loads everything. Its errors are faults: nothing starts with policies
// missing.
func New(ctx context.Context, config Config) (*Gate, error) {
	g := &Gate{config: config}
	var faults fault.List
	for _, source := range config.Sources {
		options := config.Fetch
		options.Log = config.Log
		fetcher, err := remote.New(source, options)
		if err != nil {
			faults = append(faults, fault.Of(err)...)
			continue
		}
		g.fetchers = append(g.fetchers, fetcher)
	}
	if err := faults.OrNil(); err != nil {
		return nil, err
	}
	if err := g.Refresh(ctx); err != nil {
		return nil, err
	}
	return g, nil
}

// Snapshot returns the gate as it is now. It does not change any more.
func (g *Gate) Snapshot() *policy.Gate { return g.loaded.Load().gate }

// Evaluate asks the gate as it is now. Who asks twice about one request asks a
// snapshot.
func (g *Gate) Evaluate(ctx context.Context, input policy.Input) (policy.Verdict, error) {
	return g.Snapshot().Evaluate(ctx, input)
}

// State returns how the last look went.
func (g *Gate) State() State { return *g.state.Load() }

// Run looks for changes on the interval until ctx ends. What goes wrong is
// logged, and the policies stay as they are.
func (g *Gate) Run(ctx context.Context) error {
	if g.config.Interval <= 0 {
		return nil
	}
	for {
		// Replicas that started together should not ask together for ever.
		wait := g.config.Interval + rand.N(g.config.Interval/10+1)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		before := g.State()
		err := g.Refresh(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			g.config.Log.WithField("code", fault.CodeOf(err)).Error("policies stay as they were: " + fault.Text(fault.Of(err)))
		}
		if after := g.State(); g.config.Looked != nil && (before.LastError != after.LastError || !maps.Equal(before.Environments, after.Environments)) {
			g.config.Looked(ctx, before, after)
		}
	}
}

// Refresh looks for changes once. After an error the gate is the one from
// before. A source that cannot be fetched does not keep the others from
// changing, unless nothing of it was ever fetched. Refresh must not be called
// twice at a time.
func (g *Gate) Refresh(ctx context.Context) error {
	contents, faults := g.fetch(ctx)
	if len(contents) == len(g.fetchers) {
		if err := g.rebuild(ctx, contents); err != nil {
			faults = append(faults, fault.Of(err)...)
		}
	}
	g.note(contents, faults)
	return faults.OrNil()
}

// fetch returns the newest content of each source that is known.
func (g *Gate) fetch(ctx context.Context) (map[string]bundle.Source, fault.List) {
	errs := make([]error, len(g.fetchers))
	var group errgroup.Group
	group.SetLimit(fetches)
	for i, fetcher := range g.fetchers {
		group.Go(func() error {
			before := fetcher.Last().Digest
			content, err := fetcher.Fetch(ctx)
			if errs[i] = err; err == nil && content.Digest != before {
				g.config.Log.WithFields(logrus.Fields{"source": fetcher.Source().Name, "digest": content.Digest, "before": before}).Info("policies fetched")
			}
			return nil
		})
	}
	_ = group.Wait()
	contents := map[string]bundle.Source{}
	var faults fault.List
	for i, fetcher := range g.fetchers {
		faults = append(faults, fault.Of(errs[i])...)
		if last := fetcher.Last(); last.Digest != "" {
			name := fetcher.Source().Name
			contents[name] = bundle.Source{Name: name + "@" + short(last.Digest), Files: last.Files}
		}
	}
	return contents, faults
}

// short is enough of a digest for a person to tell two versions apart.
func short(digest string) string {
	const shown = len("sha256:") + 12
	return digest[:min(len(digest), shown)]
}

// rebuild makes a new gate where something changed. Files that change while they
// are read could make a gate of two versions, so it counts only where they are
// the same before and after.
func (g *Gate) rebuild(ctx context.Context, contents map[string]bundle.Source) error {
	var last error
	for range attempts {
		config, err := g.config.Build(contents)
		if err != nil {
			return err
		}
		config.Inputs = g.digests(contents)
		before, err := config.Fingerprint()
		if err != nil {
			return err
		}
		if now := g.loaded.Load(); now != nil && now.fingerprint == before {
			return nil
		}
		gate, err := compile(ctx, config)
		after, errAfter := config.Fingerprint()
		if errAfter == nil && after != before {
			last = fault.New(fault.PolicyLoad, "policies change while they are read").WithFix("write them in one step, as a mounted ConfigMap is written")
			continue
		}
		if err = errors.Join(err, errAfter); err != nil {
			return err
		}
		g.loaded.Store(&loaded{gate: gate, fingerprint: before})
		for environment, digest := range gate.Digests() {
			g.config.Log.WithFields(logrus.Fields{"environment": environment, "digest": digest}).Info("policies loaded")
		}
		return nil
	}
	return last
}

// compile fences the compiler: a policy that makes it panic must not end
// requests that run.
func compile(ctx context.Context, config policy.Config) (gate *policy.Gate, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			gate, err = nil, fault.New(fault.PolicyLoad, "the policies cannot be compiled: %s", fault.Clean(fmt.Sprint(cause), 200))
		}
	}()
	return policy.New(ctx, config)
}

func (g *Gate) note(contents map[string]bundle.Source, faults fault.List) {
	now := State{Sources: g.digests(contents)}
	if before := g.state.Load(); before != nil {
		now.LastSuccess = before.LastSuccess
	}
	if loaded := g.loaded.Load(); loaded != nil {
		now.Environments = loaded.gate.Digests()
	}
	if now.LastError = fault.CodeOf(faults.OrNil()); now.LastError == "" {
		now.LastSuccess = time.Now()
	}
	g.state.Store(&now)
}

// digests names what each source that was fetched holds.
func (g *Gate) digests(contents map[string]bundle.Source) map[string]string {
	digests := map[string]string{}
	for _, fetcher := range g.fetchers {
		if name := fetcher.Source().Name; contents[name].Name != "" {
			digests[name] = fetcher.Last().Digest
		}
	}
	return digests
}
