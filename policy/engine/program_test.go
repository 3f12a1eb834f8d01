package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/conftest/output"

	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/engine"
)

// conftestProgram returns the real conftest in the folder of test servers.
func conftestProgram(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../../.cache/servers/conftest-0.71.1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("conftest is not built; fix: make servers")
	}
	return program
}

// tally counts what was compared with the program.
type tally struct{ policies, pairs, same, differ, faults, refused int }

// TestTheConftestProgramSaysTheSame runs the conftest program as people do, with
// data and with --combine, over the policies of its examples and acceptance
// tests and over ours, in Rego v1 and v0, and expects its messages of us. Where
// ours is a fault, nobody had judged, and conftest let it pass or failed.
func TestTheConftestProgramSaysTheSame(t *testing.T) {
	program := conftestProgram(t)
	upstream := conftestDir(t)
	suites := append(findSuites(t, upstream), findSuites(t, "testdata")...)
	inputs := findInputs(t, upstream)
	maps.Copy(inputs, findInputs(t, "testdata"))
	if len(suites) < 35 || len(inputs) < 60 {
		t.Fatalf("only %d suites and %d inputs were found", len(suites), len(inputs))
	}
	var counts tally
	for _, s := range suites {
		ours, version := loadOurs(t, s)
		if ours == nil {
			counts.refused++
			continue
		}
		counts.policies++
		run := programRun{t: t, program: program, suite: s, version: version}
		run.compareFiles(ours, inputs, &counts)
		run.compareCombined(ours, inputs, &counts)
	}
	t.Logf("%d policies × %d inputs, each alone and all combined = %d pairs: %d say the same, %d differ, %d are a fault of ours; %d policies are refused at load",
		counts.policies, len(inputs), counts.pairs, counts.same, counts.differ, counts.faults, counts.refused)
	if counts.same < 2000 {
		t.Errorf("only %d pairs were compared", counts.same)
	}
}

// loadOurs loads a suite as Rego v1, and as v0 where it is not v1. A nil engine
// means that we refuse it on purpose.
func loadOurs(t *testing.T, s suite) (*engine.Engine, bundle.Version) {
	t.Helper()
	options := bundle.Options{Version: bundle.V1}
	if s.data != "" {
		options.Data = []bundle.Source{bundle.Dir(s.data)}
	}
	b, err := bundle.Load(s.name, []bundle.Source{bundle.Dir(s.policies)}, options)
	if err != nil {
		options.Version = bundle.V0
		if v0, v0Err := bundle.Load(s.name, []bundle.Source{bundle.Dir(s.policies)}, options); v0Err == nil {
			b, err = v0, nil
		}
	}
	if err != nil {
		return nil, ""
	}
	e, err := engine.New(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return e, options.Version
}

// programRun asks the program about one suite.
type programRun struct {
	t       *testing.T
	program string
	suite   suite
	version bundle.Version
}

// ask returns what the program says by file and namespace, and false where it
// fails, which it does as a whole when one input makes one policy fail.
func (r programRun) ask(files []string, more ...string) (map[string]map[string]output.CheckResult, bool) {
	args := []string{"test", "--output", "json", "--all-namespaces", "--no-fail", "--rego-version", string(r.version), "--policy", r.suite.policies}
	if r.suite.data != "" {
		args = append(args, "--data", r.suite.data)
	}
	command := exec.CommandContext(r.t.Context(), r.program, slices.Concat(args, more, files)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if command.Run() != nil {
		return nil, false
	}
	var results []output.CheckResult
	decoder := json.NewDecoder(&stdout)
	decoder.UseNumber()
	if err := decoder.Decode(&results); err != nil {
		r.t.Fatalf("%s: conftest printed no JSON: %v: %s", r.suite.name, err, stderr.String())
	}
	said := map[string]map[string]output.CheckResult{}
	for _, result := range results {
		if said[result.FileName] == nil {
			said[result.FileName] = map[string]output.CheckResult{}
		}
		said[result.FileName][result.Namespace] = result
	}
	return said, true
}

// compareFiles compares each input alone. The program is asked about all in one
// call, and about each in its own where that fails.
func (r programRun) compareFiles(ours *engine.Engine, inputs map[string]any, counts *tally) {
	files := slices.Sorted(maps.Keys(inputs))
	all, ok := r.ask(files)
	for _, file := range files {
		said, answered := all[file], ok
		if !ok {
			var one map[string]map[string]output.CheckResult
			one, answered = r.ask([]string{file})
			said = one[file]
		}
		documents, many := inputs[file].([]any)
		if !many {
			documents = []any{inputs[file]}
		}
		r.compare(ours, file, documents, said, answered, counts)
	}
}

// compareCombined compares all inputs as one list, as conftest makes it: each
// document of a file is an element.
func (r programRun) compareCombined(ours *engine.Engine, inputs map[string]any, counts *tally) {
	var list []any
	files := slices.Sorted(maps.Keys(inputs))
	for _, file := range files {
		documents, many := inputs[file].([]any)
		if !many {
			documents = []any{inputs[file]}
		}
		for _, document := range documents {
			list = append(list, map[string]any{"path": file, "contents": document})
		}
	}
	const name = "Combined"
	said, answered := r.ask(files, "--combine")
	r.compare(ours, name, []any{list}, said[name], answered, counts)
}

// compare counts one pair, and reports it where the two differ.
func (r programRun) compare(ours *engine.Engine, file string, documents []any, said map[string]output.CheckResult, answered bool, counts *tally) {
	counts.pairs++
	got := map[string][]string{}
	faulty := false
	for _, document := range documents {
		for namespace, check := range ourAnswer(r.t, ours, file, document) {
			faulty = faulty || len(check.Faults) > 0
			got[namespace] = append(got[namespace], lines(check.CheckResult(file))...)
		}
	}
	switch {
	case faulty:
		counts.faults++
		return
	case !answered:
		counts.differ++
		r.t.Errorf("%s on %s: conftest fails, we do not", r.suite.name, file)
		return
	}
	same := true
	for namespace, result := range said {
		want := lines(result)
		slices.Sort(want)
		slices.Sort(got[namespace])
		if diff := cmp.Diff(want, got[namespace]); diff != "" && len(want)+len(got[namespace]) > 0 {
			same = false
			r.t.Errorf("%s on %s in %s (-conftest +ours):\n%s", r.suite.name, file, namespace, diff)
		}
		delete(got, namespace)
	}
	for namespace := range got {
		same = false
		r.t.Errorf("%s on %s: conftest did not ask %s", r.suite.name, file, namespace)
	}
	if same {
		counts.same++
	} else {
		counts.differ++
	}
}

// lines gives each message as the program prints it, with its metadata.
func lines(result output.CheckResult) []string {
	var all []string
	for kind, list := range map[string][]output.Result{"failure": result.Failures, "warning": result.Warnings, "exception": result.Exceptions} {
		for _, item := range list {
			text, err := json.Marshal(item)
			if err != nil {
				panic(fmt.Sprintf("a result of conftest is not JSON: %v", err))
			}
			all = append(all, kind+" "+string(text))
		}
	}
	return all
}
