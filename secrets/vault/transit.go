package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// PublicKeys returns the public keys of a key of Vault's transit engine in PEM: the
// versions that Vault itself would verify with, from min_decryption_version on.
// No private key is asked for; the role needs the capability read on
// MOUNT/keys/NAME. Its faults are E_CONFIG where there is no such key, the role may
// not ask, or the key has no public part, and E_VAULT where Vault cannot be asked.
// https://developer.hashicorp.com/vault/api-docs/secret/transit#read-key
func (c *Client) PublicKeys(ctx context.Context, role, mount, name string) ([]string, error) {
	s, err := c.session(role)
	if err != nil {
		return nil, err
	}
	got, err := s.get(ctx, mount+"/keys/"+name, nil)
	if err != nil {
		return nil, err
	}
	useless := func(format string, args ...any) error {
		return fault.New(fault.Config, format, args...).WithFix("name a signing key of the transit engine, and give the role's policy the capability read on %s/keys/%s", mount, name)
	}
	if got.status != http.StatusOK {
		return nil, useless("the role %q cannot read the key %s/%s", fault.Clean(role, 80), mount, name)
	}
	var parsed struct {
		Data struct {
			Oldest int `json:"min_decryption_version"`
			// Keys of ciphers are a time where those for signing are an object.
			Keys map[string]json.RawMessage `json:"keys"`
		} `json:"data"`
	}
	if json.Unmarshal(got.body, &parsed) != nil {
		return nil, garbled()
	}
	var keys []string
	for version := range parsed.Data.Keys {
		number, err := strconv.Atoi(version)
		if err != nil {
			return nil, garbled()
		}
		var public struct {
			Key string `json:"public_key"`
		}
		if json.Unmarshal(parsed.Data.Keys[version], &public) != nil || public.Key == "" {
			return nil, useless("the key %s/%s has no public part that is used here", mount, name)
		}
		if number >= parsed.Data.Oldest {
			keys = append(keys, public.Key)
		}
	}
	if len(keys) == 0 {
		return nil, useless("the key %s/%s has no version that verifies", mount, name)
	}
	return keys, nil
}
