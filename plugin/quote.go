package plugin

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/internal/quote"
	"github.com/argocd-seal/argocd-seal-plugin/policy"
)

// quoteOutcomes adds to a verdict the lines that its outcomes speak of.
func (p *Pipeline) quoteOutcomes(job Job, objects []object.Object, verdict policy.Verdict) {
	if len(verdict.Outcomes) == 0 {
		return
	}
	faults := make(fault.List, len(verdict.Outcomes))
	for i, outcome := range verdict.Outcomes {
		faults[i] = fault.New(outcome.Code, "%s", outcome.Message).In(outcome.File, outcome.Line).At(outcome.Object, outcome.Field)
	}
	for i, one := range fault.Of(p.quoted(job, objects, faults)) {
		verdict.Outcomes[i].Quote = one.Quote
	}
}

// quoted adds to faults the lines of the source that they speak of. It is done
// here, once for all stages.
func (p *Pipeline) quoted(job Job, objects []object.Object, err error) error {
	if err == nil || !p.Quote || job.Source == nil {
		return err
	}
	return quote.Source(err, job.Source.File, rendered(objects).holds)
}

// rendered are the objects that faults speak of.
type rendered []object.Object

// holds tells whether a line can be where the field of a fault comes from: the
// line says what the rendered object has.
func (r rendered) holds(one *fault.Error, line string) bool {
	for _, o := range r {
		if o.File == one.File && o.Line == one.Line && o.String() == one.Object {
			value, ok := scalarAt(o.Fields, one.Field)
			return !ok || strings.Contains(line, value)
		}
	}
	return true
}

// step is one part of the path to a field: a name, an index or a name in
// brackets.
var step = regexp.MustCompile(`^\.?([^.\[\]]+)|^\[([^\]]*)\]`)

// scalarAt returns the text of a field, and false where it is not there or has
// others below it.
func scalarAt(value any, field string) (string, bool) {
	for field != "" {
		match := step.FindStringSubmatch(field)
		if match == nil {
			return "", false
		}
		field = field[len(match[0]):]
		switch node := value.(type) {
		case map[string]any:
			value = node[match[1]+match[2]]
		case []any:
			index, err := strconv.Atoi(match[2])
			if err != nil || index < 0 || index >= len(node) {
				return "", false
			}
			value = node[index]
		default:
			return "", false
		}
	}
	switch scalar := value.(type) {
	case string:
		first, _, _ := strings.Cut(scalar, "\n")
		return first, first == scalar
	case bool, json.Number:
		return fmt.Sprint(scalar), true
	default:
		return "", false
	}
}
