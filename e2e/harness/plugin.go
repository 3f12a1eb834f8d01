package harness

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Plugin is what a test puts into a plugin.yaml.
type Plugin struct {
	Name    string
	Version string
	// Generate is the command that argocd-cmp-server runs; our own server
	// needs none, and `argocd-seal generate` is the default.
	Generate []string
	// DiscoverFile is discover.fileName; empty serves the plugin by name only.
	DiscoverFile string
	// Aliases are further names under which our own server answers.
	Aliases []string
	// Seal is more YAML for the second document, such as a render section.
	Seal string
	// Stdout takes what our own server prints on standard output; nil keeps it with
	// its log.
	Stdout *os.File
}

// FullName is what an Application writes into source.plugin.name.
func (p Plugin) FullName() string {
	if p.Version == "" {
		return p.Name
	}
	return p.Name + "-" + p.Version
}

// healthy returns nil when every name of the plugin answers.
func (p Plugin) healthy(ctx context.Context, sockets string) error {
	for _, name := range append([]string{p.FullName()}, p.Aliases...) {
		socket := filepath.Join(sockets, name+".sock")
		if _, err := os.Stat(socket); err != nil {
			return err
		}
		if err := healthy(ctx, "unix:"+socket); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// write puts plugin.yaml into dir, which becomes the plugin's own, and returns
// the file's path.
func (p Plugin) write(dir string) (string, error) {
	path := filepath.Join(dir, "plugin.yaml")
	text, err := p.yaml(path)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// yaml is the content of plugin.yaml, which will lie at path.
func (p Plugin) yaml(path string) (string, error) {
	generate := p.Generate
	if len(generate) == 0 {
		seal, err := Seal.Path()
		if err != nil {
			return "", err
		}
		generate = []string{seal, "generate", "--config", path}
	}
	spec := map[string]any{"generate": map[string]any{"command": generate}}
	if p.Version != "" {
		spec["version"] = p.Version
	}
	if p.DiscoverFile != "" {
		spec["discover"] = map[string]any{"fileName": p.DiscoverFile}
	}
	first, err := yaml.Marshal(map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "ConfigManagementPlugin",
		"metadata": map[string]any{"name": p.Name}, "spec": spec,
	})
	if err != nil {
		return "", err
	}
	second := map[string]any{"apiVersion": "argocd-seal.io/v1alpha1", "kind": "SealConfig"}
	if len(p.Aliases) > 0 {
		second["aliases"] = p.Aliases
	}
	rest, err := yaml.Marshal(second)
	if err != nil {
		return "", err
	}
	return strings.Join([]string{string(first), "---\n", string(rest), p.Seal}, ""), nil
}
