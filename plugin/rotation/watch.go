package rotation

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"
	"unique"

	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

const (
	// askers is how many questions to Vault are under way at once.
	askers = 4
	// longestPause bounds the pause while Vault is down.
	longestPause = 5 * time.Minute
)

// round is what one look at all secrets found.
type round struct {
	mu       sync.Mutex
	found    map[unique.Handle[Secret]]observation
	findings []finding
	// down are the logins with which Vault could not be asked.
	down     map[string]bool
	answered int
}

// question is one secret as one login sees it. Bindings may share both.
type question struct{ role, mount, path string }

// watch asks Vault about every secret in use, each once, and returns whether
// Vault answered.
func (r *Rotation) watch(ctx context.Context) bool {
	sources := r.sources.Load()
	inUse := r.index.inUse()
	asked := map[question][]unique.Handle[Secret]{}
	var order []question
	for secret := range inUse {
		named := secret.Value()
		role, ok := sources.Role(named)
		if !ok || sources.Vault == nil {
			continue // no binding gives it to anybody any more
		}
		q := question{role, named.Mount, named.Path}
		if asked[q] == nil {
			order = append(order, q)
		}
		asked[q] = append(asked[q], secret)
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	this := &round{found: map[unique.Handle[Secret]]observation{}, down: map[string]bool{}}
	var group errgroup.Group
	group.SetLimit(askers)
	for _, q := range order {
		if r.questions.Wait(ctx) != nil {
			break
		}
		group.Go(func() error {
			r.ask(ctx, sources.Vault, q, asked[q], inUse, this)
			return nil
		})
	}
	_ = group.Wait()
	if ctx.Err() != nil {
		return false
	}
	r.world.see(this.found, inUse)
	r.counters.update(func(s *Stats) { s.Secrets = len(order) })
	r.keep(this, inUse)
	r.report(ctx, this.findings, inUse)
	return len(this.down) == 0 || this.answered > 0
}

// ask puts one question. Once a login has failed in a round, its other questions
// wait for the next: the client has tried again already.
func (r *Rotation) ask(ctx context.Context, client Vault, q question, secrets []unique.Handle[Secret], inUse map[unique.Handle[Secret]]*usage, this *round) {
	this.mu.Lock()
	down := this.down[q.role]
	this.mu.Unlock()
	if down {
		return
	}
	metadata, err := client.Metadata(ctx, store.Query{Role: q.role, Mount: store.Mount{Path: q.mount, Version: 2}, Path: q.path})
	if ctx.Err() != nil {
		return
	}
	code := fault.CodeOf(err)
	this.mu.Lock()
	defer this.mu.Unlock()
	r.counters.update(func(s *Stats) {
		s.VaultRequests++
		if err != nil && code != fault.Secret {
			s.VaultFailures++
		}
	})
	switch {
	case code == fault.Secret:
		this.problem(secrets, Missing)
	case code == fault.Config:
		this.problem(secrets, Unwatched)
	case err != nil:
		if !this.down[q.role] {
			r.log.WithField("code", code).Warn("Vault cannot be asked for versions: " + fault.Text(fault.Of(err)))
		}
		this.down[q.role] = true
		return
	}
	this.answered++
	if err != nil {
		return
	}
	now := time.Now()
	current := metadata.Versions[metadata.Current]
	for _, secret := range secrets {
		this.found[secret] = observation{current: int32(min(metadata.Current, math.MaxInt32)), readable: metadata.Current > 0 && current.Readable(now), created: current.Created}
		this.findings = append(this.findings, inspect(secret, metadata, inUse[secret], r.config.MaxAge, now)...)
	}
}

func (r *round) problem(secrets []unique.Handle[Secret], problem Problem) {
	for _, secret := range secrets {
		r.findings = append(r.findings, finding{secret: secret, problem: problem})
	}
}

// keep carries over what was wrong with secrets that could not be asked about.
func (r *Rotation) keep(this *round, inUse map[unique.Handle[Secret]]*usage) {
	if len(this.down) == 0 {
		return
	}
	for one := range r.reported {
		if _, seen := this.found[one.secret]; !seen && inUse[one.secret] != nil {
			this.findings = append(this.findings, one)
		}
	}
}

// pause is how long to wait after so many rounds without an answer: the interval
// where Vault answers, and then twice as long each time. Replicas and rounds are
// spread by a tenth.
func pause(interval time.Duration, failures int) time.Duration {
	wait := interval
	for range min(failures, 16) {
		wait = min(2*wait, max(longestPause, interval))
	}
	return wait - wait/10 + rand.N(wait/5+1)
}

var _ Vault = (*vault.Client)(nil)
