package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
	sigs "sigs.k8s.io/yaml"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// maxValuesFile bounds a values file in bytes.
const maxValuesFile = 8 << 20

// Values is a store for development: a map from logical path to keys and
// values. Every first segment is a mount of KV version 2, and every version of
// a secret is what the file says.
type Values struct {
	secrets map[string]map[string]value.Value
}

var _ Source = (*Values)(nil)

// ParseValues reads a values file:
//
//	kv/demo/db:
//	  username: app
//	  port: 5432
//
// A fault names the file and the line and quotes nothing: values files hold
// passwords more often than they should.
func ParseValues(file string, content []byte) (*Values, error) {
	if len(content) > maxValuesFile {
		return nil, fault.New(fault.Limit, "the values file has %d bytes, the limit is %d", len(content), maxValuesFile).In(file, 0)
	}
	var paths map[string]map[string]yaml.Node
	if err := yaml.Unmarshal(content, &paths); err != nil {
		return nil, fault.New(fault.Config, "the file is not a map from path to keys and values").In(file, 0).
			WithFix("write it as \"kv/demo/db: {username: app}\"")
	}
	values := &Values{secrets: map[string]map[string]value.Value{}}
	for path, keys := range paths {
		if !strings.Contains(strings.Trim(path, "/"), "/") || strings.Trim(path, "/") != path {
			return nil, fault.New(fault.Config, "%q is not a path with a mount", fault.Clean(path, 80)).In(file, 0).
				WithFix("write MOUNT/PATH, such as kv/demo/db")
		}
		values.secrets[path] = map[string]value.Value{}
		for key, node := range keys {
			v, ok := fromNode(&node)
			if !ok {
				return nil, fault.New(fault.Config, "the value of %s#%s is not YAML that JSON can hold", path, fault.Clean(key, 80)).In(file, node.Line)
			}
			values.secrets[path][key] = v
		}
	}
	return values, nil
}

// fromNode keeps a scalar's own text, so that 1.50 stays 1.50.
func fromNode(node *yaml.Node) (value.Value, bool) {
	if node.Kind == yaml.ScalarNode {
		switch node.ShortTag() {
		case "!!str", "!!timestamp", "!!binary":
			return value.FromString(node.Value), true
		case "!!int", "!!float":
			if v, err := value.FromJSON([]byte(node.Value)); err == nil && v.Kind() == value.Number {
				return v, true
			}
			return value.FromString(node.Value), true
		}
	}
	text, err := yaml.Marshal(node)
	if err != nil {
		return value.Value{}, false
	}
	converted, err := sigs.YAMLToJSON(text)
	if err != nil || !json.Valid(converted) {
		return value.Value{}, false
	}
	v, err := value.FromJSON(converted)
	return v, err == nil
}

// Locate takes the first segment as the mount.
func (v *Values) Locate(_ context.Context, _, path string) (Mount, error) {
	return firstSegment(path), nil
}

// Read returns a copy of the file's values.
func (v *Values) Read(_ context.Context, query Query) (Secret, error) {
	keys, ok := v.secrets[query.Logical()]
	if !ok {
		return Secret{}, Unavailable()
	}
	return Secret{Version: max(query.Version, 1), Values: clone(keys)}, nil
}

// Keys returns the names of the file's keys.
func (v *Values) Keys(ctx context.Context, query Query) ([]string, error) {
	secret, err := v.Read(ctx, query)
	return names(secret.Values), err
}

// Fakes is a store for rendering without any: it makes up a value for every key
// that is asked for, always the same one for the same path and key.
type Fakes struct{}

var _ Source = Fakes{}

// Locate takes the first segment as the mount.
func (Fakes) Locate(_ context.Context, _, path string) (Mount, error) { return firstSegment(path), nil }

// Read makes up the wanted keys, or one where all of a path are imported.
func (Fakes) Read(_ context.Context, query Query) (Secret, error) {
	wanted := query.Wanted
	if len(wanted) == 0 {
		wanted = []string{"fake"}
	}
	secret := Secret{Version: max(query.Version, 1), Values: map[string]value.Value{}, Generated: true}
	for _, key := range wanted {
		sum := sha256.Sum256([]byte(query.Logical() + "#" + key))
		secret.Values[key] = value.FromString("fake-" + hex.EncodeToString(sum[:12]))
	}
	return secret, nil
}

// Keys returns the wanted keys.
func (f Fakes) Keys(ctx context.Context, query Query) ([]string, error) {
	secret, err := f.Read(ctx, query)
	return names(secret.Values), err
}

func firstSegment(path string) Mount {
	mount, _, _ := strings.Cut(path, "/")
	return Mount{Path: mount, Version: 2}
}

func clone(values map[string]value.Value) map[string]value.Value {
	copied := make(map[string]value.Value, len(values))
	for key, v := range values {
		copied[key] = v.Clone()
	}
	return copied
}

func names(values map[string]value.Value) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
