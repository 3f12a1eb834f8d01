package threats

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testsOf are the names of this package's tests of rows, as its files hold them.
func testsOf(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	must(t, err)
	var names []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		must(t, err)
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && rowOf.MatchString(function.Name.Name) {
				names = append(names, function.Name.Name)
			}
		}
	}
	return names
}

func guide(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile("../../docs/" + name)
	must(t, err)
	return string(content)
}

// TestCatalogueHasEveryRow holds docs/threats.md against the rows and the tests.
func TestCatalogueHasEveryRow(t *testing.T) {
	var listed []string
	for _, match := range regexp.MustCompile(`(?m)^\| ([A-Z][0-9]+b?) \| \S`).FindAllStringSubmatch(guide(t, "threats.md"), -1) {
		listed = append(listed, match[1])
	}
	slices.Sort(listed)
	if difference := cmp.Diff(rows, listed); difference != "" {
		t.Errorf("rows of docs/threats.md (-want +got):\n%s", difference)
	}
	tests := testsOf(t)
	for _, id := range rows {
		named := func(name string) bool { return rowOf.FindStringSubmatch(name)[1] == id }
		if !slices.ContainsFunc(tests, named) {
			t.Errorf("no test tries %s", id)
		}
	}
}

var promise = regexp.MustCompile("(?m)^\\| ([^|]+) \\| ([A-Z0-9b, ]+) \\| `go test ./internal/threats -run '([^`]+)'` \\|$")

// TestPromisesAreTested holds the promises of docs/security.md against the tests:
// each row stands for one promise, and the command beside it runs the tests of its
// rows and no others.
func TestPromisesAreTested(t *testing.T) {
	var promised []string
	tests := testsOf(t)
	for _, match := range promise.FindAllStringSubmatch(guide(t, "security.md"), -1) {
		ids := strings.Split(match[2], ", ")
		promised = append(promised, ids...)
		// A pipe ends a cell, so that Markdown escapes it.
		command, err := regexp.Compile(strings.ReplaceAll(match[3], `\|`, "|"))
		if err != nil {
			t.Errorf("%s: %v", match[1], err)
			continue
		}
		var ran []string
		for _, name := range tests {
			if command.MatchString(name) {
				ran = append(ran, rowOf.FindStringSubmatch(name)[1])
			}
		}
		slices.Sort(ran)
		slices.Sort(ids)
		if difference := cmp.Diff(ids, slices.Compact(ran)); difference != "" {
			t.Errorf("%s\nrows whose tests the command runs (-want +got):\n%s", match[1], difference)
		}
	}
	slices.Sort(promised)
	if difference := cmp.Diff(rows, promised); difference != "" {
		t.Errorf("rows of the promises (-want +got):\n%s", difference)
	}
}
