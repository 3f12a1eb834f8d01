package plugin

import (
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/quote"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
)

// quoteOutcomes adds to a verdict the lines that its outcomes speak of.
func (p *Pipeline) quoteOutcomes(job Job, verdict policy.Verdict) {
	if len(verdict.Outcomes) == 0 {
		return
	}
	faults := make(fault.List, len(verdict.Outcomes))
	for i, outcome := range verdict.Outcomes {
		faults[i] = fault.New(outcome.Code, "%s", outcome.Message).In(outcome.File, outcome.Line).At(outcome.Object, outcome.Field)
	}
	for i, one := range fault.Of(p.quoted(job, faults)) {
		verdict.Outcomes[i].Quote = one.Quote
	}
}

// quoted adds to faults the lines of the source that they speak of. It is done
// here, once for all stages.
func (p *Pipeline) quoted(job Job, err error) error {
	if err == nil || !p.Quote || job.Source == nil {
		return err
	}
	return quote.Source(err, job.Source.File)
}
