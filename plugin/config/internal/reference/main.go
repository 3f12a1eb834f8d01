// Command reference writes what people and editors read about plugin.yaml from
// the Go types that read it: docs/plugin.schema.json and the tables of
// docs/configuration.md. It runs in the folder of package config, where it finds
// the comments of the fields, and takes the folder docs as its argument.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

const (
	schemaFile = "plugin.schema.json"
	guideFile  = "configuration.md"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
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

// generate returns what the two files must hold. Of the guide it replaces the
// tables only.
func generate(docs string) (schema, guide []byte, err error) {
	plugin, seal, err := documents()
	if err != nil {
		return nil, nil, err
	}
	if schema, err = encode(plugin, seal); err != nil {
		return nil, nil, err
	}
	guide, err = os.ReadFile(filepath.Join(docs, guideFile))
	if err != nil {
		return nil, nil, err
	}
	for name, table := range map[string]string{"ConfigManagementPlugin": table(plugin), "SealConfig": table(seal)} {
		if guide, err = replace(guide, name, table); err != nil {
			return nil, nil, err
		}
	}
	return schema, guide, nil
}
