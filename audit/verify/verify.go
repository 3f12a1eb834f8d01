package verify

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// Options say what to prove a trail with.
type Options struct {
	// Keys are the public keys whose signatures count. There must be one.
	Keys []ed25519.PublicKey
	// Expect are lines that were seen elsewhere.
	Expect []Mark
}

// Mark is a line as somebody else has seen it.
type Mark struct {
	Seq  uint64
	Hash chain.Sum
}

// ParseMark reads SEQ:HASH.
func ParseMark(text string) (Mark, error) {
	digits, hash, _ := strings.Cut(text, ":")
	seq, err := strconv.ParseUint(digits, 10, 64)
	sum, ok := chain.ParseSum([]byte(strings.ToLower(hash)))
	if err != nil || !ok || seq == 0 {
		return Mark{}, fault.New(fault.Parameter, "%q is not a line of a trail", fault.Clean(text, 100)).
			WithFix("write it as SEQ:HASH, such as 7 and the SHA-256 of line 7 without its line feed")
	}
	return Mark{Seq: seq, Hash: sum}, nil
}

// String is the inverse of ParseMark.
func (m Mark) String() string { return strconv.FormatUint(m.Seq, 10) + ":" + m.Hash.String() }

// Paths proves the trail that is in directories, in files in any order, or in the
// stream stdin where the only path is "-". A directory is taken for a whole trail:
// its first line must be the first of all, or the trail must say that those before
// were deleted.
//
// A report that is not OK names the first line that is wrong. An error means that
// nothing can be said: a file cannot be read, there is no line, no checkpoint
// signs any, or a line to compare with is not among those given. The report then
// holds what was found all the same.
func Paths(ctx context.Context, paths []string, stdin io.Reader, options Options) (Report, error) {
	if len(paths) == 1 && paths[0] == "-" {
		return Stream(ctx, stdin, options)
	}
	inputs, whole, err := find(paths)
	if err != nil {
		return Report{}, err
	}
	return prove(ctx, &walk{inputs: inputs}, whole, options)
}

// Stream proves a part of a trail, such as the segments one behind the other.
func Stream(ctx context.Context, r io.Reader, options Options) (Report, error) {
	return prove(ctx, &walk{inputs: []input{{name: "standard input", stream: r}}}, false, options)
}

func prove(ctx context.Context, lines *walk, whole bool, options Options) (Report, error) {
	defer lines.close()
	if len(options.Keys) == 0 {
		return Report{}, fault.New(fault.Parameter, "there is no public key to prove the trail with")
	}
	j := newJudge(options)
	for {
		item, err := lines.next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return j.report, err
		}
		bad := j.look(item)
		if bad == nil {
			continue
		}
		if err := bad.explain(ctx, lines); err != nil {
			return j.report, err
		}
		j.report.Bad = &bad.Bad
		break
	}
	return j.conclude(whole)
}
