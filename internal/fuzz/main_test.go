package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/corpus"
)

func TestReadFindsTheLastProgress(t *testing.T) {
	for output, want := range map[string]summary{
		"": {executions: "0"},
		"fuzz: elapsed: 0s, gathering baseline coverage: 0/46 completed\nfuzz: elapsed: 3s, execs: 793 (264/sec), new interesting: 0 (total: 46)\n" +
			"fuzz: elapsed: 10m0s, execs: 993815 (0/sec), new interesting: 358 (total: 408)\nPASS\n": {elapsed: 10 * time.Minute, executions: "993815"},
		"fuzz: elapsed: 5s, execs: 12501 (3011/sec), new interesting: 30 (total: 238)\n--- FAIL: FuzzLoad (4.75s)\n\n    Failing input written to testdata/fuzz/FuzzLoad/8b34\n": {
			elapsed: 5 * time.Second, executions: "12501", crashers: 1},
	} {
		if got := read(output); got != want {
			t.Errorf("%q gives %+v", output, got)
		}
	}
}

// TestEachHostileInputHasATarget holds the list of docs/verification.md against
// the targets that there are, and wants each to begin with a corpus that fails
// when it is lost.
func TestEachHostileInputHasATarget(t *testing.T) {
	root := corpus.Root(t)
	targets, err := find(root)
	if err != nil {
		t.Fatal(err)
	}
	for input, want := range map[string]target{
		"reference grammar": {"secrets/reference", "FuzzFind"}, "tar intake": {"render/source", "FuzzReadArchive"}, "plugin.yaml": {"plugin/config", "FuzzParse"},
		"YAML": {"internal/object", "FuzzDecode"}, "waivers": {"policy/waiver", "FuzzLoad"}, "audit reader": {"audit/query", "FuzzDecode"},
		"audit verifier": {"audit/verify", "FuzzVerify"}, "Vault's answers": {"secrets/vault", "FuzzAnswers"},
		"Notation's envelopes": {"policy/supplychain/notation", "FuzzVerify"},
		"Cosign's signatures":  {"policy/supplychain/cosign", "FuzzVerify"},
		"attestations":         {"policy/supplychain/attest", "FuzzRead"},
	} {
		folder := filepath.Join(root, filepath.FromSlash(want.folder))
		if !slices.Contains(targets, target{folder, want.name}) {
			t.Errorf("no target %s for %s", want, input)
			continue
		}
		if !declaresWithCorpus(t, folder, want.name) {
			t.Errorf("%s does not call corpus.Add", want)
		}
		guide := corpus.Files(t, "docs/verification.md")[0]
		if !strings.Contains(guide, "`"+want.folder+"` | `"+want.name+"`") {
			t.Errorf("docs/verification.md has no row for %s", want)
		}
	}
}

func declaresWithCorpus(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, body, found := strings.Cut(string(source), "\nfunc "+name+"(f *testing.F)")
		if before, _, _ := strings.Cut(body, "f.Fuzz("); found && strings.Contains(before, "corpus.Add(f, ") {
			return true
		}
	}
	return false
}
