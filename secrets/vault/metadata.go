package vault

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
)

// Metadata is what KV version 2 says of a secret without showing it.
type Metadata struct {
	// Created is when the secret was made. One that was removed with all its
	// versions and made again is a new secret, whose versions begin at 1.
	Created time.Time
	// Current is the latest version, which a read without a version gets.
	Current  int
	Versions map[int]Version
}

// Version is the state of one version of a secret.
type Version struct {
	Created time.Time
	// Deleted is when the version was or will be deleted; zero means never.
	Deleted   time.Time
	Destroyed bool
}

// Readable tells whether the version's values can be read at a moment.
func (v Version) Readable(now time.Time) bool {
	return !v.Destroyed && (v.Deleted.IsZero() || v.Deleted.After(now))
}

// Metadata reads the versions of a secret of KV version 2; Version and Wanted of
// the query count for nothing. It needs the capability read on MOUNT/metadata/PATH
// and no other. Its faults are E_SECRET where there is no such secret, E_CONFIG
// where the role may not ask, and E_VAULT where Vault cannot be asked. The first
// two are told apart because only the platform sees them.
func (c *Client) Metadata(ctx context.Context, query store.Query) (Metadata, error) {
	s, err := c.session(query.Role)
	if err != nil {
		return Metadata{}, err
	}
	got, err := s.get(ctx, query.Mount.Path+"/metadata/"+query.Path, nil)
	switch {
	case err != nil:
		return Metadata{}, err
	case got.status == http.StatusForbidden:
		return Metadata{}, fault.New(fault.Config, "the role %q may not read the metadata of %s", fault.Clean(query.Role, 80), query.Logical()).
			WithFix("give its Vault policy the capability read on %s/metadata/", query.Mount.Path)
	case got.status != http.StatusOK:
		return Metadata{}, store.Unavailable()
	}
	return parseMetadata(got.body)
}

func parseMetadata(body []byte) (Metadata, error) {
	var parsed struct {
		Data struct {
			Created  time.Time `json:"created_time"`
			Current  int       `json:"current_version"`
			Versions map[string]struct {
				Created   time.Time `json:"created_time"`
				Deleted   string    `json:"deletion_time"`
				Destroyed bool      `json:"destroyed"`
			} `json:"versions"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &parsed) != nil {
		return Metadata{}, garbled()
	}
	metadata := Metadata{Created: parsed.Data.Created, Current: parsed.Data.Current, Versions: map[int]Version{}}
	for name, state := range parsed.Data.Versions {
		number, err := strconv.Atoi(name)
		if err != nil || number < 1 {
			return Metadata{}, garbled()
		}
		version := Version{Created: state.Created, Destroyed: state.Destroyed}
		if state.Deleted != "" {
			if version.Deleted, err = time.Parse(time.RFC3339Nano, state.Deleted); err != nil {
				return Metadata{}, garbled()
			}
		}
		metadata.Versions[number] = version
	}
	return metadata, nil
}
