package kyverno_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/object"
	"github.com/argocd-seal/argocd-seal-plugin/policy/bundle"
	"github.com/argocd-seal/argocd-seal-plugin/policy/kyverno"
	"github.com/argocd-seal/argocd-seal-plugin/policy/vap"
)

// kyvernoProgram returns Kyverno's own command line in the folder of test servers.
func kyvernoProgram(t *testing.T) string {
	t.Helper()
	program, err := filepath.Abs("../../.cache/servers/kyverno-1.14.4")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("kyverno is not built; fix: make servers")
	}
	return program
}

// pair is a rule and an object.
type pair struct{ rule, object string }

// said is what a program says about a pair: pass, fail or error. A rule that does
// not match, or does not apply, has nothing against the object: it passes. Of
// several patterns that do not fit, Kyverno names a field each.
type said struct {
	result string
	fields []string
}

// report is the part of Kyverno's report that is read.
type report struct {
	Results []struct {
		Policy, Rule, Result, Message string
		Resources                     []struct{ Kind, Name string }
	}
}

var failedAt = regexp.MustCompile(`failed at path (/\S*)`)

// askKyverno runs the program on all policies and all objects.
func askKyverno(t *testing.T, policies, objects string) map[pair]said {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"policies.yaml": policies, "objects.yaml": objects} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	command := exec.Command(kyvernoProgram(t), "apply", filepath.Join(dir, "policies.yaml"), "--resource", filepath.Join(dir, "objects.yaml"), "--policy-report", "--output-format", "json")
	command.Stdout, command.Stderr, command.Env = &stdout, &stderr, []string{"HOME=" + dir}
	err := command.Run()
	at := bytes.IndexByte(stdout.Bytes(), '{')
	var r report
	if at < 0 || json.NewDecoder(bytes.NewReader(stdout.Bytes()[at:])).Decode(&r) != nil {
		t.Fatalf("kyverno gave no report (%v):\n%s%s", err, head(stdout.String()), head(stderr.String()))
	}
	answers := map[pair]said{}
	for _, one := range r.Results {
		rule := strings.TrimPrefix(strings.TrimPrefix(one.Rule, "autogen-"), "cronjob-")
		for _, resource := range one.Resources {
			answer := said{result: one.Result}
			for _, path := range failedAt.FindAllStringSubmatch(one.Message, -1) {
				answer.fields = append(answer.fields, path[1])
			}
			answers[pair{one.Policy + "/" + rule, resource.Kind + " " + resource.Name}] = answer
		}
	}
	return answers
}

func head(text string) string { return text[:min(len(text), 2000)] }

// decoded reads objects as the gate gets them.
func decoded(t testing.TB, text string) []object.Object {
	t.Helper()
	objects, err := object.Decode("objects.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func source(text string) []bundle.Source {
	return []bundle.Source{{Name: "kyverno", Files: map[string][]byte{"p.yaml": []byte(text)}}}
}

func load(t testing.TB, text string) *kyverno.Set {
	t.Helper()
	set, err := kyverno.Load(source(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// askUs judges the same as the program does, which puts objects into the
// namespace default.
func askUs(t *testing.T, policies, objects string) map[pair]said {
	t.Helper()
	set := load(t, policies)
	all := decoded(t, objects)
	namespaces := vap.Namespaces(all)
	answers := map[pair]said{}
	for _, o := range all {
		for _, rule := range set.Rules() {
			answers[pair{rule, o.Kind() + " " + o.Name()}] = said{result: "pass"}
		}
		findings, err := set.Check(context.Background(), o, "default", namespaces)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range findings {
			answer := said{result: "fail", fields: []string{finding.Field}}
			if finding.Failed {
				answer.result = "error"
			}
			answers[pair{finding.Rule, o.Kind() + " " + o.Name()}] = answer
		}
	}
	return answers
}

// slashed writes one of our fields as Kyverno writes paths.
func slashed(field string) string {
	var b strings.Builder
	bracketed := false
	for _, r := range field {
		switch {
		case r == '[' || r == '.' && !bracketed:
			b.WriteByte('/')
			bracketed = r == '['
		case r == ']':
			bracketed = false
		default:
			b.WriteRune(r)
		}
	}
	return "/" + b.String() + "/"
}

// compare judges pairs with both programs, and returns how many there were.
// Intended are the pairs that are known to differ.
func compare(t *testing.T, policies, objects string, intended func(pair) bool) int {
	t.Helper()
	theirs, ours := askKyverno(t, policies, objects), askUs(t, policies, objects)
	pairs, wrong, known := 0, 0, 0
	keys := slices.SortedFunc(keysOf(ours), func(a, b pair) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	judged := map[string]int{}
	for _, key := range keys {
		pairs++
		their, our := theirs[key], ours[key]
		if their.result == "" || their.result == "skip" {
			their.result = "pass"
		}
		if their.result == "warn" {
			their.result = "fail" // of a policy that is not scored
		}
		judged[their.result]++
		// An error of Kyverno blocks as a failure does.
		same := their.result == our.result || their.result == "error" && our.result == "fail"
		if same && len(their.fields) > 0 && our.result == "fail" {
			// Within foreach, Kyverno's path begins at the item.
			path := slashed(our.fields[0])
			same = slices.ContainsFunc(their.fields, func(field string) bool { return strings.HasPrefix(path, field) || strings.HasSuffix(path, field) })
		}
		switch {
		case same && !intended(key):
			continue
		case !same && intended(key):
			known++
			continue
		}
		if wrong++; wrong <= 20 {
			t.Errorf("%s on %s: kyverno says %v, we say %v (intended difference: %t)", key.rule, key.object, their, our, intended(key))
		}
	}
	t.Logf("%d pairs, of which kyverno lets %d pass, fails %d and cannot judge %d; %d differ as intended, %d do not", pairs, judged["pass"], judged["fail"], judged["error"], known, wrong)
	if judged["pass"] == 0 || judged["fail"] == 0 {
		t.Error("all pairs have the same verdict: nothing was compared")
	}
	return pairs
}

func keysOf(answers map[pair]said) func(yield func(pair) bool) {
	return func(yield func(pair) bool) {
		for key := range answers {
			if !yield(key) {
				return
			}
		}
	}
}

func none(pair) bool { return false }
