package supplychain

import (
	"context"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/image"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

// Request is the images of one render.
type Request struct {
	Environment string
	// Objects are changed in place where a tag becomes a digest.
	Objects []object.Object
	// RepoURL is the application's repository.
	RepoURL string
}

// Result is what was found. A nil Result is that of a render that nobody looked at.
type Result struct{ Images []Verified }

// Verified is one image with what was found about it.
type Verified struct {
	image.Image
	// Key is the [Key] of the object.
	Key string
	// Rule is the name of the rule that counted; empty where none matched.
	Rule     string
	Findings []Finding
	evidence evidence
}

// Key tells objects apart, also those of one kind in different groups.
func Key(o object.Object) string { return o.Group() + " " + o.String() }

// Verify looks at all images of a render. What is wrong with an image is a finding;
// an error means that there is no verdict.
func (v *Verifier) Verify(ctx context.Context, request Request) (*Result, error) {
	env, ok := v.environments[request.Environment]
	if !ok {
		return nil, nil
	}
	images := image.Of(request.Objects, v.config.Fields...)
	if len(images) > maxImages {
		return nil, fault.New(fault.Limit, "the application names %d images; at most %d are verified", len(images), maxImages)
	}
	result := &Result{Images: make([]Verified, len(images))}
	tags := v.newTags()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range images {
		one := &result.Images[i]
		one.Image, one.Key = images[i], Key(request.Objects[images[i].Object])
		group.Go(func() error {
			v.verify(ctx, env, request.RepoURL, tags, one)
			return nil
		})
	}
	_ = group.Wait() // findings are no errors
	for i := range result.Images {
		if one := &result.Images[i]; one.Name.Digest != "" && !strings.Contains(one.Text, "@") {
			one.Pin(one.Name.Digest)
		}
	}
	return result, nil
}

// verify finds out everything about one image.
func (v *Verifier) verify(ctx context.Context, env environment, repoURL string, tags *tags, one *Verified) {
	if one.Name == (image.Name{}) {
		one.add(Finding{Rule: RuleName, Code: fault.Image, Message: "the image " + quoted(one.Text) + " is not the name of an image", Fix: "write it as registry/repository@sha256:..."})
		return
	}
	r, ok := env.ruleFor(one.Name)
	if !ok {
		one.add(Finding{
			Rule: RuleName, Code: fault.Image, Decision: env.Others,
			Message: "no rule of the environment lets images of " + one.Name.Full() + " run",
			Fix:     "use an image of a repository that the platform's rules name, or ask the platform team for a rule",
		})
		return
	}
	one.Rule = r.Name
	if r.Unverified {
		return
	}
	if !v.pinned(ctx, env, r, tags, one) {
		return
	}
	subject := attest.Subject{Image: one.Name.Full() + "@" + one.Name.Digest, RepoURL: repoURL, Now: v.now()}
	found, findings, err := v.look(ctx, one.Name, r, func(e evidence) []Finding { return r.judge(e, subject) })
	if err != nil {
		findings = failed(err, r)
	}
	one.evidence, one.Findings = found, findings
}

// pinned makes sure that the image has a digest.
func (v *Verifier) pinned(ctx context.Context, env environment, r rule, tags *tags, one *Verified) bool {
	switch {
	case one.Name.Digest == "" && env.Tags != ResolveTags:
		one.add(Finding{
			Rule: RuleDigest, Code: fault.Image, Decision: r.Enforcement,
			Message: "the image " + quoted(one.Text) + " has no digest: what the tag names may change after it was verified",
			Fix:     "write it as " + one.Name.Full() + "@sha256:...",
		})
		return false
	case one.Name.Digest == "":
		digest, err := tags.resolve(ctx, one.Name)
		if err != nil {
			one.Findings = failed(err, r)
			return false
		}
		one.Name.Digest = digest
	case !sha256Digest.MatchString(one.Name.Digest):
		one.add(Finding{Rule: RuleDigest, Code: fault.Image, Decision: r.Enforcement, Message: "the digest of the image " + quoted(one.Text) + " is not of SHA-256", Fix: "write it as " + one.Name.Full() + "@sha256:..."})
		return false
	}
	return true
}

func (one *Verified) add(finding Finding) { one.Findings = append(one.Findings, finding) }

// tags resolves each tag of a render once, so that one tag is one digest
// throughout.
type tags struct {
	verifier *Verifier
	mu       sync.Mutex
	found    map[image.Name]*resolving
}

type resolving struct {
	once   sync.Once
	digest string
	err    error
}

func (v *Verifier) newTags() *tags { return &tags{verifier: v, found: map[image.Name]*resolving{}} }

func (t *tags) resolve(ctx context.Context, name image.Name) (string, error) {
	t.mu.Lock()
	one, ok := t.found[name]
	if !ok {
		one = &resolving{}
		t.found[name] = one
	}
	t.mu.Unlock()
	one.once.Do(func() { one.digest, one.err = t.verifier.config.Registries.Resolve(ctx, name) })
	return one.digest, one.err
}
