package threats

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// Vault's client tidies paths after whoever checked them.
func TestV1PathsThatLeaveTheBinding(t *testing.T) {
	row(t)
	s := start(t, settings{})
	inside := "kv/" + s.prefix + "/team-a/"
	s.vault.Forget()
	for _, path := range []string{
		inside + "../core/db", inside + "./db", inside + "a//b", "/" + inside + "db", inside + "db/", inside + "%2e%2e/core/db", inside + "%252e%252e/core/db",
		inside + "..%2Fcore%2Fdb", inside + `..\\core`, inside + "..;/core/db", inside + "db?x=y", inside + "db x", inside + `db\n`, inside + `db\0`,
		inside + "\u2025/core/db", inside + "\uff0e\uff0e/core/db", inside + strings.Repeat("n", 600), "", "kv", "sys/mounts", "auth/token/lookup-self",
		"cubbyhole/x", "identity/oidc/token/x", "kv/" + s.prefix + "/team-ab/db", "kv/data/" + s.prefix + "/core/db", "../sys/mounts", inside + "...",
	} {
		a := s.ask(t, files{"app/a.yaml": secret("<vault:" + path + "#password>")})
		if a.code() != "E_REF_SYNTAX" && a.code() != "E_FORBIDDEN" && a.code() != "E_PLAIN_SECRET" {
			t.Errorf("%q gives %.200q", path, a.text())
		}
	}
	if requests := s.vault.Requests(); len(requests) > 0 {
		t.Errorf("Vault was asked for %v", requests)
	}
	s.unharmed(t)
}

// A redirect must not carry the token to somebody else.
func TestV2RedirectsKeepTheToken(t *testing.T) {
	row(t)
	s := start(t, settings{})
	address, hits := listener(t)
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		s.vault.Set(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if strings.Contains(r.URL.Path, "/data/") {
				http.Redirect(w, r, "http://"+address+r.URL.Path, status)
			}
			return strings.Contains(r.URL.Path, "/data/")
		})
		a := s.ask(t, files{"app/a.yaml": secret(s.reference())})
		s.vault.Set(nil)
		if a.code() != "E_VAULT" {
			t.Errorf("%d gives %.200q", status, a.text())
		}
	}
	if hits.Load() > 0 {
		t.Errorf("%d connections were made", hits.Load())
	}
	s.recovered(t)
}

// recovered waits for the pause after failures of Vault to end, and expects the
// harmless application to be as it was.
func (s *sidecar) recovered(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		a := s.send(t, pack(t, s.shop()), "app", identity("ARGOCD_APP_NAME=payments", "ARGOCD_APP_PROJECT_NAME=proj-core"))
		if a.err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("Vault answers again, and the harmless application gives %s", a.text())
		}
	}
	s.unharmed(t)
}

// body has the gateway answer reads of secrets with a body of the test's own,
// until the test is done with it.
func (s *sidecar) body(status int, text string) {
	s.vault.Set(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if !strings.Contains(r.URL.Path, "/data/") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
		return true
	})
}

// A read that mints something would mint it at each refresh.
func TestV3LeasesAreRefused(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for what, text := range map[string]string{
		"a lease":   `{"lease_id":"database/creds/x/1","renewable":true,"data":{"data":{"password":"` + s.forbidden + `"},"metadata":{"version":1}}}`,
		"a token":   `{"auth":{"client_token":"` + s.forbidden + `"},"data":{"data":{"password":"x"},"metadata":{"version":1}}}`,
		"a wrapped": `{"wrap_info":{"token":"` + s.forbidden + `","ttl":60},"data":null}`,
	} {
		s.body(http.StatusOK, text)
		a := s.ask(t, files{"app/a.yaml": secret(s.reference())})
		s.vault.Set(nil)
		if a.code() != "E_VAULT_DYNAMIC" {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	s.recovered(t)
}

func TestV4EnvironmentDoesNotMoveTheClient(t *testing.T) {
	row(t)
	address, hits := listener(t)
	s := start(t, settings{env: []string{"VAULT_ADDR=http://" + address, "VAULT_TOKEN=hvs.stray", "VAULT_NAMESPACE=other", "VAULT_WRAP_TTL=60s",
		"VAULT_HEADERS={\"X-Stray\":\"1\"}", "VAULT_PROXY_ADDR=http://" + address, "HTTP_PROXY=http://" + address, "HTTPS_PROXY=http://" + address, "http_proxy=http://" + address}})
	s.rendered(t, s.ask(t, files{"app/a.yaml": secret(s.reference())}))
	for _, one := range s.vault.Requests() {
		if one.Namespace != "" || one.Token == "hvs.stray" {
			t.Errorf("the environment is in %s", one.Line)
		}
	}
	if hits.Load() > 0 {
		t.Errorf("%d connections were made", hits.Load())
	}
}

// Namespaces are the platform's to choose.
func TestV5NamespacesAreThePlatforms(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.vault.Forget()
	for _, text := range []string{
		"<vault:other/kv/" + s.prefix + "/team-a/db#password>", "<vault:ns1/kv/data/x#password>", "<path:ns1/kv/data/x#password>",
		"<vault:kv/" + s.prefix + "/team-a/db#password|namespace root>",
	} {
		s.refused(t, s.ask(t, files{"app/a.yaml": secret(text)}), "E_FORBIDDEN", "E_REF_SYNTAX", "E_MODIFIER")
	}
	s.refused(t, s.ask(t, files{"app/a.yaml": secret(s.reference())}, parameter(t, "X-Vault-Namespace", "root")), "E_PARAMETER")
	for _, one := range s.vault.Requests() {
		if one.Namespace != "" {
			t.Errorf("%s has the namespace %q", one.Line, one.Namespace)
		}
	}
}

// Vault's client puts the whole body of a failure into its error.
func TestV7FailuresOfVaultQuoteNothing(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for what, answer := range map[string]struct {
		status int
		text   string
	}{
		"an error page":  {http.StatusInternalServerError, "<html>" + s.allowed + "</html>"},
		"garbage":        {http.StatusOK, "{" + s.allowed},
		"a refusal":      {http.StatusForbidden, `{"errors":["` + s.allowed + `"]}`},
		"warnings":       {http.StatusNotFound, `{"warnings":["` + s.allowed + `"],"errors":[]}`},
		"another shape":  {http.StatusOK, `{"data":{"data":["` + s.allowed + `"]}}`},
		"an empty body":  {http.StatusOK, ""},
		"a large body":   {http.StatusOK, `{"data":{"data":{"password":"` + strings.Repeat(s.allowed, 1<<17) + `"},"metadata":{"version":1}}}`},
		"half of a body": {http.StatusOK, `{"data":{"data":{"password":"` + s.allowed},
	} {
		s.body(answer.status, answer.text)
		a := s.ask(t, files{"app/a.yaml": secret(s.reference())})
		s.vault.Set(nil)
		if a.code() != "E_VAULT" && a.code() != "E_SECRET" && a.code() != "E_LIMIT" || !stable.MatchString(a.text()) {
			t.Errorf("%s gives %.200q", what, a.text())
		}
	}
	s.recovered(t)
}

// Whoever may not read a secret does not learn whether there is one; whoever may
// does not learn why it is not there.
func TestV8OneTextForAbsence(t *testing.T) {
	row(t)
	s := start(t, settings{})
	say := func(path, key string) string {
		a := s.ask(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + path + "#" + key + ">")})
		if a.err == nil {
			t.Fatalf("%s#%s is sealed", path, key)
		}
		return strings.ReplaceAll(a.text(), path, "PATH")
	}
	s.vault.Forget()
	if there, missing := say("/core/db", "password"), say("/core/no", "password"); there != missing || s.asked() > 0 {
		t.Errorf("another tenant's secret and none differ, Vault was asked %d times:\n%s\n%s", s.asked(), there, missing)
	}
	if missing, key := say("/team-a/no", "password"), say("/team-a/db", "nokey"); missing != key {
		t.Errorf("a missing path and a missing key differ:\n%s\n%s", missing, key)
	}
	s.unharmed(t)
}

func TestV9OddValuesAreNeverEmpty(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.server.Put(t, s.prefix+"/team-a/odd", `{"null":null,"number":12345678901234567,"object":{"a":1},"list":[1],"true":true,"empty":""}`)
	s.server.Delete(t, s.prefix+"/team-a/deleted", `{"k":"v"}`)
	s.server.Destroy(t, s.prefix+"/team-a/destroyed", `{"k":"v"}`)
	for reference, code := range map[string]string{
		"odd#null": "E_SECRET", "odd#object": "E_SECRET E_MODIFIER", "odd#list": "E_SECRET E_MODIFIER", "deleted#k": "E_SECRET", "destroyed#k": "E_SECRET", "odd#none": "E_SECRET", "none#k": "E_SECRET",
	} {
		s.refused(t, s.ask(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/" + reference + ">")}), strings.Fields(code)...)
	}
	for _, reference := range []string{"odd#number", "odd#true"} {
		s.rendered(t, s.ask(t, files{"app/a.yaml": secret("<vault:kv/" + s.prefix + "/team-a/" + reference + ">")}))
	}
}

func TestV10ReadsAreBounded(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for i := range 3 {
		s.server.Put(t, fmt.Sprintf("%s/team-a/p%d", s.prefix, i), `{"k":"`+s.allowed+`"}`)
	}
	many := "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps}\nstringData:\n"
	distinct := many
	for i := range 1500 {
		many += fmt.Sprintf("  k%d: <vault:kv/%s/team-a/p%d#k>\n", i, s.prefix, i%3)
	}
	for i := range 201 {
		distinct += fmt.Sprintf("  k%d: <vault:kv/%s/team-a/x%d#k>\n", i, s.prefix, i)
	}
	s.vault.Forget()
	s.rendered(t, s.ask(t, files{"app/a.yaml": many}))
	if asked := s.vault.Count("GET /v1/kv/data/" + s.prefix + "/team-a/"); asked != 3 {
		t.Errorf("1,500 references to 3 paths are %d reads", asked)
	}
	s.vault.Forget()
	s.refused(t, s.ask(t, files{"app/a.yaml": distinct}), "E_LIMIT")
	if asked := s.vault.Count("GET /v1/kv/data/" + s.prefix + "/team-a/x"); asked > 0 {
		t.Errorf("a request with too many paths was %d reads", asked)
	}
}

func TestV10AVaultThatHangs(t *testing.T) {
	row(t)
	s := start(t, settings{render: "{timeout: 6s}"})
	s.vault.Delay(time.Minute)
	a := s.ask(t, files{"app/a.yaml": secret(s.reference())})
	s.vault.Delay(0)
	t.Logf("a Vault that hangs: %s after %s", a.code(), a.took.Round(10*time.Millisecond))
	if a.code() != "E_VAULT" && a.code() != "E_TIMEOUT" || a.took > 12*time.Second {
		t.Errorf("a Vault that hangs gives %.200q after %s", a.text(), a.took)
	}
	s.recovered(t)
}

// No worker and no command line holds a token, and nothing shows the memory.
func TestV11TokensStayInTheProcess(t *testing.T) {
	row(t)
	s := start(t, settings{})
	s.rendered(t, s.ask(t, files{"app/a.yaml": secret(s.reference())}))
	for _, process := range append(s.workers(t), s.command.Process.Pid) {
		for _, file := range []string{"environ", "cmdline"} {
			content, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", process, file))
			if err != nil {
				continue // the worker has ended, or nobody may look
			}
			if process != s.command.Process.Pid {
				s.watch.See(file, content)
			}
			if strings.Contains(string(content), "hvs.") {
				t.Errorf("%s of process %d holds a token", file, process)
			}
		}
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/vars"} {
		if code, _, err := s.get(path); err != nil || code != http.StatusNotFound {
			t.Errorf("%s gives %d, %v", path, code, err)
		}
	}
}
