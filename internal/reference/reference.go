// Package reference is what the programs share that write documents from Go
// types: a JSON Schema, and tables in a guide whose prose stays as it is.
package reference

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Main is a generator's main function: it writes what generate returns for the
// folder of the documents, which is the program's one argument, into two files
// there. It ends the process where that fails.
func Main(schemaFile, guideFile string, generate func(docs string) (schema, guide []byte, err error)) {
	if err := run(os.Args[1:], schemaFile, guideFile, generate); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(args []string, schemaFile, guideFile string, generate func(docs string) (schema, guide []byte, err error)) error {
	if len(args) != 1 {
		return errors.New("usage: reference DOCS")
	}
	schema, guide, err := generate(args[0])
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(args[0], schemaFile), schema, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(args[0], guideFile), guide, 0o644)
}

// Replace puts text between the two marks of that name in a guide. It fails where
// the guide has no such marks.
func Replace(guide []byte, name, text string) ([]byte, error) {
	begin := fmt.Appendf(nil, "<!-- begin generated %s -->\n", name)
	end := fmt.Appendf(nil, "<!-- end generated %s -->\n", name)
	head, rest, found := bytes.Cut(guide, begin)
	_, tail, closed := bytes.Cut(rest, end)
	if !found || !closed {
		return nil, fmt.Errorf("the guide has no marks for the table of %s", name)
	}
	return bytes.Join([][]byte{head, begin, []byte(text), end, tail}, nil), nil
}

// Cell keeps a text from ending the cell of a table.
func Cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// Choices lists the values that a field may have.
func Choices(values []any) string {
	choices := make([]string, len(values))
	for i, value := range values {
		choices[i] = fmt.Sprintf("`%v`", value)
	}
	return "one of " + strings.Join(choices, ", ")
}
