package supplychain_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain"
)

var update = flag.Bool("update", false, "write what happens now into the table of docs/verification.md")

// oneCase is something that is done to an image, and what must be said of it.
type oneCase struct {
	name string
	// want is "admitted", or code and rule.
	want string
	// happen returns what was said of the image.
	happen func(l *lab) *supplychain.Result
}

const guide = "../../docs/verification.md"

// table is the part of the guide that this test writes.
var table = regexp.MustCompile(`(?s)(<!-- image cases -->\n).*?(<!-- end -->\n)`)

// TestCases does to images what builds, thieves and broken registries do, through a
// real registry and with what the real libraries sign. Its table is what
// docs/verification.md shows; -update writes it.
func TestCases(t *testing.T) {
	rows := []string{"| case | expected | actual |", "| --- | --- | --- |"}
	all := append(append(signatureCases(), attestationCases()...), append(reachCases(), nameCases()...)...)
	for _, one := range all {
		t.Run(one.name, func(t *testing.T) {
			l := newLab(t)
			got := said(one.happen(l))
			if verdict(got) != one.want {
				t.Errorf("got %s, want %s", got, one.want)
			}
			rows = append(rows, fmt.Sprintf("| %s | %s | %s |", one.name, quote(one.want), shown(l, got)))
		})
	}
	content, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	want := table.ReplaceAllString(string(content), "${1}"+strings.ReplaceAll(strings.Join(rows, "\n"), "$", "$$")+"\n${2}")
	switch {
	case !table.Match(content):
		t.Errorf("%s has no place for the table", guide)
	case *update:
		if err := os.WriteFile(guide, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	case want != string(content):
		t.Errorf("the table of %s is not what happens: run this test with -update", guide)
	}
}

// verdict is what was said without the messages.
func verdict(said string) string {
	var all []string
	for line := range strings.Lines(said) {
		before, _, _ := strings.Cut(strings.TrimSpace(line), ": ")
		all = append(all, before)
	}
	return strings.Join(all, ", ")
}

func quote(text string) string {
	if text == "admitted" {
		return text
	}
	return "`" + text + "`"
}

var (
	digests = regexp.MustCompile(`(sha256|sha512):[0-9a-f]{64,}`)
	times   = regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:]+Z`)
)

// shown is what was said without what differs from run to run.
func shown(l *lab, text string) string {
	text = digests.ReplaceAllString(strings.ReplaceAll(text, l.registry.Host, "registry.example.com"), "$1:…")
	text = times.ReplaceAllString(text, "…")
	code, rest, ok := strings.Cut(text, " ")
	if !ok {
		return text
	}
	rest = strings.NewReplacer("\n", "<br>", "|", `\|`, "<", "&lt;").Replace(rest)
	return "`" + code + "` " + strings.ReplaceAll(rest, "&lt;br>", "<br>")
}
