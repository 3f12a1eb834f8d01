package worker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/render"
	"github.com/argocd-seal/argocd-seal-plugin/render/sandbox"
)

// maxObjects bounds how many objects one answer may hold, whatever the request
// allows: an object of a few bytes costs the parent a hundred times as much.
const maxObjects = 100_000

// errOutput is a limit of the parent's: the engine's own limits, which name
// their setting, are lower.
var errOutput = fault.New(fault.Limit, "the application renders more bytes than the sidecar takes").
	WithFix("split it into several applications, or raise render.limits.outputBytes")

// answer collects what a child sends. outputLeft and nodesLeft are budgets for
// the whole answer, so that many objects cannot do what one may not.
type answer struct {
	result     render.Result
	faults     fault.List
	outputLeft int64
	nodesLeft  int
}

// receive reads one answer. An error of the type *fault.Error or fault.List is
// what the child reports or a limit that its answer breaks; any other error
// means that the answer is malformed or incomplete.
func receive(r io.Reader, outputBytes int64) (render.Result, error) {
	a := &answer{outputLeft: outputBytes, nodesLeft: object.MaxNodes}
	for {
		kind, payload, err := readFrame(r, a.limit)
		if kind == frameObject && errors.Is(err, errFrame) {
			err = errOutput
		}
		if err != nil {
			return render.Result{}, err
		}
		switch kind {
		case frameObject:
			err = a.object(payload)
		case frameWarning:
			err = a.fault((*fault.List)(&a.result.Warnings), payload)
		case frameFault:
			err = a.fault(&a.faults, payload)
		default:
			return a.done(payload)
		}
		if err != nil {
			return render.Result{}, err
		}
	}
}

// limit bounds frames by their kind. An object may exceed the output's budget
// in its frame, because that is a fault which deserves its own code.
func (a *answer) limit(kind frameKind) int64 {
	switch kind {
	case frameObject:
		return maxPlace + a.outputLeft + 1
	case frameWarning, frameFault, frameDone:
		return maxControl
	default:
		return -1
	}
}

func (a *answer) object(payload []byte) error {
	head, line, found := bytes.Cut(payload, []byte("\n"))
	if !found || len(head) > maxPlace || len(a.result.Objects) == maxObjects {
		return fmt.Errorf("%w: object %d", errFrame, len(a.result.Objects))
	}
	var at place
	if err := readJSON(head, &at); err != nil {
		return err
	}
	if a.outputLeft -= int64(len(line)); a.outputLeft < 0 {
		return errOutput
	}
	if a.nodesLeft -= countNodes(line); a.nodesLeft < 0 {
		return fault.New(fault.Limit, "the application renders more than %d nodes", object.MaxNodes)
	}
	parsed, err := object.ParseLine(line, fault.Clean(at.File, maxPlace), at.Line)
	if err != nil {
		return fmt.Errorf("object %d: %w", len(a.result.Objects), asMalformed(err))
	}
	a.result.Objects = append(a.result.Objects, parsed)
	return nil
}

// asMalformed keeps limits, which an honest child can run into, as the faults
// that they are; whatever else is wrong with an object, an honest child would
// not have sent it.
func asMalformed(err error) error {
	if fault.CodeOf(err) == fault.Limit {
		return err
	}
	return errFrame
}

func (a *answer) fault(list *fault.List, payload []byte) error {
	var e fault.Error
	if err := readJSON(payload, &e); err != nil {
		return err
	}
	if len(*list) == maxFaults || !known(e.Code) {
		return fmt.Errorf("%w: fault %d", errFrame, len(*list))
	}
	*list = append(*list, bounded(&e))
	return nil
}

func known(code fault.Code) bool {
	return slices.ContainsFunc(fault.Codes(), func(m fault.Meaning) bool { return m.Code == code })
}

func (a *answer) done(payload []byte) (render.Result, error) {
	var end summary
	if err := readJSON(payload, &end); err != nil {
		return render.Result{}, err
	}
	got := summary{Kind: end.Kind, Objects: len(a.result.Objects), Warnings: len(a.result.Warnings), Faults: len(a.faults)}
	if end != got {
		return render.Result{}, fmt.Errorf("%w: %+v announced, %+v received", errFrame, end, got)
	}
	if len(a.faults) > 0 {
		return render.Result{}, a.faults
	}
	a.result.Kind = render.Kind(fault.Clean(string(end.Kind), maxPart))
	return a.result, nil
}

// receiveReady reads the child's first words: its layers, or why it cannot
// work.
func receiveReady(r io.Reader) ([]sandbox.Layer, error) {
	var faults answer
	for {
		kind, payload, err := readFrame(r, func(frameKind) int64 { return maxControl })
		if err != nil {
			return nil, err
		}
		switch kind {
		case frameReady:
			var layers []sandbox.Layer
			err := readJSON(payload, &layers)
			return layers, err
		case frameFault:
			if err := faults.fault(&faults.faults, payload); err != nil {
				return nil, err
			}
		case frameDone:
			if _, err := faults.done(payload); err != nil {
				return nil, err
			}
			return nil, errFrame
		default:
			return nil, errFrame
		}
	}
}

// countNodes returns an upper bound of the values in a line of JSON: one, and
// one more for every comma and opening bracket outside of strings. It is
// counted before decoding, which makes a map of every two bytes "{}".
func countNodes(line []byte) int {
	nodes, quoted := 1, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '[' || c == '{'):
			nodes++
		}
	}
	return nodes
}
