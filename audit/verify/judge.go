package verify

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// tolerance is how far the time may step back before it is worth a note: events
// that are made at the same time wait for each other.
const tolerance = time.Second

// judge follows the chain. It keeps the last line's hash and a few counts.
type judge struct {
	report Report
	keys   map[string]ed25519.PublicKey
	expect []Mark
	prev   chain.Sum
	// before is where the last line stands, first the file of the first one.
	before item
	first  string
	// within is what the last checkpoint promised, 0 before the first.
	within uint64
	// claimed is the last seq that the trail says was deleted, removed the same as
	// far as it is signed.
	claimed, removed uint64
	stepsBack        int
	furthest         time.Duration
}

// record is what the judge reads of a line.
type record struct {
	Seq        uint64
	Prev       string
	Time       time.Time
	Type       audit.Type
	Message    string
	Removed    *audit.Removed
	Checkpoint *audit.Signature
}

func newJudge(options Options) *judge {
	j := &judge{keys: map[string]ed25519.PublicKey{}, expect: slices.Clone(options.Expect)}
	j.report.Keys, j.report.Notes = []Key{}, []string{}
	for _, key := range options.Keys {
		j.keys[chain.KeyID(key)] = key
	}
	return j
}

// look judges the next line, and returns what is wrong with it.
func (j *judge) look(it item) *finding {
	header, bad := j.readable(it)
	if bad != nil {
		return bad
	}
	var r record
	if json.Unmarshal(it.text, &r) != nil {
		return it.bad(header.Seq, NotJSON, "it begins like a line of a trail, but is no JSON object with the right types")
	}
	if r.Seq != header.Seq || r.Prev != header.Prev.String() {
		return it.bad(header.Seq, Edited, "it says seq or prev twice")
	}
	if bad := j.inPlace(it, header); bad != nil {
		return bad
	}
	hash := chain.Hash(it.text)
	for _, mark := range j.expect {
		if mark.Seq == header.Seq && mark.Hash != hash {
			return it.bad(header.Seq, Edited, "it is not the line %d that was seen elsewhere: its hash is %s", header.Seq, hash)
		}
	}
	if bad := j.signed(it, r); bad != nil {
		return bad
	}
	j.take(it, r, hash)
	return nil
}

// readable tells whether the bytes are a line.
func (j *judge) readable(it item) (chain.Header, *finding) {
	switch {
	case errors.Is(it.problem, chain.ErrTorn):
		return chain.Header{}, it.bad(0, TornTail, "the last line has no end: its writer was killed, or somebody cut the file")
	case it.problem != nil:
		return chain.Header{}, it.bad(0, NotJSON, "%v", it.problem)
	}
	header, ok := chain.ParseHeader(it.text)
	switch {
	case ok:
		return header, nil
	case json.Valid(it.text):
		return chain.Header{}, it.bad(0, Edited, "it does not begin with seq and prev as a line of a trail does")
	default:
		return chain.Header{}, it.bad(0, NotJSON, "it is no JSON object")
	}
}

// inPlace tells whether a line follows the one before.
func (j *judge) inPlace(it item, header chain.Header) *finding {
	if it.due != 0 && it.due != header.Seq {
		return it.bad(header.Seq, Reordered, "the file's name says that it begins with line %d, and it begins with line %d", it.due, header.Seq)
	}
	if j.report.Lines == 0 {
		if header.Seq == 1 && header.Prev != (chain.Sum{}) {
			return it.bad(1, Edited, "it is the first line of all, and says that there is one before")
		}
		return nil
	}
	next := j.report.Last + 1
	switch linked := header.Prev == j.prev; {
	case linked && header.Seq == next:
		return nil
	case linked:
		return it.bad(header.Seq, Edited, "it follows line %d, and says that it is line %d", j.report.Last, header.Seq)
	case header.Seq == next:
		bad := it.bad(header.Seq, Edited, "it does not hold the hash of line %d", j.report.Last)
		bad.before, bad.hash = j.before.bad(j.report.Last, Edited, "line %d holds another hash of it", header.Seq), chain.Hash(it.text)
		bad.signed = j.validCheckpoint(it)
		return bad
	case header.Seq > next:
		bad := it.bad(next, Removed, "lines %d to %d are missing before it", next, header.Seq-1)
		bad.missing = next
		return bad
	case header.Seq >= j.report.First:
		return it.bad(header.Seq, Duplicated, "line %d stands before it already", header.Seq)
	default:
		return it.bad(header.Seq, Reordered, "it belongs before line %d", j.report.First)
	}
}

// signed checks a checkpoint, and that one is there where the last promised it.
func (j *judge) signed(it item, r record) *finding {
	if r.Type != audit.Checkpoint && r.Checkpoint == nil {
		if j.within > 0 && j.report.Unsigned >= j.within {
			return it.bad(r.Seq, Unsigned, "the checkpoint in line %d promised another within %d lines", j.report.Proved, j.within)
		}
		return nil
	}
	if r.Type != audit.Checkpoint || r.Checkpoint == nil {
		return it.bad(r.Seq, BadSignature, "it is half a checkpoint")
	}
	key, ok := j.keys[r.Checkpoint.Key]
	if !ok {
		return it.bad(r.Seq, UnknownKey, "it is signed by the key %s, which was not given", fault.Clean(r.Checkpoint.Key, 80))
	}
	if !chain.CheckSignature(it.text, key) {
		return it.bad(r.Seq, BadSignature, "it, or a line between it and line %d, was changed and chained anew", max(j.report.Proved, j.report.First))
	}
	return nil
}

// validCheckpoint tells whether a line is a checkpoint that a key signed.
func (j *judge) validCheckpoint(it item) bool {
	for _, key := range j.keys {
		if chain.CheckSignature(it.text, key) {
			return true
		}
	}
	return false
}

// take adds a good line to the report.
func (j *judge) take(it item, r record, hash chain.Sum) {
	report := &j.report
	if report.Lines == 0 {
		report.First, report.From, report.To = r.Seq, r.Time, r.Time
		j.first = it.file
	}
	if back := report.To.Sub(r.Time); back > tolerance {
		j.stepsBack++
		j.furthest = max(j.furthest, back)
		if j.stepsBack == 1 {
			report.note("line %d is %s earlier than the line before: the clock was set back", r.Seq, back.Round(time.Millisecond))
		}
	}
	report.Lines++
	report.Unsigned++
	report.Last, report.To = r.Seq, r.Time
	if r.Type == audit.Recovery {
		report.note("line %d: %s", r.Seq, fault.Clean(r.Message, 300))
	}
	if r.Removed != nil && (r.Type == audit.Retention || r.Type == audit.Recovery) {
		j.claimed = max(j.claimed, r.Removed.To)
	}
	if r.Checkpoint != nil {
		report.Proved, report.Unsigned, j.within = r.Seq, 0, uint64(max(r.Checkpoint.Within, 1))
		j.removed = j.claimed
		j.used(r.Checkpoint.Key, r.Seq)
	}
	j.prev = hash
	report.Head = Mark{Seq: r.Seq, Hash: hash}.String()
	j.before = item{file: it.file, line: it.line}
}

func (j *judge) used(id string, seq uint64) {
	keys := j.report.Keys
	i := slices.IndexFunc(keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		i, keys = len(keys), append(keys, Key{ID: id})
	}
	keys[i].Checkpoints++
	keys[i].Last = seq
	j.report.Keys = keys
}
