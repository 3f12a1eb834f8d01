package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// finding is a line that is wrong, with what helps to say which line it was that
// somebody changed.
type finding struct {
	Bad
	// before is the line before, where that one may be the changed one; hash is
	// this line's, and signed tells whether it is a good checkpoint.
	before *finding
	hash   chain.Sum
	signed bool
	// missing is the seq that was due.
	missing uint64
}

func (it item) bad(seq uint64, reason Reason, format string, args ...any) *finding {
	return &finding{Bad: Bad{File: it.file, Line: it.line, Seq: seq, Reason: reason, Message: fmt.Sprintf(format, args...)}}
}

// explain looks at what follows to tell an edited line from its neighbour, and
// lines that were moved from lines that are gone.
func (f *finding) explain(ctx context.Context, lines *walk) error {
	switch {
	case f.before != nil:
		next, err := lines.next(ctx)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		header, ok := chain.ParseHeader(next.text)
		// The line is as it was written where its own hash stands in the next, or it
		// is signed; at the end nobody can tell, and the first of the two is named.
		if f.signed || errors.Is(err, io.EOF) || ok && header.Prev == f.hash {
			f.Bad = f.before.Bad
		}
	case f.missing != 0:
		for {
			next, err := lines.next(ctx)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if header, ok := chain.ParseHeader(next.text); ok && header.Seq == f.missing {
				f.Reason = Reordered
				f.Message = fmt.Sprintf("line %d is due here, and stands in %s:%d", f.missing, next.file, next.line)
				return nil
			}
		}
	}
	return nil
}

// conclude judges the trail as a whole.
func (j *judge) conclude(whole bool) (Report, error) {
	r := &j.report
	if j.stepsBack > 1 {
		r.note("the time steps back %d times, by %s at most", j.stepsBack, j.furthest.Round(time.Millisecond))
	}
	if r.Lines == 0 && r.Bad == nil {
		return *r, fault.New(fault.Audit, "there is no line to prove")
	}
	if r.Bad == nil {
		r.Bad = j.ends(whole)
	}
	if r.First > 1 {
		r.note("the lines before %d are not here: what is proved begins with line %d", r.First, r.First)
	}
	r.OK = r.Bad == nil
	if !r.OK {
		return *r, nil
	}
	for _, mark := range j.expect {
		if mark.Seq < r.First {
			return *r, fault.New(fault.Audit, "line %d is not here to be compared: the first is line %d", mark.Seq, r.First)
		}
	}
	if r.Proved == 0 {
		return *r, fault.New(fault.Audit, "no checkpoint signs any of the %d lines, so nothing is proved", r.Lines).
			WithFix("wait for the next checkpoint, or give all files of the trail")
	}
	return *r, nil
}

// ends tells whether lines are missing at either end.
func (j *judge) ends(whole bool) *Bad {
	r := j.report
	if whole && r.First > 1 && j.removed < r.First-1 {
		return &Bad{
			File: j.first, Line: 1, Seq: r.First, Reason: Removed,
			Message: fmt.Sprintf("the lines before %d are missing, and no signed line says that they were deleted", r.First),
		}
	}
	for _, mark := range j.expect {
		if mark.Seq > r.Last {
			return &Bad{
				File: j.before.file, Seq: mark.Seq, Reason: Removed,
				Message: fmt.Sprintf("the trail ends with line %d, and line %d was seen elsewhere", r.Last, mark.Seq),
			}
		}
	}
	return nil
}
