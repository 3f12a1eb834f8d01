package vault_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/store"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// BenchmarkRealRead reads one secret from the real Vault.
func BenchmarkRealRead(b *testing.B) {
	server := vaulttest.Start(b)
	server.Write(b, "kv/data/demo/bench", map[string]any{"data": map[string]any{"k": strings.Repeat("v", 64)}})
	client, err := vault.New(vault.Config{
		Address: server.Address, RequestsPerSecond: 1e6,
		Roles: []vault.Role{{Name: "reader", Method: vault.Token, TokenFile: vaulttest.File(b, server.Root.Token())}},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx := deadline(b)
	for b.Loop() {
		if _, err := client.Read(ctx, store.Query{Role: "reader", Mount: kv2, Path: "demo/bench"}); err != nil {
			b.Fatal(fmt.Errorf("read: %w", err))
		}
	}
}
