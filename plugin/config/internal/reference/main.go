// Command reference writes what people and editors read about plugin.yaml from
// the Go types that read it: docs/plugin.schema.json and the tables of
// docs/configuration.md. It runs in the folder of package config, where it finds
// the comments of the fields, and takes the folder docs as its argument.
package main

import (
	"os"
	"path/filepath"

	"github.com/argocd-seal/argocd-seal-plugin/internal/reference"
)

const (
	schemaFile = "plugin.schema.json"
	guideFile  = "configuration.md"
)

func main() { reference.Main(schemaFile, guideFile, generate) }

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
		if guide, err = reference.Replace(guide, name, table); err != nil {
			return nil, nil, err
		}
	}
	return schema, guide, nil
}
