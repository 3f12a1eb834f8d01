package threats

import (
	"encoding/base64"
	"strings"
	"testing"
)

// jwt is a service account's token with an audience. Nobody has to believe its
// signature: it is refused before it is sent.
func jwt(audience string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"RS256"}`) + "." + part(`{"aud":[`+audience+`],"exp":4102444800,"iss":"https://kubernetes.default.svc.cluster.local","sub":"system:serviceaccount:argocd:argocd-seal"}`) + ".c2ln"
}

// A token for the API server must not be handed to Vault.
func TestV6ServiceAccountTokensAreForVaultAlone(t *testing.T) {
	row(t)
	for what, token := range map[string]string{
		"the API server's": jwt(`"https://kubernetes.default.svc.cluster.local"`), "the API server's and Vault's": jwt(`"vault","https://kubernetes.default.svc"`), "nobody's": jwt(""),
	} {
		t.Run(what, func(t *testing.T) {
			s := prepare(t, settings{})
			file := s.write("jwt", s.watch.Secret(token), 0o400)
			s.replace(t, "method: userpass, username: ", "method: kubernetes, vaultRole: x, tokenFile: "+file+", #")
			s.vault.Forget()
			s.run(t, settings{})
			a := s.ask(t, files{"app/a.yaml": secret(s.reference())})
			if a.code() != "E_VAULT" && a.code() != "E_CONFIG" {
				t.Errorf("the answer is %.200q", a.text())
			}
			if s.vault.Count("PUT /v1/auth/kubernetes/login")+s.vault.Count("POST /v1/auth/kubernetes/login") > 0 {
				t.Error("the token was sent to Vault")
			}
		})
	}
}

// replace changes the text of plugin.yaml from some text to the end of its line.
func (s *sidecar) replace(t testing.TB, from, to string) {
	t.Helper()
	text := s.read(t, "plugin.yaml")
	before, after, ok := strings.Cut(text, from)
	if !ok {
		t.Fatalf("plugin.yaml has no %s", from)
	}
	_, rest, _ := strings.Cut(after, "}]")
	s.write("plugin.yaml", before+strings.TrimSuffix(strings.TrimSuffix(to, "#"), ", ")+"}]"+rest, 0o600)
}
