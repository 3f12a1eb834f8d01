package schema

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// walker goes through one object with its schema. It stops at its limit of
// findings or when its context ends.
type walker struct {
	ctx      context.Context
	render   *Render
	limit    int
	ordered  bool
	path     []step
	findings []Finding
	// quiet counts the alternatives that are being tried: what they find is not
	// told.
	quiet int
	// steps count what was looked at since the context was.
	steps int
	err   error
}

// step is one part of a path: a field, or an item of a list.
type step struct {
	name  string
	index int
	item  bool
}

// stepsBetween is how much is looked at between two looks at the context.
const stepsBetween = 1 << 14

// over tells whether the walk ends here, and counts what it costs to go on.
func (w *walker) over(cost int) bool {
	if w.steps += cost; w.steps > stepsBetween {
		w.steps = 0
		if w.ctx.Err() != nil && w.err == nil {
			w.err = ended(w.ctx)
		}
	}
	return w.err != nil || len(w.findings) >= w.limit
}

// ended is the fault of a context that ended.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.New(fault.PolicyEngine, "checking the schema took longer than the request may").
			WithFix("look for patterns and alternatives without measure in the CustomResourceDefinitions of the render")
	}
	return fault.New(fault.Canceled, "the request ended while policies were asked")
}

// node checks a value. Null is what is not there.
func (w *walker) node(n *node, value any) {
	if value == nil || w.over(1) {
		return
	}
	if problem := w.misfit(n.form, value); problem != nil {
		w.report(problem.Message, problem.Fix)
		return
	}
	switch inner := value.(type) {
	case map[string]any:
		w.mapping(n, inner)
		if n.values != nil && len(n.defaults) > 0 {
			value = n.completed(inner)
		}
	case []any:
		w.list(n, inner)
	}
	if n.values != nil && !w.over(1) {
		w.meets(n.values, value)
	}
}

func (w *walker) mapping(n *node, fields map[string]any) {
	known, required := n.shape()
	if known == nil && n.rest == nil && n.open && required == nil {
		return
	}
	if w.ordered && w.quiet == 0 {
		for _, name := range keys(fields) {
			w.field(n, known, name, fields[name])
		}
	} else {
		for name, value := range fields {
			w.field(n, known, name, value)
		}
	}
	if len(w.path) > 0 && w.path[0].name == "status" {
		// The API server ignores the status of what is created.
		return
	}
	for _, name := range required {
		if w.over(1) {
			return
		}
		value, there := fields[name]
		if of := known[name]; value == nil && !(there && of != nil && of.nullable) {
			w.missing(name)
		}
	}
	if n.embedded {
		for _, name := range []string{"apiVersion", "kind"} {
			if fields[name] == nil || fields[name] == "" {
				w.missing(name)
			}
		}
	}
}

// completed adds the defaults of the fields that are not there.
func (n *node) completed(fields map[string]any) map[string]any {
	completed := maps.Clone(fields)
	for name, value := range n.defaults {
		if of := n.fields[name]; completed[name] == nil && (of == nil || !of.nullable) {
			completed[name] = value
		}
	}
	return completed
}

func (w *walker) field(n *node, fields map[string]*node, name string, value any) {
	if w.over(1) {
		return
	}
	w.path = append(w.path, step{name: name})
	switch field := fields[name]; {
	case field != nil:
		w.node(field, value)
	case n.rest != nil:
		w.node(n.rest, value)
	case !n.open:
		w.report(fmt.Sprintf("unknown field %q", fault.Clean(name, 80)), w.unknownFix(n, name, fields))
	}
	w.path = w.path[:len(w.path)-1]
}

func (w *walker) unknownFix(n *node, name string, fields map[string]*node) string {
	if w.limit == 1 || len(fields) > maxCandidates {
		return ""
	}
	if n.definition != nil {
		if elsewhere := n.definition.fieldSince(name); elsewhere != "" {
			return elsewhere
		}
	}
	return suggest(name, keys(fields))
}

func (w *walker) missing(name string) {
	if w.over(1) {
		return
	}
	w.path = append(w.path, step{name: name})
	w.report("the field is missing", "")
	w.path = w.path[:len(w.path)-1]
}

func (w *walker) list(n *node, items []any) {
	if n.items == nil {
		return
	}
	for i, item := range items {
		if w.over(1) {
			return
		}
		w.path = append(w.path, step{index: i, item: true})
		if item == nil && n.items.refusesNull {
			w.report("must be "+forms[n.items.form]+", it is empty", "")
		} else {
			w.node(n.items, item)
		}
		w.path = w.path[:len(w.path)-1]
	}
}

// report tells of a problem at the current path.
func (w *walker) report(message, fix string) {
	if w.quiet == 0 && len(w.findings) < w.limit {
		w.findings = append(w.findings, Finding{Field: pathText(w.path), Message: message, Fix: fix})
	}
}

// pathText writes a path as people know it: spec.containers[0].image, and
// metadata.labels[example.com/team] for names that are not plain.
func pathText(path []step) string {
	var b strings.Builder
	for _, step := range path {
		switch {
		case step.item:
			b.WriteString("[" + strconv.Itoa(step.index) + "]")
		case step.name == "" || strings.ContainsAny(step.name, "./[]\" \t\n"):
			b.WriteString("[" + fault.Clean(step.name, 120) + "]")
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(fault.Clean(step.name, 120))
		}
	}
	return b.String()
}
