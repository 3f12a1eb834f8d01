package attest_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/attest"
)

const (
	digest     = "sha256:7d2c4c3ab1f14e0b9b8a0c6f5e4d3c2b1a09f8e7d6c5b4a3928170605f4e3d2c"
	otherImage = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	sha        = "0123456789abcdef0123456789abcdef01234567"
)

// cart is what the facts are judged for: 24 hours after the scans of testdata.
var cart = attest.Subject{
	Image:   "registry.example.com/shop/cart:1.4.0@" + digest,
	RepoURL: "https://github.com/example/cart.git",
	Now:     time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC),
}

// signed reads a statement of testdata, changed by pairs of an old text and a
// new one. Each old text must be there.
func signed(t testing.TB, signer, name string, pairs ...string) attest.Statement {
	t.Helper()
	return attest.Statement{Signer: signer, Body: []byte(changed(t, file(t, name), pairs...))}
}

func file(t testing.TB, name string) string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func changed(t testing.TB, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("there is no %q to change", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// read reads statements of which none may be left out.
func read(t testing.TB, statements ...attest.Statement) attest.Facts {
	t.Helper()
	facts, problems := attest.Read(digest, statements)
	for _, problem := range problems {
		t.Fatalf("left out: %+v", problem)
	}
	return facts
}

// refused wants every statement to be left out for a reason.
func refused(t *testing.T, reason string, statements ...attest.Statement) attest.Facts {
	t.Helper()
	facts, problems := attest.Read(digest, statements)
	if len(problems) != len(statements) {
		t.Fatalf("of %d statements %d are left out: %+v", len(statements), len(problems), problems)
	}
	for _, problem := range problems {
		if !strings.Contains(problem.Message, reason) {
			t.Errorf("the reason is %q, want %q", problem.Message, reason)
		}
	}
	if n := len(facts.Provenance) + len(facts.Reports) + len(facts.VEX) + len(facts.SBOMs); n != 0 {
		t.Errorf("%d facts come from what is left out", n)
	}
	return facts
}

// one wants exactly one finding, and its message to have each of the parts.
func one(t *testing.T, found []attest.Finding, parts ...string) attest.Finding {
	t.Helper()
	if len(found) != 1 {
		t.Fatalf("%d findings, want one: %+v", len(found), found)
	}
	for _, part := range parts {
		if !strings.Contains(found[0].Message, part) {
			t.Errorf("the message is %q, and lacks %q", found[0].Message, part)
		}
	}
	if found[0].Fix == "" || found[0].Severity == "" {
		t.Errorf("the finding lacks fix or severity: %+v", found[0])
	}
	return found[0]
}

func none(t *testing.T, found []attest.Finding) {
	t.Helper()
	for _, one := range found {
		t.Errorf("finding: %s", one.Message)
	}
}
