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
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Auditor keeps what happened. It is safe for concurrent use. An error means
// that the event is not kept and that the platform does not go on without: the
// request then fails.
type Auditor interface {
	Record(ctx context.Context, event audit.Event) error
}

// maxListed bounds each list of an event: a tenant decides how many references,
// Secrets and rules a request has.
const maxListed = 500

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
	event := audit.Event{
		Type: audit.Render, Outcome: "OK",
		Environment: output.Environment, Renderer: string(output.Kind), Objects: len(output.Objects),
		Verdict: verdictOf(output.Verdict), Certificate: output.Certificate, Inputs: output.Verdict.Inputs,
	}
	id := request.job.Identity
	event.ID, event.Source = request.id, request.digest
	event.App, event.Project, event.Namespace = cleaned(id.App), cleaned(id.Project), cleaned(id.Namespace)
	event.Repo, event.Path, event.Revision = cleaned(redactURL(id.RepoURL)), cleaned(id.Path), cleaned(id.Revision)
	if err != nil {
		event.Outcome = string(fault.CodeOf(err))
		for _, one := range fault.Of(err) {
			event.Codes = append(event.Codes, string(one.Code))
		}
		event.Codes = distinct(event.Codes)
		return event
	}
	event.Output = digestOf(manifests)
	for _, used := range output.Used[:min(len(output.Used), maxListed)] {
		event.References = append(event.References, audit.Reference{
			Binding: used.Binding, Mount: cleaned(used.Mount), Path: cleaned(used.Path), Key: cleaned(used.Key), Version: used.Version,
			Pinned: used.Pinned,
		})
	}
	for _, one := range output.Injected[:min(len(output.Injected), maxListed)] {
		injection := audit.Injection{Object: cleaned(one.Object), Kind: string(one.Kind)}
		for _, key := range one.Keys[:min(len(one.Keys), maxListed)] {
			injection.Keys = append(injection.Keys, cleaned(key))
		}
		event.Injections = append(event.Injections, injection)
	}
	return event
}

// verdictOf is nil where nothing was judged.
func verdictOf(v policy.Verdict) *audit.Verdict {
	if v.BundleDigest == "" {
		return nil
	}
	said := &audit.Verdict{Decision: string(v.Severest()), Bundle: v.BundleDigest}
	for _, outcome := range v.Outcomes {
		switch outcome.Decision {
		case verdict.Deny:
			said.Denied = append(said.Denied, outcome.Rule)
		case verdict.Warn:
			said.Warned = append(said.Warned, outcome.Rule)
		case verdict.Waived:
			if waived := outcome.Waiver; waived != nil && len(said.Waived) < maxListed {
				said.Waived = append(said.Waived, audit.Waiver{
					Rule: outcome.Rule, Object: cleaned(outcome.Object), Owner: waived.Owner, Reason: waived.Reason, Expires: waived.Expires,
				})
			}
		}
	}
	said.Denied, said.Warned = distinct(said.Denied), distinct(said.Warned)
	return said
}

func cleaned(text string) string { return fault.Clean(text, maxLogged) }

// distinct sorts, keeps each once, and at most maxListed.
func distinct(texts []string) []string {
	slices.Sort(texts)
	texts = slices.Compact(texts)
	return texts[:min(len(texts), maxListed)]
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
