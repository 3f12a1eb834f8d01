package doctor_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/canary"
	"github.com/argocd-seal/argocd-seal-plugin/internal/doctor"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
)

func TestVaultThatWorks(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	s := examine(t, watch, onVault(gateway.URL, user(t, watch, server, "reader", reading, "1h"), "kv/shop/**", "rotation: {enabled: true}"), ofVault)
	s.expect("reach", "", doctor.OK, "is Vault 1.17.6, active", "")
	s.expect("clock", "", doctor.OK, "at most 5s apart", "")
	s.expect("login", "reader", doctor.OK, "the userpass login works", "")
	s.expect("token", "reader", doctor.OK, "the policies doctor-reader-", "")
	s.expect("mount", "shop", doctor.OK, "kv/ is KV version 2", "")
	s.expect("access", "shop", doctor.OK, "kv/shop/**: the role reader may read it and nothing more", "")
	if failed := s.Count(doctor.Failed) + s.Count(doctor.Warning); failed > 0 {
		t.Errorf("%d findings are not ok: %+v", failed, s.Findings)
	}
	for _, request := range gateway.Requests() {
		if request.Token != "" {
			watch.Secret(request.Token)
		}
	}
	if count := gateway.Count("GET /v1/kv/"); count > 0 {
		t.Errorf("%d secrets were read", count)
	}
	if gateway.Count("PUT /v1/auth/token/revoke-self") != 1 {
		t.Error("the token was not revoked")
	}
}

func TestLoginsThatDoNotWork(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	wrong := write(t, "password", []byte(watch.Secret(canary.Draw())), 0o600)
	for name, test := range map[string]struct{ role, seen, fix string }{
		"userpass":   {"{name: reader, method: userpass, username: nobody, passwordFile: " + wrong + "}", "refuses the login", "vault write auth/userpass/users/nobody password=-"},
		"approle":    {"{name: reader, method: approle, roleID: nobody, secretIDFile: " + wrong + "}", "refuses the login", "vault write -f -field=secret_id auth/approle/role/ROLE/secret-id"},
		"token":      {"{name: reader, method: token, tokenFile: " + wrong + "}", "refuses the login", "vault token create -policy=POLICY"},
		"no file":    {"{name: reader, method: token, tokenFile: /nowhere/token}", "/nowhere/token: the credential file is missing", "put the credential into /nowhere/token"},
		"kubernetes": {"{name: reader, method: kubernetes, vaultRole: r, tokenFile: " + wrong + "}", "holds no service account token", "audience: vault"},
		"jwt":        {"{name: reader, method: jwt, vaultRole: r, tokenFile: " + wrong + "}", "refuses the login", "vault read auth/jwt/role/r"},
	} {
		t.Run(name, func(t *testing.T) {
			s := examine(t, watch, onVault(server.Address, test.role, "kv/shop/**", ""), ofVault)
			s.expect("login", "reader", doctor.Failed, test.seen, test.fix)
			s.expect("access", "shop", doctor.Unchecked, "the role reader cannot log in", "")
		})
	}
}

func TestRightsThatDoNotFit(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	const lines = "vault policy write doctor-reader-"
	for name, test := range map[string]struct {
		policy, paths, more, check string
		status                     doctor.Status
		seen, fix                  string
	}{
		"nothing":         {`path "sys/health" { capabilities = ["read"] }`, "kv/shop/**", "", "mount", doctor.Failed, "no such mount, or the role reader may do nothing below it", lines},
		"another team":    {`path "kv/data/books/*" { capabilities = ["read"] }`, "kv/shop/**", "", "access", doctor.Failed, "may not read kv/subkeys/shop/argocd-seal-doctor", `path "kv/subkeys/shop/*" { capabilities = ["read"] }`},
		"one secret":      {reading, "kv/shop/db", "", "access", doctor.OK, "may read it and nothing more", ""},
		"named":           {`path "kv/data/shop/one" { capabilities = ["read"] }`, "kv/{app}/x/*", "", "access", doctor.Warning, "is a made-up name", `path "kv/subkeys/+/x/*"`},
		"writes":          {reading + "\n" + `path "kv/data/shop/*" { capabilities = ["create", "update", "read"] }`, "kv/shop/**", "", "access", doctor.Warning, "may also create, update, and the sidecar only reads", lines},
		"lists":           {reading + "\n" + `path "kv/metadata/shop/*" { capabilities = ["list", "read"] }`, "kv/shop/**", "", "access", doctor.Warning, "may also list", lines},
		"the whole mount": {`path "kv/*" { capabilities = ["read"] }`, "kv/shop/**", "", "access", doctor.Warning, "too, which no binding of it names", lines},
		"everything":      {`path "*" { capabilities = ["read"] }`, "kv/shop/**", "", "access", doctor.Warning, "may read any path of any engine", lines},
		"no metadata":     {`path "kv/subkeys/shop/*" { capabilities = ["read"] }`, "kv/shop/**", "rotation: {enabled: true}", "access", doctor.Failed, "may not read kv/metadata/shop/argocd-seal-doctor", `path "kv/metadata/shop/*"`},
		"could rotate":    {`path "kv/subkeys/shop/*" { capabilities = ["read"] }`, "kv/shop/**", "", "access", doctor.OK, "not its metadata, which rotation would need", ""},
		"old engine":      {`path "kv1/shop/*" { capabilities = ["read"] }`, "kv1/shop/**", "", "mount", doctor.Failed, "kv1/ is KV version 1, which cannot list keys", "vault kv enable-versioning kv1"},
		"no engine":       {`path "sys/*" { capabilities = ["read"] }`, "sys/shop/**", "", "mount", doctor.Failed, "the mount is no KV engine", "vault secrets list"},
	} {
		t.Run(name, func(t *testing.T) {
			s := examine(t, watch, onVault(server.Address, user(t, watch, server, "reader", test.policy, "1h"), `"`+test.paths+`"`, test.more), ofVault)
			s.expect(test.check, "shop", test.status, test.seen, test.fix)
			if test.fix == lines {
				s.expect(test.check, "shop", test.status, test.seen, `path "kv/subkeys/shop/*" { capabilities = ["read"] }`)
			}
		})
	}
}

// Names of policies are words of a command to copy, whatever they hold.
func TestPoliciesWithOddNames(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	role := user(t, watch, server, "reader", reading, "1h")
	server.Write(t, "auth/userpass/users/"+between(t, role, "username: ", ","), map[string]any{"token_policies": []string{"x'; reboot"}})
	s := examine(t, watch, onVault(server.Address, role, "kv/shop/**", ""), ofVault)
	s.expect("mount", "shop", doctor.Failed, "may do nothing below it", `vault policy write 'x'\''; reboot' - <<'END'`)
}

// Values are asked for where they are sealed, and then of KV version 1 too.
func TestSealedValuesNeedData(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	file, fingerprint := certificate(t, time.Now().Add(-time.Hour), time.Now().Add(365*24*time.Hour))
	settings := onVault(server.Address, user(t, watch, server, "reader", `path "kv/subkeys/shop/*" { capabilities = ["read"] }`+"\n"+`path "kv1/shop/*" { capabilities = ["read"] }`, "1h"), "kv/shop/**, kv1/shop/**", "")
	settings = replace(t, settings, "{default: vault-agent, workloadRole: w}", "{default: sealed-secret, sealedSecret: {certificateFile: "+file+", fingerprint: "+fingerprint+", saltFile: "+salt(t, 32, 0o400)+"}}")
	s := examine(t, watch, settings, ofVault)
	s.expect("access", "shop", doctor.Failed, "may not read kv/data/shop/argocd-seal-doctor", `path "kv/data/shop/*"`)
	s.expect("mount", "shop", doctor.Warning, "kv1/ is KV version 1, which has no versions", "vault kv enable-versioning kv1")
	s.expect("access", "shop", doctor.Failed, "may not read kv/data/shop/argocd-seal-doctor", "\npath \"kv1/shop/*\" { capabilities = [\"read\"] }\n")
}

func TestTokens(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	root := write(t, "token", []byte(watch.Secret(server.Root.Token())), 0o600)
	s := examine(t, watch, onVault(server.Address, "{name: reader, method: token, tokenFile: "+root+"}", "kv/shop/**", ""), ofVault)
	s.expect("token", "reader", doctor.Warning, "it has the policy root", "a policy of its own")
	s.expect("token", "reader", doctor.Warning, "it never ends", "vault token create -policy=POLICY")
	s.expect("access", "shop", doctor.Warning, "may do everything", "vault policy write argocd-seal-reader")
	s = examine(t, watch, onVault(server.Address, user(t, watch, server, "reader", reading, "720h"), "kv/shop/**", ""), ofVault)
	s.expect("token", "reader", doctor.Warning, "days; the sidecar renews it", "token_ttl=10m")
	limited := user(t, watch, server, "reader", reading, "1h")
	name := between(t, limited, "username: ", ",")
	server.Write(t, "auth/userpass/users/"+name, map[string]any{"token_num_uses": 20})
	s = examine(t, watch, onVault(server.Address, limited, "kv/shop/**", ""), ofVault)
	s.expect("token", "reader", doctor.Failed, "it ends after", "token_num_uses=0")
	server.Write(t, "auth/userpass/users/"+name, map[string]any{"token_num_uses": 0, "token_no_default_policy": true})
	s = examine(t, watch, onVault(server.Address, limited, "kv/shop/**", ""), ofVault)
	s.expect("token", "reader", doctor.Unchecked, "do not allow auth/token/lookup-self", `path "auth/token/lookup-self" { capabilities = ["read"] }`)
	s.expect("access", "shop", doctor.Unchecked, "do not allow sys/capabilities-self", `path "sys/capabilities-self" { capabilities = ["update"] }`)
}

func TestVaultThatIsDown(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.StartOwn(t)
	role := user(t, watch, server, "reader", reading, "1h")
	look := func() seen {
		return examine(t, watch, onVault(server.Address, role, "kv/shop/**", ""), doctor.Options{Limit: 4 * time.Second, Only: ofVault.Only})
	}
	server.Seal(t)
	s := look()
	s.expect("reach", "", doctor.Failed, "which is sealed", "vault operator unseal -address="+server.Address)
	s.expect("login", "reader", doctor.Unchecked, "Vault serves nothing", "")
	s.expect("access", "shop", doctor.Unchecked, "Vault serves nothing", "")
	server.Unseal(t)
	server.Pause(t)
	s = look()
	s.expect("reach", "", doctor.Failed, "Vault did not answer within 2s", "curl -sv "+server.Address+"/v1/sys/health")
	s.expect("login", "reader", doctor.Unchecked, "Vault does not answer", "")
	server.Resume(t)
	server.Stop()
	for { // until the process has ended
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.Address, "http://"))
		if err != nil {
			break
		}
		conn.Close()
	}
	s = look()
	s.expect("reach", "", doctor.Failed, server.Address+": nothing listens at vault.address", "start Vault, or correct the port")
}

// A Vault that hangs after its health was asked ends each check, and not the
// doctor.
func TestVaultThatHangsLater(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	gateway := vaulttest.Before(t, server)
	released := make(chan struct{})
	defer close(released)
	gateway.Set(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.URL.Path != "/v1/sys/health" {
			select {
			case <-released:
			case <-r.Context().Done():
			}
		}
		return false
	})
	s := examine(t, watch, onVault(gateway.URL, user(t, watch, server, "reader", reading, "1h"), "kv/shop/**", ""), doctor.Options{Limit: 3 * time.Second, Only: ofVault.Only})
	s.expect("reach", "", doctor.OK, "active", "")
	s.expect("login", "reader", doctor.Failed, "Vault", "curl -sv "+gateway.URL+"/v1/sys/health")
}

func TestClocksApart(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	role := user(t, watch, server, "reader", reading, "1h")
	for name, test := range map[string]struct {
		ahead  time.Duration
		status doctor.Status
		seen   string
	}{
		"ahead":  {10 * time.Minute, doctor.Failed, "10 minutes ahead of this one"},
		"behind": {-3 * time.Hour, doctor.Failed, "3 hours behind this one"},
		"a bit":  {20 * time.Second, doctor.Warning, "seconds ahead of this one"},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := vaulttest.Before(t, server)
			gateway.Set(func(w http.ResponseWriter, r *http.Request, real []byte) bool {
				if r.URL.Path != "/v1/sys/health" {
					return false
				}
				w.Header().Set("Date", time.Now().Add(test.ahead).UTC().Format(http.TimeFormat))
				_, _ = w.Write(real)
				return true
			})
			s := examine(t, watch, onVault(gateway.URL, role, "kv/shop/**", ""), ofVault)
			s.expect("clock", "", test.status, test.seen, "timedatectl set-ntp true")
			s.expect("login", "reader", doctor.OK, "works", "")
		})
	}
}

func TestVaultBehindTLS(t *testing.T) {
	watch := canary.Over(t)
	server := vaulttest.Start(t)
	gateway := vaulttest.BeforeTLS(t, server, nil)
	role := user(t, watch, server, "reader", reading, "1h")
	s := examine(t, watch, onVault(gateway.URL, role, "kv/shop/**", ""), ofVault)
	s.expect("reach", "", doctor.Failed, "not signed by an authority that is trusted", "set vault.caFile")
	authority := write(t, "ca.pem", pemOf(gateway.Certificate().Raw), 0o600)
	s = examine(t, watch, replace(t, onVault(gateway.URL, role, "kv/shop/**", ""), "  timeout: 2s", "  timeout: 2s\n  caFile: "+authority), ofVault)
	s.expect("reach", "", doctor.OK, "active", "")
	s = examine(t, watch, replace(t, onVault(gateway.URL, role, "kv/shop/**", ""), "  timeout: 2s", "  timeout: 2s\n  serverName: other.test\n  caFile: "+authority), ofVault)
	s.expect("reach", "", doctor.Failed, "is for another name", "set vault.serverName")
	_, port, err := net.SplitHostPort(server.Address[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	s = examine(t, watch, onVault("https://127.0.0.1:"+port, role, "kv/shop/**", ""), ofVault)
	s.expect("reach", "", doctor.Failed, "does not speak TLS", "give Vault's listener a certificate")
}
