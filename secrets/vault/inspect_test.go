package vault_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
)

// What a doctor asks is asked of Vault's own paths, and of no secret.
func TestInspect(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	proxy := vaulttest.Before(t, server)
	client := newClient(t, proxy.URL, prepare(t, server, "1h"))
	ctx := deadline(t)
	health, err := client.Health(ctx)
	if err != nil || health.Version != "1.17.6" || !health.Initialized || health.Sealed || health.Standby || !health.Dated || health.Ahead.Abs() > 5*time.Second || !health.Expires.IsZero() {
		t.Errorf("health is %+v, %v", health, err)
	}
	token, err := client.Token(ctx, "reader")
	if err != nil || token.Type != "service" || !token.Renewable || token.Uses != 0 || token.TTL <= 0 || token.TTL > time.Hour || !slices.Contains(token.Policies, "default") || len(token.Policies) != 2 {
		t.Errorf("the token is %+v, %v", token, err)
	}
	watch.See("token", token)
	may, err := client.Capabilities(ctx, "reader", []string{"kv/data/demo/x", "kv/data/other", "auth/token/lookup-self"})
	want := map[string][]string{"kv/data/demo/x": {"read"}, "kv/data/other": {"deny"}, "auth/token/lookup-self": {"read"}}
	if diff := cmp.Diff(want, may); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	var asked []string
	for _, request := range proxy.Requests() {
		asked = append(asked, request.Line)
	}
	if count := proxy.Count("GET /v1/kv/"); count > 0 || proxy.Requests()[0].Token != "" {
		t.Errorf("asked were %v", asked)
	}
	if _, err := client.Token(ctx, "nobody"); fault.CodeOf(err) != fault.Config {
		t.Errorf("a role that is not there: %v", err)
	}
}

func TestInspectSealed(t *testing.T) {
	server := vaulttest.StartOwn(t)
	client := newClient(t, server.Address, prepare(t, server, "1h"))
	server.Seal(t)
	if health, err := client.Health(deadline(t)); err != nil || !health.Sealed || !health.Initialized || health.Status != 503 {
		t.Errorf("health is %+v, %v", health, err)
	}
}
