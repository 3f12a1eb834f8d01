package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// console is a block of a guide that shows a command and what it prints.
var console = regexp.MustCompile("(?s)```console\n\\$ argocd-seal ([^\n]+)\n(.*?)```")

// TestGuidesShowWhatCommandsPrint runs every command that a guide shows with its
// output. A line with three dots stands for any number of lines.
func TestGuidesShowWhatCommandsPrint(t *testing.T) {
	var content []byte
	for _, guide := range []string{"policies.md", "audit.md", "audit-queries.md", "runbooks/compromised-repository.md", "diff.md", "doctor.md", "init.md", "migration.md", "references.md"} {
		text, err := os.ReadFile("../../docs/" + guide)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, text...)
	}
	t.Chdir("../..")
	blocks := console.FindAllStringSubmatch(string(content), -1)
	if len(blocks) < 9 {
		t.Fatalf("found %d commands, want at least 9", len(blocks))
	}
	for _, block := range blocks {
		var stdout, stderr bytes.Buffer
		run(words(block[1]), strings.NewReader(""), &stdout, &stderr)
		got := strings.ReplaceAll(stdout.String()+stderr.String(), "\r\n", "\n")
		pattern := strings.ReplaceAll(regexp.QuoteMeta(block[2]), "\\.\\.\\.\n", "(?s:.*?)")
		if !regexp.MustCompile("^" + pattern + "$").MatchString(got) {
			t.Errorf("argocd-seal %s (-guide +now):\n%s", block[1], cmp.Diff(block[2], got))
		}
	}
}

// words splits a command at spaces that stand in no quotes.
func words(command string) []string {
	var words []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 0 {
			words = append(words, strings.Fields(part)...)
		} else {
			words = append(words, part)
		}
	}
	return words
}
