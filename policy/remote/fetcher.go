package remote

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// DefaultTimeout bounds one fetch where [Options.Timeout] is 0.
const DefaultTimeout = 30 * time.Second

// Options hold for all sources.
type Options struct {
	// Timeout bounds one fetch.
	Timeout time.Duration
	// CacheDir keeps what pinned sources hold from one start to the next; empty
	// keeps nothing.
	CacheDir string
	// Offline takes from the cache alone.
	Offline bool
	Log     logrus.FieldLogger
}

// Content is what a source holds at a digest. It is read-only.
type Content struct {
	// Digest is the manifest's digest or the commit.
	Digest string
	// Files by their path below the source's root.
	Files map[string][]byte
}

// Fetcher fetches one source, and only what it does not have yet. It is not
// safe for concurrent use.
type Fetcher struct {
	source  Source
	backend backend
	cache   cache
	timeout time.Duration
	last    Content
}

// New returns a fetcher of the source, or all that is wrong with the source.
func New(source Source, options Options) (*Fetcher, error) {
	var faults fault.List
	for _, problem := range source.Problems() {
		faults = append(faults, fault.New(fault.Config, "%s", problem.Message).At("", "policy.sources["+source.Name+"]."+problem.Field).WithFix("%s", problem.Fix))
	}
	if err := faults.OrNil(); err != nil {
		return nil, err
	}
	f := &Fetcher{source: source, timeout: options.Timeout, cache: cache{dir: options.CacheDir, offline: options.Offline, log: options.Log}}
	if f.timeout <= 0 {
		f.timeout = DefaultTimeout
	}
	kept := f.cache
	if source.Follow {
		// A start without the server could not know which of them is the newest.
		kept.dir = ""
	}
	if source.OCI != "" {
		f.backend = &artifact{source: source, cache: kept}
	} else {
		f.backend = &clone{source: source, cache: kept}
	}
	return f, nil
}

// Source returns what is fetched.
func (f *Fetcher) Source() Source { return f.source }

// Last returns what the last fetch that worked gave; its digest is empty where
// none did.
func (f *Fetcher) Last() Content { return f.last }

// Fetch returns what the source holds now. Its error is a fault E_POLICY_FETCH.
func (f *Fetcher) Fetch(ctx context.Context) (Content, error) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	digest := f.source.pin()
	if digest == "" {
		if err := f.cache.mayFetch(); err != nil {
			return Content{}, f.source.failed(err, credentials{})
		}
		var err error
		if digest, err = f.backend.resolve(ctx); err != nil {
			return Content{}, err
		}
	}
	if digest == f.last.Digest {
		return f.last, nil
	}
	files, err := f.backend.fetch(ctx, digest)
	if err != nil {
		return Content{}, err
	}
	f.last = Content{Digest: digest, Files: files}
	return f.last, nil
}
