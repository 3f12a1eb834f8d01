package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var tagged = build{
	commit: strings.Repeat("c0", 20), ref: "refs/tags/v1.0.0", version: "1.0.0",
	builder: "https://ci.example.com/release.yaml", invocation: "https://ci.example.com/runs/1",
}

func sums(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "SHA256SUMS")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestStatement(t *testing.T) {
	one, two := strings.Repeat("01", 32), strings.Repeat("02", 32)
	list := sums(t, one+"  one.tar.gz\n"+two+" *two.json\n")
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := run(out, tagged, list); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Errorf("the same build says\n%s\nand\n%s", &first, &second)
	}
	const source = "git+https://github.com/argocd-seal/argocd-seal-plugin@refs/tags/v1.0.0"
	type object = map[string]any
	var got object
	if err := json.Unmarshal(first.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	definition := got["predicate"].(object)["buildDefinition"].(object)
	delete(definition["internalParameters"].(object), "go")
	want := object{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
		"subject": []any{object{"name": "one.tar.gz", "digest": object{"sha256": one}}, object{"name": "two.json", "digest": object{"sha256": two}}},
		"predicate": object{
			"buildDefinition": object{
				"buildType":            buildType,
				"externalParameters":   object{"source": source, "version": "1.0.0", "configuration": ".goreleaser.yaml"},
				"internalParameters":   object{"uncommittedChanges": false},
				"resolvedDependencies": []any{object{"uri": source, "digest": object{"gitCommit": tagged.commit}}},
			},
			"runDetails": object{"builder": object{"id": tagged.builder}, "metadata": object{"invocationId": tagged.invocation}},
		},
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Error(difference)
	}
	var alone bytes.Buffer
	if err := run(&alone, tagged, ""); err != nil || strings.Contains(alone.String(), "subject") || !strings.Contains(alone.String(), tagged.commit) {
		t.Errorf("the predicate alone is %s (%v)", &alone, err)
	}
}

// TestWhatGitSays asks for the commit, and whether it is all that is built.
func TestWhatGitSays(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		args = append([]string{"-C", dir, "-c", "user.name=somebody", "-c", "user.email=somebody@example.com"}, args...)
		out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "--quiet")
	var b build
	if err := b.ask(t.Context(), dir); err == nil {
		t.Errorf("a repository without commits is at %q", b.commit)
	}
	write("file", "one")
	git("add", "file")
	git("commit", "--quiet", "--message", "one")
	for _, one := range []struct {
		change func()
		want   bool
	}{{func() {}, false}, {func() { write("file", "two") }, true}, {func() { write("file", "one"); write("other", "") }, true}} {
		one.change()
		if err := b.ask(t.Context(), dir); err != nil || b.commit != git("rev-parse", "HEAD") || b.uncommitted != one.want {
			t.Errorf("got %+v (%v), want uncommitted %v", b, err, one.want)
		}
	}
}

func TestWhatCannotBeSaid(t *testing.T) {
	line := strings.Repeat("01", 32) + "  one.tar.gz\n"
	for name, one := range map[string]struct {
		change func(*build)
		sums   string
	}{
		"no commit":          {func(b *build) { b.commit = "main" }, line},
		"no builder":         {func(b *build) { b.builder = "" }, line},
		"no version":         {func(b *build) { b.version = "" }, line},
		"no file":            {nil, "\n"},
		"an empty list":      {nil, ""},
		"another checksum":   {nil, line + strings.Repeat("01", 20) + "  two\n"},
		"a file twice":       {nil, line + line},
		"another directory":  {nil, strings.ReplaceAll(line, "one", "../one")},
		"text behind a list": {nil, line + "and more\n"},
	} {
		b := tagged
		if one.change != nil {
			one.change(&b)
		}
		var out bytes.Buffer
		if err := run(&out, b, sums(t, one.sums)); err == nil || out.Len() > 0 {
			t.Errorf("%s: printed %q and no error", name, &out)
		}
	}
}
