// Package supplychain verifies the images of a render before the gate judges it: that
// they are of registries the platform knows, what they are by digest, who signed
// and built them, and what was found in them.
//
// It runs in the process that has the credentials and not beside tenants' files: what
// it takes from a render are names of images. Everything that registries answer may
// have been written by whoever can push there, and counts only as far as a signature
// reaches that the platform's rules accept.
package supplychain

import (
	"context"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/registry"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

const (
	// atOnce is how many images are verified at a time, whoever asks.
	atOnce = 16
	// longest is how long anything may go on for one image.
	longest = 2 * time.Minute
	// maxImages bounds the images of one render, and kept is how many are remembered:
	// no render makes the others forgotten.
	maxImages = 1000
	kept      = 2000
	// retry is how long an image that was denied, or a registry that did not answer,
	// is left alone: whoever signs an image wants it admitted at the next try.
	retry = 10 * time.Second
)

// Registries read what is attached to images; see [registry.Client].
type Registries interface {
	Resolve(ctx context.Context, name image.Name) (digest string, err error)
	Attached(ctx context.Context, name image.Name, wanted registry.Wanted) (registry.Attached, error)
	Ping(ctx context.Context) map[string]error
}

// Config is what the platform asks of images.
type Config struct {
	Registries Registries
	// Signers are those whom rules name.
	Signers []Signer
	// Fields are where images stand in objects that have them outside of containers.
	Fields []image.Field
	// Environments by name; images of others are not looked at.
	Environments map[string]Environment
	// Fresh is how long a verdict counts without asking again, and Keep how long it
	// may count for rules that accept it while the registry cannot be asked.
	Fresh, Keep time.Duration
	// Now is the clock; nil means [time.Now].
	Now func() time.Time
}

// Tags says what becomes of images without a digest.
type Tags string

// What becomes of tags: they are denied, or looked up once, and written into the
// object as a digest.
const (
	DenyTags    Tags = "deny"
	ResolveTags Tags = "resolve"
)

// Environment is what is asked of the images of one environment.
type Environment struct {
	Tags Tags
	// Rules are tried in their order; the first whose patterns match counts.
	Rules []Rule
	// Others is what becomes of images that no rule matches: [verdict.Deny], which
	// is the default, or [verdict.Warn].
	Others verdict.Decision
}

// Verifier verifies images. It is safe for concurrent use.
type Verifier struct {
	config       Config
	signers      map[string]Signer
	environments map[string]environment
	digests      map[string]string
	cache        *lru.Cache[string, evidence]
	failures     *lru.Cache[string, failure]
	flights      singleflight.Group
	turns        chan struct{}
	now          func() time.Time
}

// environment is an Environment with its rules made ready.
type environment struct {
	Environment
	rules []rule
}

// New makes a verifier. Its errors are faults of the configuration.
func New(config Config) (*Verifier, error) {
	v := &Verifier{
		config: config, signers: map[string]Signer{}, environments: map[string]environment{}, digests: map[string]string{},
		turns: make(chan struct{}, atOnce), now: config.Now,
	}
	if v.now == nil {
		v.now = time.Now
	}
	v.cache, v.failures = newCache[evidence](), newCache[failure]()
	for _, signer := range config.Signers {
		v.signers[signer.Name] = signer
	}
	var faults fault.List
	for name, asked := range config.Environments {
		made := environment{Environment: asked}
		for i, one := range asked.Rules {
			ready, err := v.newRule(one)
			if err != nil {
				for _, f := range fault.Of(err) {
					faults = append(faults, f.At("", fmt.Sprintf("environments[%s].images.rules[%d]%s", name, i, f.Field)))
				}
				continue
			}
			made.rules = append(made.rules, ready)
		}
		v.environments[name] = made
		v.digests[name] = made.digest(config.Fields)
	}
	return v, faults.OrNil()
}

func newCache[V any]() *lru.Cache[string, V] {
	made, err := lru.New[string, V](kept)
	if err != nil {
		panic("supplychain: internal error: the cache has no size")
	}
	return made
}

// Digests names what is asked of the images of each environment. A nil Verifier
// asks nothing.
func (v *Verifier) Digests() map[string]string {
	if v == nil {
		return nil
	}
	return v.digests
}
