// Package verify proves an audit trail with the public half of the key that
// signed it, in one pass and in bounded memory.
//
// It reads the bytes of the files and nothing else: neither the plugin nor its
// configuration, so that it can run wherever the files have been copied to.
package verify

import (
	"fmt"
	"time"
)

// Reason says what is wrong with a line.
type Reason string

// The reasons.
const (
	// Edited means that the line is not the one that was written.
	Edited Reason = "edited"
	// Removed means that lines are missing: before this line, or at the end.
	Removed Reason = "removed"
	// Reordered means that the line stands in another place than it was written to.
	Reordered Reason = "reordered"
	// Duplicated means that the line stands twice.
	Duplicated Reason = "duplicated"
	// BadSignature means that a checkpoint does not sign what stands before it.
	BadSignature Reason = "bad signature"
	// UnknownKey means that a checkpoint is signed by another key than those given.
	UnknownKey Reason = "unknown key"
	// NotJSON means that the line cannot be read at all.
	NotJSON Reason = "not JSON"
	// TornTail means that the last line has no end.
	TornTail Reason = "torn tail"
	// Unsigned means that more lines follow a checkpoint than it promised.
	Unsigned Reason = "unsigned"
)

// Bad is the first line that is wrong.
type Bad struct {
	File string `json:"file"`
	// Line counts from 1 in the file; 0 where the file has no such line.
	Line int `json:"line,omitempty"`
	// Seq is the place in the trail; 0 where the line does not say it.
	Seq     uint64 `json:"seq,omitempty"`
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
}

// Key is how a key was used.
type Key struct {
	ID          string `json:"id"`
	Checkpoints int    `json:"checkpoints"`
	// Last is the seq of its last checkpoint.
	Last uint64 `json:"last"`
}

// Report is what a trail proves.
type Report struct {
	// OK means that no line is wrong.
	OK  bool `json:"ok"`
	Bad *Bad `json:"bad,omitempty"`
	// Lines counts what is chained. First and Last are the seqs of its ends, From
	// and To what the two lines say of the time.
	Lines uint64    `json:"lines"`
	First uint64    `json:"first"`
	Last  uint64    `json:"last"`
	From  time.Time `json:"from,omitzero"`
	To    time.Time `json:"to,omitzero"`
	// Proved is the seq of the last good checkpoint: the lines from First to it are
	// proved. 0 means that nothing is.
	Proved uint64 `json:"proved"`
	// Unsigned counts the lines behind it: they are chained, and whoever can write
	// the files could have made them.
	Unsigned uint64 `json:"unsigned"`
	// Head is the last line as SEQ:HASH, to be compared with later or elsewhere.
	Head  string   `json:"head,omitempty"`
	Keys  []Key    `json:"keys"`
	Notes []string `json:"notes"`
	// MoreNotes counts notes that were left out.
	MoreNotes int `json:"moreNotes,omitempty"`
}

// maxNotes bounds a report.
const maxNotes = 20

func (r *Report) note(format string, args ...any) {
	if len(r.Notes) == maxNotes {
		r.MoreNotes++
		return
	}
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
