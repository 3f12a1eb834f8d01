package audit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
)

// A type that is declared and not listed would be missing in the schema.
func TestEveryTypeIsListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Type == nil {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Type" {
			return true
		}
		declared++
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil || !slices.Contains(audit.Types(), audit.Type(text)) {
			t.Errorf("%s is not listed", text)
		}
		return true
	})
	if declared != len(audit.Types()) {
		t.Errorf("%d declared, %d listed", declared, len(audit.Types()))
	}
}
