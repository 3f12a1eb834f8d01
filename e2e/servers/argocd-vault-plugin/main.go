// Command argocd-vault-plugin is that of the same name, v1.18.1, with Vault as
// its only backend: what reads manifests and replaces placeholders is upstream's
// own package kube. Upstream's program links the clients of ten clouds, which
// take longer to build than all other test servers together.
//
// It reads VAULT_ADDR, VAULT_TOKEN and AVP_KV_VERSION, and knows one command:
// `generate PATH`, where PATH may be - for standard input.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/argoproj-labs/argocd-vault-plugin/pkg/kube"
	"github.com/argoproj-labs/argocd-vault-plugin/pkg/types"
	"github.com/hashicorp/vault/api"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "argocd-vault-plugin:", err)
		os.Exit(1)
	}
}

func run(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 2 || args[0] != "generate" {
		return errors.New("usage: argocd-vault-plugin generate PATH")
	}
	manifests, err := read(args[1], stdin)
	if err != nil {
		return err
	}
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		return err
	}
	backend := &vault{client: client, version: os.Getenv("AVP_KV_VERSION")}
	if backend.version == "" {
		backend.version = "2"
	}
	for _, manifest := range manifests {
		template, err := kube.NewTemplate(manifest, backend, nil)
		if err != nil {
			return err
		}
		if ignored, _ := strconv.ParseBool(manifest.GetAnnotations()[types.AVPIgnoreAnnotation]); !ignored {
			if err := template.Replace(); err != nil {
				return err
			}
		}
		text, err := template.ToYAML()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(stdout, "%s---\n", text); err != nil {
			return err
		}
	}
	return nil
}

// read returns the manifests of standard input, or of all files below a
// directory whose names say that they hold some.
func read(source string, stdin io.Reader) ([]unstructured.Unstructured, error) {
	if source == "-" {
		return decode(stdin)
	}
	var manifests []unstructured.Unstructured
	err := filepath.WalkDir(source, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		found, err := decode(bytes.NewReader(content))
		manifests = append(manifests, found...)
		return err
	})
	return manifests, err
}

func decode(stream io.Reader) ([]unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(stream, 1)
	var manifests []unstructured.Unstructured
	for {
		var manifest unstructured.Unstructured
		switch err := decoder.Decode(&manifest); {
		case errors.Is(err, io.EOF):
			return manifests, nil
		case err != nil:
			return nil, err
		}
		if len(manifest.Object) > 0 {
			manifests = append(manifests, manifest)
		}
	}
}

// vault is upstream's backend of that name: a version counts with KV version 2
// only, and an annotation says which version of the engine is meant.
type vault struct {
	client  *api.Client
	version string
}

var _ types.Backend = (*vault)(nil)

// Login does nothing: the client has a token.
func (v *vault) Login() error { return nil }

// GetSecrets returns all keys of a path.
func (v *vault) GetSecrets(path, version string, annotations map[string]string) (map[string]any, error) {
	engine := v.version
	if text, ok := annotations[types.VaultKVVersionAnnotation]; ok {
		engine = text
	}
	var query map[string][]string
	if version != "" && engine == "2" {
		query = map[string][]string{"version": {version}}
	}
	secret, err := v.client.Logical().ReadWithData(path, query)
	switch {
	case err != nil:
		return nil, err
	case secret == nil:
		return nil, fmt.Errorf("there is no secret at %s", path)
	case engine == "1":
		return secret.Data, nil
	}
	data, ok := secret.Data["data"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is no secret of KV version 2", path)
	}
	return data, nil
}

// GetIndividualSecret returns one key of a path.
func (v *vault) GetIndividualSecret(path, key, version string, annotations map[string]string) (any, error) {
	data, err := v.GetSecrets(path, version, annotations)
	return data[key], err
}
