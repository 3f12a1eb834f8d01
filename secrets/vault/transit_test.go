package vault_test

import (
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// TestPublicKeysOfTransit reads the versions of a key that Vault verifies with.
func TestPublicKeysOfTransit(t *testing.T) {
	server := vaulttest.Start(t)
	server.Write(t, "transit/keys/release", map[string]any{"type": "ecdsa-p256"})
	server.Write(t, "transit/keys/release/rotate", nil)
	server.Write(t, "transit/keys/cipher", map[string]any{"type": "aes256-gcm96"})
	password := server.User(t, "images", `path "transit/keys/release" { capabilities = ["read"] }
path "transit/keys/cipher" { capabilities = ["read"] }`, "1h")
	client, err := vault.New(vault.Config{Address: server.Address, Roles: []vault.Role{{Name: "r", Method: vault.Userpass, Username: "images", PasswordFile: password}}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := client.PublicKeys(t.Context(), "r", "transit", "release")
	if err != nil || len(keys) != 2 || !strings.HasPrefix(keys[0], "-----BEGIN PUBLIC KEY-----") || keys[0] == keys[1] {
		t.Fatalf("%v, %d keys", err, len(keys))
	}
	server.Write(t, "transit/keys/release/config", map[string]any{"min_decryption_version": 2})
	if keys, err = client.PublicKeys(t.Context(), "r", "transit", "release"); err != nil || len(keys) != 1 {
		t.Errorf("after the first version was retired: %v, %d keys", err, len(keys))
	}
	for name, want := range map[string]string{"cipher": "has no public part", "other": "cannot read the key"} {
		_, err := client.PublicKeys(t.Context(), "r", "transit", name)
		if fault.CodeOf(err) != fault.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
