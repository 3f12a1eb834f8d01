package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// mountLife is how long what was found about a mount is believed.
const mountLife = 5 * time.Minute

// mountKey keeps roles apart, as they may have different namespaces.
type mountKey struct{ role, path string }

type mountEntry struct {
	mount store.Mount
	until time.Time
}

// Locate finds the KV mount that a path lies on: among those configured, among
// those found before, and else by sys/internal/ui/mounts, which any token may
// ask that may use something below the mount.
func (c *Client) Locate(ctx context.Context, role, logical string) (store.Mount, error) {
	s, err := c.session(role)
	if err != nil {
		return store.Mount{}, err
	}
	if mount, ok := c.known(role, logical); ok {
		return mount, nil
	}
	first, _, _ := strings.Cut(logical, "/")
	flight := c.lookups.DoChan(role+"\x00"+first, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxCall)
		defer cancel()
		return c.lookup(ctx, s, logical)
	})
	select {
	case <-ctx.Done():
		return store.Mount{}, outOfTime(ctx)
	case result := <-flight:
		if result.Err != nil {
			return store.Mount{}, result.Err
		}
		if mount := result.Val.(store.Mount); below(mount, logical) {
			return mount, nil
		}
	}
	return c.lookup(ctx, s, logical) // another mount with the same first segment
}

func below(mount store.Mount, logical string) bool {
	return strings.HasPrefix(logical, mount.Path+"/")
}

func (c *Client) known(role, logical string) (store.Mount, bool) {
	for _, mount := range c.config.Mounts {
		if below(mount, logical) {
			return mount, true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, entry := range c.mounts {
		if key.role == role && below(entry.mount, logical) && time.Now().Before(entry.until) {
			return entry.mount, true
		}
	}
	return store.Mount{}, false
}

func (c *Client) lookup(ctx context.Context, s *session, logical string) (store.Mount, error) {
	got, err := s.get(ctx, "sys/internal/ui/mounts/"+logical, nil)
	if err != nil {
		return store.Mount{}, err
	}
	if got.status != http.StatusOK {
		return store.Mount{}, store.Unavailable()
	}
	var parsed struct {
		Data struct {
			Path    string            `json:"path"`
			Type    string            `json:"type"`
			Options map[string]string `json:"options"`
		} `json:"data"`
	}
	if json.Unmarshal(got.body, &parsed) != nil {
		return store.Mount{}, garbled()
	}
	mount := store.Mount{Path: strings.Trim(parsed.Data.Path, "/"), Version: 1}
	if parsed.Data.Type != "kv" && parsed.Data.Type != "generic" {
		return store.Mount{}, fault.New(fault.VaultDynamic, "the mount of %s is no KV engine", logical).
			WithFix("refer to a secret of a KV engine; dynamic credentials cannot be sealed")
	}
	if parsed.Data.Options["version"] == "2" {
		mount.Version = 2
	}
	if !below(mount, logical) {
		return store.Mount{}, garbled()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mounts[mountKey{s.role.Name, mount.Path}] = mountEntry{mount, time.Now().Add(mountLife)}
	return mount, nil
}

// Read reads one version of a secret.
func (c *Client) Read(ctx context.Context, query store.Query) (store.Secret, error) {
	at := query.Logical()
	if query.Mount.Version == 2 {
		at = query.Mount.Path + "/data/" + query.Path
	}
	got, err := c.ask(ctx, query, at, nil)
	if err != nil {
		return store.Secret{}, err
	}
	defer clear(got)
	var secret store.Secret
	fields := got
	if query.Mount.Version == 2 {
		var versioned struct {
			Data     single `json:"data"`
			Metadata struct {
				Version int `json:"version"`
			} `json:"metadata"`
		}
		defer func() { clear(versioned.Data) }()
		if json.Unmarshal(got, &versioned) != nil || versioned.Metadata.Version < 0 {
			return store.Secret{}, garbled()
		}
		fields, secret.Version = json.RawMessage(versioned.Data), versioned.Metadata.Version
	}
	secret.Values, err = parseValues(fields)
	return secret, err
}

// Keys reads the names of a secret's keys from KV version 2's subkeys, which
// hold no value.
func (c *Client) Keys(ctx context.Context, query store.Query) ([]string, error) {
	if query.Mount.Version != 2 {
		return nil, fault.New(fault.Secret, "KV version 1 cannot list keys without their values")
	}
	got, err := c.ask(ctx, query, query.Mount.Path+"/subkeys/"+query.Path, map[string][]string{"depth": {"1"}})
	if err != nil {
		return nil, err
	}
	var parsed struct {
		Subkeys map[string]json.RawMessage `json:"subkeys"`
	}
	if json.Unmarshal(got, &parsed) != nil {
		return nil, garbled()
	}
	if parsed.Subkeys == nil {
		return nil, store.Unavailable()
	}
	keys := make([]string, 0, len(parsed.Subkeys))
	for key := range parsed.Subkeys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys, nil
}

// ask reads a path and returns the data of an answer that is neither leased nor
// wrapped nor a login.
func (c *Client) ask(ctx context.Context, query store.Query, at string, params map[string][]string) (json.RawMessage, error) {
	s, err := c.session(query.Role)
	if err != nil {
		return nil, err
	}
	if query.Version > 0 {
		if params == nil {
			params = map[string][]string{}
		}
		params["version"] = []string{strconv.Itoa(query.Version)}
	}
	got, err := s.get(ctx, at, params)
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusOK {
		return nil, store.Unavailable()
	}
	var parsed struct {
		LeaseID   lease  `json:"lease_id"`
		Renewable said   `json:"renewable"`
		Auth      said   `json:"auth"`
		WrapInfo  said   `json:"wrap_info"`
		Data      single `json:"data"`
	}
	err = json.Unmarshal(got.body, &parsed)
	clear(got.body)
	if err != nil {
		return nil, garbled()
	}
	if parsed.LeaseID != "" || parsed.Renewable || parsed.Auth || parsed.WrapInfo {
		clear(parsed.Data)
		s.giveBack(ctx, string(parsed.LeaseID))
		return nil, fault.New(fault.VaultDynamic, "Vault's answer is a lease or a token and no static secret").
			WithFix("refer to a secret of a KV engine; dynamic credentials cannot be sealed")
	}
	data := json.RawMessage(parsed.Data)
	if !present(data) {
		return nil, store.Unavailable()
	}
	return data, nil
}

// get reads a path. The client of the API cleans paths after they have been
// checked, so only one that it would leave as it is may get there.
func (s *session) get(ctx context.Context, at string, params map[string][]string) (answer, error) {
	if path.Clean(at) != at || strings.HasPrefix(at, "/") || strings.HasPrefix(at, ".") {
		return answer{}, fault.New(fault.RefSyntax, "the path is not clean")
	}
	return s.do(ctx, func(ctx context.Context, client *api.Client) (*api.Response, error) {
		return client.Logical().ReadRawWithDataWithContext(ctx, at, params)
	})
}

// giveBack revokes a lease that nobody asked for. Where that fails the lease
// ends by itself.
func (s *session) giveBack(ctx context.Context, lease string) {
	if lease == "" {
		return
	}
	body, err := json.Marshal(map[string]string{"lease_id": lease})
	if err != nil {
		return
	}
	_, _ = s.do(ctx, func(ctx context.Context, client *api.Client) (*api.Response, error) {
		return client.Logical().WriteRawWithContext(ctx, "sys/leases/revoke", body)
	})
}

// parseValues reads the keys of a secret. Null in the place of the keys is a
// version that was deleted.
func parseValues(fields json.RawMessage) (map[string]value.Value, error) {
	if !present(fields) {
		return nil, store.Unavailable()
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal(fields, &raw) != nil {
		return nil, garbled()
	}
	values := make(map[string]value.Value, len(raw))
	for key, field := range raw {
		v, err := value.FromJSON(field)
		if err != nil {
			return nil, garbled()
		}
		values[key] = v
		clear(field)
	}
	return values, nil
}

func present(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func garbled() error {
	return fault.New(fault.Vault, "Vault's answer is not what its API documents").
		WithFix("the platform team checks what answers at vault.address")
}
