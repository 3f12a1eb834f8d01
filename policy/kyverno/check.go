package kyverno

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/shape"
	"github.com/argocd-seal/argocd-seal-plugin/policy/verdict"
)

// Finding is what one rule said about an object.
type Finding struct {
	// Rule is the rule's id, and File and Line are where it stands.
	Rule     string
	File     string
	Line     int
	Title    string
	Severity string
	// Failed says that the rule gave no answer; Message then says why.
	Failed   bool
	Decision verdict.Decision
	Message  string
	// Field is the field that does not fit; empty where the rule names none.
	Field string
}

// Check asks every rule that matches the object. Destination is where objects
// without a namespace go; namespaces are the labels of those that are known. Its
// error is set only when the context ended.
func (s *Set) Check(ctx context.Context, o object.Object, destination string, namespaces map[string]labels.Set) ([]Finding, error) {
	var findings []Finding
	about := newSubject(o, destination, namespaces)
	var evaluated *evaluation
	for _, r := range s.rules {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// A rule and its form for templates may both match; once it is broken, it is.
		if n := len(findings); n > 0 && findings[n-1].Rule == r.id() {
			continue
		}
		if !r.match.matches(about, true) || r.exclude.matches(about, false) {
			continue
		}
		if evaluated == nil {
			evaluated = newEvaluation(ctx, o, destination)
		}
		result, err := evaluated.judge(r)
		if ended := ctx.Err(); ended != nil {
			return nil, ended
		}
		if finding, ok := r.finding(result, err, about.namespace); ok {
			findings = append(findings, finding)
		}
	}
	return findings, nil
}

func (r rule) finding(result verdictOf, err error, namespace string) (Finding, bool) {
	finding := Finding{Rule: r.id(), File: r.file, Line: r.line, Title: r.title, Severity: r.severity, Decision: r.action.in(namespace)}
	switch {
	case err != nil:
		finding.Failed, finding.Message = true, err.Error()
		return finding, true
	case !result.violated:
		return finding, false
	}
	finding.Field, finding.Message = result.field, result.message
	// The message of the rule comes first, and where its variables have no answer
	// the verdict still stands.
	if message, err := r.message.in(result.facts); err == nil && len(message) > 0 {
		finding.Message = message.plain()
		if result.message != "" {
			finding.Message += "; " + result.message
		}
	}
	if finding.Message == "" {
		finding.Message = fmt.Sprintf("the rule %s is not kept", r.name)
	}
	return finding, true
}

// verdictOf is what a rule says about an object.
type verdictOf struct {
	violated       bool
	field, message string
	// facts are those that the rule was broken by: within foreach, of one item.
	facts facts
}

// evaluation is one object and what expressions may ask about it.
type evaluation struct {
	ctx    context.Context
	fields map[string]any
	facts  facts
}

func newEvaluation(ctx context.Context, o object.Object, destination string) *evaluation {
	fields, _ := plain(o.Fields, false).(map[string]any)
	floats, _ := plain(o.Fields, true).(map[string]any)
	namespace, known := shape.Scope(o, destination)
	if namespace != "" && known && o.Namespace() == "" {
		// Argo CD and the API server fill in where the object goes.
		for _, tree := range []map[string]any{fields, floats} {
			if metadata, ok := tree["metadata"].(map[string]any); ok {
				metadata["namespace"] = namespace
			}
		}
	}
	kind := shape.KindOf(o)
	return &evaluation{ctx: ctx, fields: fields, facts: facts{"request": map[string]any{
		"object": floats, "oldObject": nil, "operation": "CREATE", "namespace": namespace, "name": o.Name(),
		"kind": map[string]any{"group": kind.Group, "version": kind.Version, "kind": kind.Kind},
	}}}
}

// plain copies a tree with numbers of Go: whole ones stay whole for patterns, and
// JMESPath knows floating ones only.
func plain(v any, floats bool) any {
	switch v := v.(type) {
	case map[string]any:
		copied := make(map[string]any, len(v))
		for key, inner := range v {
			copied[key] = plain(inner, floats)
		}
		return copied
	case []any:
		copied := make([]any, len(v))
		for i, inner := range v {
			copied[i] = plain(inner, floats)
		}
		return copied
	case json.Number:
		if whole, err := v.Int64(); err == nil && !floats {
			return whole
		}
		number, _ := v.Float64()
		return number
	default:
		return v
	}
}

func (e *evaluation) judge(r rule) (verdictOf, error) {
	holds, err := r.preconditions.hold(e.facts)
	if err != nil || !holds.yes {
		return verdictOf{}, err
	}
	return e.check(r.check, e.fields, "")
}

// check judges a value, which stands at a path of the object.
func (e *evaluation) check(c check, v any, path string) (verdictOf, error) {
	switch {
	case c.deny != nil:
		denied, err := c.deny.hold(e.facts)
		return verdictOf{violated: denied.yes, field: denied.field, message: denied.message, facts: e.facts}, err
	case len(c.each) > 0:
		return e.loops(c.each)
	default:
		return e.patterns(c, v, path)
	}
}

// patterns asks for one pattern that fits. The rule does not apply where no
// pattern does.
func (e *evaluation) patterns(c check, v any, path string) (verdictOf, error) {
	m, err := newMatcher(c.texts, e.facts)
	if err != nil {
		return verdictOf{}, err
	}
	var result verdictOf
	for _, p := range c.patterns {
		switch a := m.match(p, v, path); a.state {
		case fits:
			return verdictOf{}, nil
		case differs:
			if !result.violated {
				result = verdictOf{violated: true, field: a.field, facts: e.facts}
			}
		}
	}
	return result, nil
}

func (e *evaluation) loops(loops []loop) (verdictOf, error) {
	for _, l := range loops {
		result, err := e.loop(l)
		if err != nil || result.violated {
			return result, err
		}
	}
	return verdictOf{}, nil
}

// loop judges the items of a list. A list that is not there has none.
func (e *evaluation) loop(l loop) (verdictOf, error) {
	list, err := l.list.evaluate(e.facts)
	if err != nil {
		if errors.As(err, new(missingField)) {
			return verdictOf{}, nil
		}
		return verdictOf{}, err
	}
	items, ok := list.([]any)
	if !ok {
		items = []any{list}
	}
	for i, item := range items {
		if err := e.ctx.Err(); err != nil {
			return verdictOf{}, err
		}
		if item == nil {
			continue
		}
		path := ""
		if field := l.list.field(); field != "" {
			path = field + "[" + strconv.Itoa(i) + "]"
		}
		result, err := e.item(l, item, i, path)
		if err != nil || result.violated {
			return result, err
		}
	}
	return verdictOf{}, nil
}

func (e *evaluation) item(l loop, item any, index int, path string) (verdictOf, error) {
	inner := &evaluation{ctx: e.ctx, fields: e.fields, facts: maps.Clone(e.facts)}
	for name, v := range map[string]any{"element": item, "elementIndex": float64(index), "element0": item, "elementIndex0": float64(index)} {
		inner.facts[name] = v
	}
	holds, err := l.preconditions.hold(inner.facts)
	if err != nil || !holds.yes {
		return verdictOf{}, err
	}
	if _, ok := item.(map[string]any); l.whole || !ok {
		result, err := inner.check(l.check, e.fields, "")
		if result.field == "" {
			result.field = path
		}
		return result, err
	}
	result, err := inner.check(l.check, item, path)
	if result.field == "" {
		result.field = path
	}
	return result, err
}
