package fault_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestErrorNamesPlaceMessageAndFix(t *testing.T) {
	err := fault.New(fault.Path, "there is no file %q", "a").In("app/k.yaml", 3).At("Secret prod/db", "data.x").WithFix("add it")
	const want = `E_PATH: app/k.yaml:3 Secret prod/db data.x: there is no file "a"; fix: add it`
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A tenant chooses names, paths and much of the text.
func TestO4TextIsBoundedAndPrintable(t *testing.T) {
	hostile := strings.Repeat("\x1b[31m\n{\"level\":\"info\"}\xff\u202e", 500)
	err := fault.New(fault.YAML, "%s", hostile).In(hostile, 1).At(hostile, hostile).WithFix("%s", hostile)
	text := err.Error()
	if len(text) > fault.MaxText || !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\n\u202e") {
		t.Errorf("%d bytes: %q", len(text), text)
	}
}

func TestListKeepsTheSizeAndCountsTheRest(t *testing.T) {
	var list fault.List
	for i := range 5000 {
		list = append(list, fault.New(fault.YAML, "wrong").In(fmt.Sprintf("f%04d.yaml", 4999-i), 1))
	}
	text := list.Error()
	lines := strings.Split(text, "\n")
	if len(text) > fault.MaxText || !strings.HasPrefix(lines[0], "E_YAML: f0000.yaml:1") {
		t.Errorf("%d bytes, first %q", len(text), lines[0])
	}
	if last, want := lines[len(lines)-1], fmt.Sprintf("+%d more", 5000-len(lines)+1); last != want {
		t.Errorf("last line %q, want %q", last, want)
	}
}

func TestOfHidesWhatIsNoFault(t *testing.T) {
	err := fmt.Errorf("reading: %w", errors.New("CANARY"))
	if list := fault.Of(err); list[0].Code != fault.Internal || strings.Contains(list.Error(), "CANARY") {
		t.Errorf("got %v", list)
	}
	wrapped := fmt.Errorf("outer: %w", fault.List{fault.New(fault.Hook, "x")})
	if code := fault.CodeOf(wrapped); code != fault.Hook {
		t.Errorf("got %s, want %s", code, fault.Hook)
	}
}

// A code that is declared and not explained would be missing in the
// documentation.
func TestEveryCodeIsExplained(t *testing.T) {
	explained := map[string]bool{}
	for _, m := range fault.Codes() {
		if explained[string(m.Code)] {
			t.Errorf("%s is explained twice", m.Code)
		}
		explained[string(m.Code)] = true
		if m.Stage == "" || m.Title == "" || m.Cause == "" || m.Fix == "" {
			t.Errorf("%s is not explained in full", m.Code)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if ok && strings.HasPrefix(literal.Value, `"E_`) {
			declared++
			if code := strings.Trim(literal.Value, `"`); !explained[code] {
				t.Errorf("%s is not explained", code)
			}
		}
		return true
	})
	if declared < 40 {
		t.Errorf("only %d codes found", declared)
	}
}

func TestDocumentationIsThere(t *testing.T) {
	document, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fault.Codes() {
		if !strings.Contains(string(document), "`"+string(m.Code)+"`") {
			t.Errorf("docs/errors.md lacks %s; run make generate", m.Code)
		}
	}
}
