package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
)

// seeds are a trail and ways to spoil it.
func seeds(t testing.TB) [][]byte {
	whole := lines(t)
	text := bytes.Join(whole, nil)
	all := [][]byte{text, nil, []byte("\n"), []byte("{}"), []byte("{}\n"), []byte("null\n"), []byte("[1]\n"), text[:len(text)-1], text[100:], make([]byte, 300)}
	for _, bad := range []string{
		`{"seq":1,"prev":"`, `{"seq":0,"prev":"00"}`, `{"seq":18446744073709551616,"prev":"00",`,
		`{"seq":01,"prev":"`, `{"seq":1,"prev":"zz","version":1}`, `{"seq":-1}`,
	} {
		all = append(all, append([]byte(bad), '\n'), append([]byte(bad), text...))
	}
	for i := range whole {
		all = append(all, bytes.Join(slices.Delete(slices.Clone(whole), i, i+1), nil))
	}
	return append(all, []byte(corpus.Files(t, "examples/audit/*.jsonl")[0]))
}

// plain says again, in the simplest way, what a proved trail is.
func plain(text []byte, key ed25519.PublicKey) (lines, proved uint64, ok bool) {
	if len(text) > 0 && text[len(text)-1] != '\n' {
		return 0, 0, false
	}
	var last audit.Record
	var hash chain.Sum
	for line := range bytes.Lines(text) {
		line = line[:len(line)-1]
		var r audit.Record
		if json.Unmarshal(line, &r) != nil {
			return 0, 0, false
		}
		if lines > 0 && (r.Seq != last.Seq+1 || r.Prev != hash.String()) {
			return 0, 0, false
		}
		if r.Type == audit.Checkpoint {
			if !chain.CheckSignature(line, key) {
				return 0, 0, false
			}
			proved = r.Seq
		}
		lines++
		last, hash = r, chain.Hash(line)
	}
	return lines, proved, true
}

func FuzzVerify(f *testing.F) {
	corpus.Add(f, seeds(f)...)
	key := public(keyOf(1))
	f.Fuzz(func(t *testing.T, text []byte) {
		report, err := verify.Stream(t.Context(), bytes.NewReader(text), verify.Options{Keys: []ed25519.PublicKey{key}})
		lines, proved, ok := plain(text, key)
		if err == nil && report.OK != (report.Bad == nil) {
			t.Errorf("%+v", report)
		}
		if err == nil && report.OK && (!ok || report.Lines != lines || report.Proved != proved) {
			t.Errorf("%d lines, proved to %d, %v; the verifier says %+v", lines, proved, ok, report)
		}
	})
}

// FuzzOpen gives a writer any file: it refuses it, or goes on in a way that holds.
func FuzzOpen(f *testing.F) {
	corpus.Add(f, seeds(f)...)
	key := public(keyOf(1))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, chain.SegmentName(1)), text, 0o600); err != nil {
			t.Fatal(err)
		}
		opened, err := trail.Open(trail.Options{Directory: dir, Signer: chain.NewSigner(keyOf(1))})
		if err != nil {
			return
		}
		seq, err := opened.Append(t.Context(), audit.Event{Type: audit.Start, Outcome: "OK"})
		if err != nil {
			t.Fatal(err)
		}
		if err := opened.Close(); err != nil {
			t.Fatal(err)
		}
		read := 0
		for after := uint64(0); ; {
			lines, err := opened.Read(t.Context(), after, 5)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return // a line that is chained, and is no JSON
			}
			read += len(lines)
			after = lines[len(lines)-1].Seq
		}
		if uint64(read) < seq {
			t.Errorf("read %d lines, and the last event is line %d", read, seq)
		}
		report, err := verify.Paths(t.Context(), []string{dir}, nil, verify.Options{Keys: []ed25519.PublicKey{key}})
		_, _, ok := plain(content(t, dir), key)
		if err != nil || report.OK && !ok {
			t.Errorf("%v: %+v", err, report)
		}
	})
}

func content(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, chain.SegmentName(1)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
