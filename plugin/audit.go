package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/follow"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
	"github.com/argocd-seal/argocd-seal-plugin/secrets"
)

// Auditor keeps what happened. It is safe for concurrent use. An error means
// that the event is not kept and that the platform does not go on without: the
// request then fails.
type Auditor interface {
	Record(ctx context.Context, event audit.Event) error
}

// record keeps the event of a request and returns the request's outcome: an
// event that must be kept and is not fails a request that went well.
func (s *Service) record(ctx context.Context, request *request, output Output, manifests []string, outcome error) error {
	if s.Audit == nil {
		return outcome
	}
	event := eventOf(request, output, manifests, outcome)
	event.Milliseconds = follow.Of(ctx).Milliseconds()
	// A request that ran out of time is recorded all the same.
	err := follow.Do(context.WithoutCancel(ctx), follow.Audit, func(ctx context.Context) error { return s.Audit.Record(ctx, event) })
	if outcome == nil {
		return err
	}
	return outcome
}

// eventOf describes one request. What a tenant has chosen is cleaned and bounded.
func eventOf(request *request, output Output, manifests []string, err error) audit.Event {
	var left omitted
	event := audit.Event{
		Type: audit.Render, Outcome: "OK",
		Environment: output.Environment, Renderer: string(output.Kind), Objects: len(output.Objects),
		Verdict: left.verdict(output.Verdict), Certificate: output.Certificate, Inputs: output.Verdict.Inputs,
	}
	id := request.job.Identity
	event.ID, event.Source = request.id, request.digest
	event.App, event.Project, event.Namespace = cleaned(id.App), cleaned(id.Project), cleaned(id.Namespace)
	event.Repo, event.Path, event.Revision = cleaned(redactURL(id.RepoURL)), cleaned(id.Path), cleaned(id.Revision)
	event.Author, event.Subject = cleaned(request.commit.Author), cleaned(request.commit.Subject)
	event.Images = entries(&left, "images", maxListBytes, output.Images.Seen(), seenImage)
	if err != nil {
		event.Outcome = string(fault.CodeOf(err))
		for _, one := range fault.Of(err) {
			event.Codes = append(event.Codes, string(one.Code))
		}
		event.Codes = distinct(event.Codes)
	} else {
		event.Output = digestOf(manifests)
		event.References = entries(&left, "references", maxListBytes, output.Used, reference)
		event.Injections = entries(&left, "injections", maxListBytes, output.Injected, left.injection)
	}
	event.Omitted = left.counts
	return event
}

func reference(used secrets.Usage) audit.Reference {
	return audit.Reference{
		Binding: used.Binding, Store: used.Store, Mount: cleaned(used.Mount), Path: cleaned(used.Path), Key: cleaned(used.Key),
		Version: used.Version, Label: cleaned(used.Label), Pinned: used.Pinned,
	}
}

func seenImage(one supplychain.Seen) audit.Image {
	return audit.Image{Image: cleaned(one.Image), Digest: cleaned(one.Digest), Rule: cleaned(one.Rule), SignedBy: one.SignedBy}
}

func (o *omitted) injection(one secrets.Injected) audit.Injection {
	return audit.Injection{Object: cleaned(one.Object), Kind: string(one.Kind), Keys: entries(o, "keys", maxKeyBytes, one.Keys, cleaned)}
}

// verdict is nil where nothing was judged.
func (o *omitted) verdict(v policy.Verdict) *audit.Verdict {
	if v.BundleDigest == "" {
		return nil
	}
	var denied, warned []string
	var waived []verdict.Outcome
	for _, outcome := range v.Outcomes {
		switch outcome.Decision {
		case verdict.Deny:
			denied = append(denied, outcome.Rule)
		case verdict.Warn:
			warned = append(warned, outcome.Rule)
		case verdict.Waived:
			if outcome.Waiver != nil {
				waived = append(waived, outcome)
			}
		}
	}
	return &audit.Verdict{
		Decision: string(v.Severest()), Bundle: v.BundleDigest,
		Denied: entries(o, "denied", maxListBytes, distinct(denied), cleaned), Warned: entries(o, "warned", maxListBytes, distinct(warned), cleaned),
		Waived: entries(o, "waived", maxListBytes, waived, waiver),
	}
}

func waiver(outcome verdict.Outcome) audit.Waiver {
	used := outcome.Waiver
	return audit.Waiver{
		Rule: outcome.Rule, Object: cleaned(outcome.Object), Owner: cleaned(used.Owner), Reason: cleaned(used.Reason), Expires: used.Expires,
	}
}

func cleaned(text string) string { return fault.Clean(text, maxLogged) }

// distinct sorts, and keeps each once.
func distinct(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// digestOf names the manifests that leave: the SHA-256 of each, in their order,
// with a line feed after it.
func digestOf(manifests []string) string {
	sum := sha256.New()
	for _, manifest := range manifests {
		_, _ = sum.Write([]byte(manifest))
		_, _ = sum.Write([]byte{'\n'})
	}
	return hex.EncodeToString(sum.Sum(nil))
}
