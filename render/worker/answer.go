package worker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/render"
)

// What a child sends besides objects, and the parent accepts.
const (
	// maxFaults bounds warnings and faults each; people read the first few.
	maxFaults = 1000
	// maxMessage and maxPart bound the text of one fault in bytes.
	maxMessage = 1024
	maxPart    = 512
	// maxPlace bounds the line in front of an object: a path and a number.
	maxPlace = 16 << 10
)

// place is where in the source an object came from.
type place struct {
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// summary ends an answer. The counts let the parent tell a complete answer
// from one that lost a part.
type summary struct {
	Kind     render.Kind `json:"kind,omitempty"`
	Objects  int         `json:"objects"`
	Warnings int         `json:"warnings"`
	Faults   int         `json:"faults"`
}

// writeAnswer sends what became of a request: faults, or else the result.
func writeAnswer(w io.Writer, result render.Result, err error) error {
	var end summary
	if err != nil {
		faults := clip(fault.Of(err), "faults")
		end.Faults = len(faults)
		if err := writeFaults(w, frameFault, faults); err != nil {
			return err
		}
		return writeJSON(w, frameDone, end)
	}
	for _, object := range result.Objects {
		head, err := json.Marshal(place{File: object.File, Line: object.Line})
		if err != nil {
			return err
		}
		line, err := object.AppendJSON(append(head, '\n'))
		if err != nil {
			return err
		}
		if err := writeFrame(w, frameObject, line); err != nil {
			return err
		}
	}
	warnings := clip(result.Warnings, "warnings")
	if err := writeFaults(w, frameWarning, warnings); err != nil {
		return err
	}
	end = summary{Kind: result.Kind, Objects: len(result.Objects), Warnings: len(warnings)}
	return writeJSON(w, frameDone, end)
}

func writeFaults(w io.Writer, kind frameKind, list fault.List) error {
	for _, e := range list {
		if err := writeJSON(w, kind, bounded(e)); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, kind frameKind, value any) error {
	payload, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, payload)
}

// readJSON decodes one value of which every field is known, or returns errFrame.
func readJSON(payload []byte, value any) error {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil || decoder.More() {
		return fmt.Errorf("%w: not the JSON that belongs here", errFrame)
	}
	return nil
}

// clip shortens a list to maxFaults and says so in its last fault.
func clip(list fault.List, what string) fault.List {
	if len(list) <= maxFaults {
		return list
	}
	kept := list[: maxFaults-1 : maxFaults-1]
	return append(kept, fault.New(list[0].Code, "and %d more %s", len(list)-len(kept), what))
}

// bounded returns a copy whose text is printable and short enough for a frame.
// Both sides use it: a fault that a sane child sends passes the parent unchanged.
func bounded(e *fault.Error) *fault.Error {
	return &fault.Error{
		Code: e.Code,
		File: fault.Clean(e.File, maxPart), Line: e.Line, Column: e.Column,
		Object: fault.Clean(e.Object, maxPart), Field: fault.Clean(e.Field, maxPart),
		Message: fault.Clean(e.Message, maxMessage), Fix: fault.Clean(e.Fix, maxPart),
		Expected: fault.Clean(e.Expected, maxPart), Nearest: fault.Clean(e.Nearest, maxPart), Known: fault.Clean(e.Known, maxPart),
	}
}
