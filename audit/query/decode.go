package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/valyala/fastjson"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// decoder reads events. It is for one goroutine. It is written by hand because
// a question reads every line of a trail: encoding/json takes six times as long.
type decoder struct {
	parser fastjson.Parser
	// texts holds those that were read already: most events name the same
	// applications, authors and rules.
	texts map[string]string
	err   error
}

const (
	// maxShared and maxSharedText bound the texts that are held.
	maxShared     = 8192
	maxSharedText = 256
)

var errKind = errors.New("a value is of another kind than the plugin writes")

func control(b byte) bool { return b < ' ' }

// decode reads r.Line into r. What is wrong is said without quoting it.
func (d *decoder) decode(r *Record) *fault.Error {
	bad := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Audit, format, args...).In(r.File, r.Number)
	}
	r.Event, r.Seq = audit.Event{}, 0
	if len(bytes.TrimSpace(r.Line)) == 0 {
		return bad("the line is empty")
	}
	// The parser bounds the depth and the check, which is stricter, does not.
	value, err := d.parser.ParseBytes(r.Line)
	if err == nil {
		err = fastjson.ValidateBytes(r.Line)
	}
	// The check passes control characters over in a text that holds an escape.
	if err == nil && slices.ContainsFunc(r.Line, control) && !json.Valid(r.Line) {
		err = errKind
	}
	if err == nil {
		d.err = nil
		d.event(value, r)
		err = d.err
	}
	switch {
	case err != nil:
		return bad("the line is no event: it is not whole, or not what the plugin writes")
	case r.Version > audit.Version:
		return bad("the event has version %d, and this program knows version %d", r.Version, audit.Version).WithFix("use a newer argocd-seal")
	case r.Version < 1 || r.Type == "" || r.Time.IsZero():
		return bad("the line is no event: it has no version, type or time")
	default:
		return nil
	}
}

// event reads the fields that are known and passes over others. Of a field that
// stands twice the last counts, as everywhere.
func (d *decoder) event(value *fastjson.Value, r *Record) {
	d.object(value, func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "version":
			r.Version = d.number(v)
		case "seq":
			r.Seq = uint64(d.number(v))
		case "time":
			r.Time = d.time(v)
		case "type":
			r.Type = audit.Type(d.text(v))
		case "instance":
			r.Instance = d.text(v)
		case "id":
			r.ID = d.own(v)
		case "app":
			r.App = d.text(v)
		case "project":
			r.Project = d.text(v)
		case "namespace":
			r.Namespace = d.text(v)
		case "repo":
			r.Repo = d.text(v)
		case "path":
			r.Path = d.text(v)
		case "revision":
			r.Revision = d.text(v)
		case "author":
			r.Author = d.text(v)
		case "subject":
			r.Subject = d.text(v)
		case "environment":
			r.Environment = d.text(v)
		default:
			d.result(string(key), v, &r.Event)
		}
	})
}

// result reads the fields that say what became of a request.
func (d *decoder) result(key string, v *fastjson.Value, e *audit.Event) {
	switch key {
	case "renderer":
		e.Renderer = d.text(v)
	case "objects":
		e.Objects = d.number(v)
	case "outcome":
		e.Outcome = d.text(v)
	case "codes":
		e.Codes = list(d, v, d.text)
	case "verdict":
		e.Verdict = d.verdict(v)
	case "references":
		e.References = list(d, v, d.reference)
	case "injections":
		e.Injections = list(d, v, d.injection)
	case "images":
		e.Images = list(d, v, d.image)
	case "certificate":
		e.Certificate = d.text(v)
	case "output":
		e.Output = d.text(v)
	case "source":
		e.Source = d.own(v)
	case "message":
		e.Message = d.own(v)
	}
}

func (d *decoder) verdict(value *fastjson.Value) *audit.Verdict {
	var read audit.Verdict
	d.object(value, func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "decision":
			read.Decision = d.text(v)
		case "bundle":
			read.Bundle = d.text(v)
		case "denied":
			read.Denied = list(d, v, d.text)
		case "warned":
			read.Warned = list(d, v, d.text)
		case "waived":
			read.Waived = list(d, v, d.waiver)
		}
	})
	return &read
}

func (d *decoder) waiver(value *fastjson.Value) (read audit.Waiver) {
	d.object(value, func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "rule":
			read.Rule = d.text(v)
		case "object":
			read.Object = d.text(v)
		case "owner":
			read.Owner = d.text(v)
		case "reason":
			read.Reason = d.text(v)
		case "expires":
			read.Expires = d.text(v)
		}
	})
	return read
}

func (d *decoder) reference(value *fastjson.Value) (read audit.Reference) {
	d.object(value, func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "binding":
			read.Binding = d.text(v)
		case "store":
			read.Store = d.text(v)
		case "mount":
			read.Mount = d.text(v)
		case "path":
			read.Path = d.text(v)
		case "key":
			read.Key = d.text(v)
		case "secretVersion":
			read.Version = d.number(v)
		case "versionLabel":
			read.Label = d.text(v)
		case "pinned":
			read.Pinned = d.yes(v)
		case "previousVersion":
			read.Previous = d.number(v)
		}
	})
	return read
}

func (d *decoder) injection(value *fastjson.Value) (read audit.Injection) {
	d.object(value, func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "object":
			read.Object = d.text(v)
		case "kind":
			read.Kind = d.text(v)
		case "keys":
			read.Keys = list(d, v, d.text)
		}
	})
	return read
}

func (d *decoder) image(value *fastjson.Value) (read audit.Image) {
	d.object(value, func(key []byte, v *fastjson.Value) {
		switch string(key) {
		case "image":
			read.Image = d.text(v)
		case "digest":
			read.Digest = d.text(v)
		case "rule":
			read.Rule = d.text(v)
		case "signedBy":
			read.SignedBy = list(d, v, d.text)
		}
	})
	return read
}

func (d *decoder) time(v *fastjson.Value) time.Time {
	text, err := v.StringBytes()
	d.note(err)
	read, err := time.Parse(time.RFC3339Nano, string(text))
	d.note(err)
	return read
}
