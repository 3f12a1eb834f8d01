package rotation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unique"
)

// observation is what Vault said of a secret last.
type observation struct {
	current int32
	// readable is false where the current version is deleted or destroyed: who
	// renders now would fail.
	readable bool
	// created is when the current version was.
	created time.Time
}

// change is a reason to render an application again.
type change struct {
	secret   unique.Handle[Secret]
	from, to int32
	created  time.Time

	// Or, where bundle is not the zero value, other policies.
	environment          text
	formerBundle, bundle text
}

func (c change) isBundle() bool { return c.bundle != text{} }

func (c change) String() string {
	if c.isBundle() {
		return fmt.Sprintf("policies of %s changed", c.environment.Value())
	}
	return fmt.Sprintf("%s from version %d to %d", c.secret.Value().Logical(), c.from, c.to)
}

// token names a set of changes. It is the same for every leader that sees them.
func token(changes []change) string {
	var lines []string
	for _, c := range changes {
		if c.isBundle() {
			lines = append(lines, fmt.Sprintf("policies %q %q", c.environment.Value(), c.bundle.Value()))
			continue
		}
		lines = append(lines, fmt.Sprintf("secret %q %d %d", c.secret.Value().Logical(), c.to, c.created.UnixNano()))
	}
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "\n")))
	return hex.EncodeToString(sum[:16])
}

// world is what applications are compared with. It is safe for concurrent use.
type world struct {
	// settle is how long after new policies came renders still count as made with
	// the former ones: other replicas may load them later.
	settle time.Duration

	mu       sync.Mutex
	secrets  map[unique.Handle[Secret]]observation
	policies map[string]policies
}

// policies are those of an environment, and since when they are here.
type policies struct {
	digest text
	since  time.Time
}

func newWorld() *world {
	return &world{secrets: map[unique.Handle[Secret]]observation{}, policies: map[string]policies{}}
}

// follow takes in the digests of the policies as they are now.
func (w *world) follow(digests map[string]string, settle time.Duration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settle = settle
	for environment, digest := range digests {
		if w.policies[environment].digest != unique.Make(digest) {
			w.policies[environment] = policies{unique.Make(digest), now}
		}
	}
	for environment := range w.policies {
		if _, ok := digests[environment]; !ok {
			delete(w.policies, environment)
		}
	}
}

// see takes in what Vault said. What is not in use any more is forgotten.
func (w *world) see(found map[unique.Handle[Secret]]observation, inUse map[unique.Handle[Secret]]*usage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for secret, now := range found {
		w.secrets[secret] = now
	}
	for secret := range w.secrets {
		if inUse[secret] == nil {
			delete(w.secrets, secret)
		}
	}
}

// changes returns why a render is behind, and nothing where it is not or where a
// refresh was asked for already.
func (w *world) changes(one render, now time.Time) []change {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []change
	for _, u := range one.uses {
		seen, ok := w.secrets[u.secret]
		if !ok || !seen.readable || seen.current == u.version || seen.current == u.asked {
			continue
		}
		// A lower version is an old answer of a standby, unless it is a new secret.
		if seen.current < u.version && seen.created.UnixMilli() <= one.began {
			continue
		}
		all = append(all, change{secret: u.secret, from: u.version, to: seen.current, created: seen.created})
	}
	here, ok := w.policies[one.environment.Value()]
	if !ok || one.bundle.Value() == "" || one.bundle == here.digest || one.askedBundle == here.digest {
		return all
	}
	if settled := here.since.Add(w.settle); now.After(settled) && one.began < settled.UnixMilli() {
		all = append(all, change{environment: one.environment, formerBundle: one.bundle, bundle: here.digest})
	}
	return all
}

// usage is how a secret is used.
type usage struct {
	// versions counts the renders by version.
	versions map[int32]int
	// apps are a few that use it, for people.
	apps []string
}

// inUse collects the secrets of all renders.
func (x *Index) inUse() map[unique.Handle[Secret]]*usage {
	const named = 3
	all := map[unique.Handle[Secret]]*usage{}
	x.each(func(app string, one render) {
		for _, u := range one.uses {
			used := all[u.secret]
			if used == nil {
				used = &usage{versions: map[int32]int{}}
				all[u.secret] = used
			}
			used.versions[u.version]++
			if len(used.apps) < named && !slices.Contains(used.apps, app) {
				used.apps = append(used.apps, app)
			}
		}
	})
	return all
}
