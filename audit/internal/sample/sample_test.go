package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
)

const committed = "../../testdata"

func TestTheSampleIsFresh(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(committed, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes; go generate ./audit/query writes it", name)
		}
	}
}

func TestTheSampleIsProved(t *testing.T) {
	keys, err := chain.ReadPublicKeys(filepath.Join(committed, "sample.pub"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Paths(t.Context(), []string{filepath.Join(committed, "sample.jsonl")}, nil, verify.Options{Keys: keys})
	if err != nil || !report.OK || report.First != 1 || report.Unsigned != 0 {
		t.Errorf("%v: %+v", err, report)
	}
}

// The sample is worth asking: it has several of everything that people ask for.
func TestTheSampleHasSomethingToShow(t *testing.T) {
	file, err := os.Open(filepath.Join(committed, "sample.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	seen := map[string]map[string]int{}
	note := func(kind, name string) {
		if seen[kind] == nil {
			seen[kind] = map[string]int{}
		}
		if name != "" {
			seen[kind][name]++
		}
	}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var e audit.Record
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		note("types", string(e.Type))
		note("apps", e.App)
		note("projects", e.Project)
		note("environments", e.Environment)
		note("authors", e.Author)
		note("outcomes", e.Outcome)
		note("renderers", e.Renderer)
		if e.Verdict != nil {
			note("decisions", e.Verdict.Decision)
			for _, waiver := range e.Verdict.Waived {
				note("waivers", waiver.Expires)
			}
			for _, rule := range e.Verdict.Denied {
				note("denials", rule)
			}
		}
	}
	for kind, least := range map[string]int{
		"types": 7, "apps": 16, "projects": 6, "environments": 2, "authors": 6, "outcomes": 6, "renderers": 3, "decisions": 4, "waivers": 4, "denials": 6,
	} {
		if len(seen[kind]) < least {
			t.Errorf("the sample has %d %s: %v; want %d", len(seen[kind]), kind, slices.Sorted(maps.Keys(seen[kind])), least)
		}
	}
}
