package main

import (
	"context"
	"crypto"
	"slices"
	"strings"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/plugin/config"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/cosign"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// imageVaultTimeout bounds what Vault is asked for about images.
const imageVaultTimeout = 10 * time.Second

// askVault logs in to Vault with one role for one question, and gives the token
// back: what images need of Vault is asked for so seldom that no token is kept.
func askVault(ctx context.Context, settings config.Vault, role string, ask func(ctx context.Context, client *vault.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, imageVaultTimeout)
	defer cancel()
	settings.Roles = slices.DeleteFunc(slices.Clone(settings.Roles), func(r config.VaultRole) bool { return r.Name != role })
	client, close, err := dialVault(ctx, settings)
	if err != nil {
		return err
	}
	defer close()
	return ask(ctx, client)
}

// transitKeys reads the public keys of a key of Vault's transit engine.
func transitKeys(ctx context.Context, settings config.Vault, at config.ImageVault) (keys []crypto.PublicKey, err error) {
	mount, name := splitLast(at.Path)
	err = askVault(ctx, settings, at.Role, func(ctx context.Context, client *vault.Client) error {
		texts, err := client.PublicKeys(ctx, at.Role, mount, name)
		if err != nil {
			return err
		}
		keys, err = cosign.ReadKeys([]byte(strings.Join(texts, "\n")))
		return err
	})
	return keys, err
}

func splitLast(path string) (before, last string) {
	at := strings.LastIndex(path, "/")
	return path[:max(at, 0)], path[at+1:]
}

// registryLogin reads user and password of a registry.
func registryLogin(ctx context.Context, settings config.Vault, at config.ImageVault) (username, password string, err error) {
	err = askVault(ctx, settings, at.Role, func(ctx context.Context, client *vault.Client) error {
		mount, err := client.Locate(ctx, at.Role, at.Path)
		if err != nil {
			return err
		}
		path := strings.TrimPrefix(at.Path, mount.Path+"/")
		secret, err := client.Read(ctx, store.Query{Role: at.Role, Mount: mount, Path: path, Wanted: []string{"username", "password"}})
		if err != nil {
			return err
		}
		name, word := secret.Values["username"], secret.Values["password"]
		username, password = string(name.Reveal()), string(word.Reveal())
		for _, value := range secret.Values {
			value.Zero()
		}
		if username == "" || password == "" {
			return fault.New(fault.ImageRegistry, "the secret with the registry's credentials lacks username or password").
				WithFix("write both keys to the secret that images.registries names")
		}
		return nil
	})
	return username, password, err
}
