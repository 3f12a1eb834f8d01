package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/trail"
	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func keyOf(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// fixedTime makes trails that are the same in every run.
var fixedTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// write makes a trail of events, with a checkpoint behind the first and then
// behind every tenth line.
func write(t testing.TB, dir string, events, segmentSize int) {
	t.Helper()
	opened, err := trail.Open(trail.Options{
		Directory: dir, Signer: chain.NewSigner(keyOf(1)), CheckpointEvents: 10, Now: func() time.Time { return fixedTime },
		SegmentSize: int64(segmentSize), MaxSize: 1 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		event := audit.Event{Type: audit.Render, ID: fmt.Sprint(i), App: "payments", Outcome: "OK", Message: strings.Repeat("m", 300)}
		if _, err := opened.Append(t.Context(), event); err != nil {
			t.Fatal(err)
		}
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
}

// lines are those of a trail of one file: 1 render, 2 checkpoint, 3 to 12 renders,
// 13 checkpoint, 14 to 23 renders, 24 checkpoint.
func lines(t testing.TB) [][]byte {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, 21, trail.MinSegmentSize)
	content, err := os.ReadFile(filepath.Join(dir, chain.SegmentName(1)))
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.SplitAfter(content, []byte("\n"))
	all = all[:len(all)-1]
	if len(all) != 24 || !chain.IsSigned(bytes.TrimSpace(all[12])) {
		t.Fatalf("%d lines", len(all))
	}
	return all
}

// at returns the line of a seq.
func at(all [][]byte, seq int) []byte { return all[seq-1] }

// rechain chains all lines anew, as somebody without the key can.
func rechain(all [][]byte) [][]byte {
	var prev chain.Sum
	for i, line := range all {
		_, event, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(`","version"`))
		text := chain.Append(nil, chain.Header{Seq: uint64(i) + 1, Prev: prev}, append([]byte(`{"version"`), event...))
		prev = chain.Hash(text)
		all[i] = append(text, '\n')
	}
	return all
}

func TestFirstBadLineIsNamed(t *testing.T) {
	whole := lines(t)
	edit := func(line []byte) []byte { return bytes.Replace(line, []byte("payments"), []byte("invoices"), 1) }
	for _, tc := range []struct {
		name   string
		change func(all [][]byte) [][]byte
		line   int
		seq    uint64
		reason verify.Reason
	}{
		{"edited", func(all [][]byte) [][]byte { all[4] = edit(all[4]); return all }, 5, 5, verify.Edited},
		{"first edited", func(all [][]byte) [][]byte { all[0] = edit(all[0]); return all }, 1, 1, verify.Edited},
		{"two edited", func(all [][]byte) [][]byte { all[4], all[5] = edit(all[4]), edit(all[5]); return all }, 6, 6, verify.Edited},
		{"before a checkpoint", func(all [][]byte) [][]byte { all[22] = edit(all[22]); return all }, 23, 23, verify.Edited},
		{"prev edited", func(all [][]byte) [][]byte {
			all[4] = append([]byte(`{"seq":5,"prev":"`+strings.Repeat("ab", 32)), all[4][len(`{"seq":5,"prev":"`)+64:]...)
			return all
		}, 5, 5, verify.Edited},
		{"seq edited", func(all [][]byte) [][]byte {
			all[4] = bytes.Replace(all[4], []byte(`{"seq":5,`), []byte(`{"seq":9,`), 1)
			return all
		}, 5, 9, verify.Edited},
		{"seq twice", func(all [][]byte) [][]byte {
			all[4] = append(bytes.TrimSuffix(all[4], []byte("}\n")), ",\"seq\":9}\n"...)
			return all
		}, 5, 5, verify.Edited},
		{"other form", func(all [][]byte) [][]byte {
			all[4] = bytes.Replace(all[4], []byte(`{"seq":5`), []byte(`{ "seq":5`), 1)
			return all
		}, 5, 0, verify.Edited},
		{"genesis edited", func(all [][]byte) [][]byte {
			all[0] = bytes.Replace(all[0], []byte(`"prev":"00`), []byte(`"prev":"01`), 1)
			return all
		}, 1, 1, verify.Edited},
		{"removed", func(all [][]byte) [][]byte { return slices.Delete(all, 4, 6) }, 5, 5, verify.Removed},
		{"reordered", func(all [][]byte) [][]byte { all[4], all[5] = all[5], all[4]; return all }, 5, 5, verify.Reordered},
		{"moved far", func(all [][]byte) [][]byte {
			one := all[2]
			return append(slices.Delete(all, 2, 3), one)
		}, 3, 3, verify.Reordered},
		{"duplicated", func(all [][]byte) [][]byte { return slices.Insert(all, 5, all[4]) }, 6, 5, verify.Duplicated},
		{"duplicated later", func(all [][]byte) [][]byte { return append(all, all[4]) }, 25, 5, verify.Duplicated},
		{"checkpoint edited", func(all [][]byte) [][]byte {
			all[12] = bytes.Replace(all[12], []byte("2026"), []byte("2027"), 1)
			return all
		}, 13, 13, verify.BadSignature},
		{"last signature edited", func(all [][]byte) [][]byte {
			all[23] = append(all[23][:len(all[23])-8], append([]byte("AAA=="), all[23][len(all[23])-4:]...)...)
			return all
		}, 24, 24, verify.BadSignature},
		{"rewritten", func(all [][]byte) [][]byte { all[14] = edit(all[14]); return rechain(all) }, 24, 24, verify.BadSignature},
		{"signature taken off", func(all [][]byte) [][]byte {
			head, _, _ := bytes.Cut(all[23], []byte(`,"checkpoint"`))
			all[23] = append(head, "}\n"...)
			return rechain(all)
		}, 24, 24, verify.BadSignature},
		{"not JSON", func(all [][]byte) [][]byte { all[4] = []byte("hello\n"); return all }, 5, 0, verify.NotJSON},
		{"half JSON", func(all [][]byte) [][]byte { all[4] = append(all[4][:200:200], '\n'); return all }, 5, 5, verify.NotJSON},
		{"zeros", func(all [][]byte) [][]byte { all[4] = append(make([]byte, 100), '\n'); return all }, 5, 0, verify.NotJSON},
		{"endless line", func(all [][]byte) [][]byte { all[4] = bytes.Repeat([]byte("x"), 3<<20); return all }, 5, 0, verify.NotJSON},
		{"empty line", func(all [][]byte) [][]byte { return slices.Insert(all, 4, []byte("\n")) }, 5, 0, verify.NotJSON},
		{"torn tail", func(all [][]byte) [][]byte { all[23] = all[23][:50]; return all }, 24, 0, verify.TornTail},
		{"a tail without checkpoints", func(all [][]byte) [][]byte {
			var forged [][]byte
			for range 5 {
				forged = append(forged, all[2:12]...)
			}
			return rechain(append(all[:13:13], forged...))
		}, 40, 40, verify.Unsigned},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := tc.change(copied(whole))
			path := filepath.Join(t.TempDir(), "copy.jsonl")
			if err := os.WriteFile(path, bytes.Join(changed, nil), 0o600); err != nil {
				t.Fatal(err)
			}
			report, err := verify.Paths(t.Context(), []string{path}, nil, verify.Options{Keys: []ed25519.PublicKey{public(keyOf(1))}})
			if err != nil || report.OK || report.Bad == nil {
				t.Fatalf("%v, %+v", err, report)
			}
			got := *report.Bad
			if got.File != path || got.Line != tc.line || got.Seq != tc.seq || got.Reason != tc.reason || got.Message == "" {
				t.Errorf("got %+v, want line %d, seq %d, %s", got, tc.line, tc.seq, tc.reason)
			}
		})
	}
}

func copied(all [][]byte) [][]byte {
	var other [][]byte
	for _, line := range all {
		other = append(other, bytes.Clone(line))
	}
	return other
}

func TestAWholeTrailIsProved(t *testing.T) {
	whole := lines(t)
	report, err := verify.Stream(t.Context(), bytes.NewReader(bytes.Join(whole, nil)), verify.Options{Keys: []ed25519.PublicKey{public(keyOf(1))}})
	if err != nil || !report.OK || report.Lines != 24 || report.Proved != 24 || report.Unsigned != 0 || !report.From.Equal(fixedTime) ||
		len(report.Keys) != 1 || report.Keys[0].Checkpoints != 3 || report.Head != fmt.Sprintf("24:%s", chain.Hash(bytes.TrimSpace(at(whole, 24)))) {
		t.Errorf("%v: %+v", err, report)
	}
	// What stands behind the last checkpoint is chained, and not signed yet.
	report, err = verify.Stream(t.Context(), bytes.NewReader(bytes.Join(whole[:20], nil)), verify.Options{Keys: []ed25519.PublicKey{public(keyOf(1))}})
	if err != nil || !report.OK || report.Proved != 13 || report.Unsigned != 7 {
		t.Errorf("%v: %+v", err, report)
	}
}

func TestWhatCannotBeJudgedIsAnError(t *testing.T) {
	whole := lines(t)
	key := []ed25519.PublicKey{public(keyOf(1))}
	for name, tc := range map[string]struct {
		text    []byte
		options verify.Options
		want    string
	}{
		"no key":          {bytes.Join(whole, nil), verify.Options{}, "no public key"},
		"nothing":         {nil, verify.Options{Keys: key}, "no line"},
		"no checkpoint":   {bytes.Join(whole[2:10], nil), verify.Options{Keys: key}, "nothing is proved"},
		"mark is missing": {bytes.Join(whole[2:], nil), verify.Options{Keys: key, Expect: []verify.Mark{{Seq: 2}}}, "not here to be compared"},
	} {
		if report, err := verify.Stream(t.Context(), bytes.NewReader(tc.text), tc.options); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, %+v", name, err, report)
		}
	}
	if _, err := verify.Paths(t.Context(), []string{t.TempDir()}, nil, verify.Options{Keys: key}); fault.CodeOf(err) != fault.Audit {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := verify.Paths(t.Context(), []string{"missing"}, nil, verify.Options{Keys: key}); fault.CodeOf(err) != fault.Audit {
		t.Errorf("a missing directory: %v", err)
	}
}

func TestOtherKeys(t *testing.T) {
	text := bytes.Join(lines(t), nil)
	report, err := verify.Stream(t.Context(), bytes.NewReader(text), verify.Options{Keys: []ed25519.PublicKey{public(keyOf(2))}})
	if err != nil || report.OK || report.Bad.Reason != verify.UnknownKey || report.Bad.Seq != 2 {
		t.Errorf("%v, %+v", err, report)
	}
	both := []ed25519.PublicKey{public(keyOf(2)), public(keyOf(1))}
	if report, err = verify.Stream(t.Context(), bytes.NewReader(text), verify.Options{Keys: both}); err != nil || !report.OK {
		t.Errorf("%v, %+v", err, report)
	}
}

// Somebody who can write the files can cut the tail off behind a checkpoint. What
// a sink has seen elsewhere tells.
func TestExpectations(t *testing.T) {
	whole := lines(t)
	mark := func(seq int) verify.Mark {
		m, err := verify.ParseMark(fmt.Sprintf("%d:%s", seq, chain.Hash(bytes.TrimSpace(at(whole, seq)))))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for name, tc := range map[string]struct {
		lines  [][]byte
		expect []verify.Mark
		reason verify.Reason
		seq    uint64
	}{
		"same":        {whole, []verify.Mark{mark(20), mark(24)}, "", 0},
		"cut off":     {whole[:13], []verify.Mark{mark(5), mark(20)}, verify.Removed, 20},
		"other":       {whole, []verify.Mark{{Seq: 20, Hash: mark(21).Hash}}, verify.Edited, 20},
		"other trail": {whole, []verify.Mark{{Seq: 24, Hash: mark(20).Hash}}, verify.Edited, 24},
	} {
		report, err := verify.Stream(t.Context(), bytes.NewReader(bytes.Join(tc.lines, nil)), verify.Options{Keys: []ed25519.PublicKey{public(keyOf(1))}, Expect: tc.expect})
		if err != nil || report.OK != (tc.reason == "") {
			t.Errorf("%s: %v, %+v", name, err, report)
			continue
		}
		if !report.OK && (report.Bad.Reason != tc.reason || report.Bad.Seq != tc.seq) {
			t.Errorf("%s: %+v", name, *report.Bad)
		}
	}
	for _, text := range []string{"", "7", "0:" + mark(1).Hash.String(), "x:" + mark(1).Hash.String(), "7:abc", "-1:" + mark(1).Hash.String()} {
		if _, err := verify.ParseMark(text); fault.CodeOf(err) != fault.Parameter {
			t.Errorf("%q: %v", text, err)
		}
	}
}
