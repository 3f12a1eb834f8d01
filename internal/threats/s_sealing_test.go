package threats

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// The scheme's nonce is always zero, so that a session key must never come back
// for another text.
func TestS1NoSessionKeyTwice(t *testing.T) {
	row(t)
	s := start(t, settings{})
	seen := map[string]string{}
	for i := range 12 {
		held := fmt.Sprintf("value %d", i/2) // each twice
		s.server.Put(t, s.prefix+"/team-a/db", `{"password":"`+held+`"}`)
		for _, name := range []string{"db", "other"} {
			out := s.rendered(t, s.ask(t, files{"app/a.yaml": strings.Replace(secret(s.reference()), "name: db", "name: "+name, 1)}))
			key := sessionKey(t, sealedOf(t, out), "apps/"+name)
			if of, used := seen[key]; used && of != name+held {
				t.Errorf("the session key of %s is that of %s", name+held, of)
			}
			seen[key] = name + held
		}
	}
	if len(seen) != 12 {
		t.Errorf("6 values under 2 names have %d session keys", len(seen))
	}
}

// sessionKey unwraps the key of a ciphertext: two bytes of length, the wrapped
// key, and what it encrypts.
func sessionKey(t testing.TB, sealed, label string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(sealed)
	must(t, err)
	length := int(raw[0])<<8 | int(raw[1])
	key, err := rsa.DecryptOAEP(sha256.New(), nil, privateKeys(t)["test"], raw[2:2+length], []byte(label))
	must(t, err)
	return hex.EncodeToString(key)
}

func TestS2SaltIsSecretAndRandom(t *testing.T) {
	row(t)
	for what, spoil := range map[string]func(s *sidecar){
		"readable by others": func(s *sidecar) { must(t, os.Chmod(s.file("salt"), 0o644)) },
		"short":              func(s *sidecar) { must(t, os.Remove(s.file("salt"))); s.write("salt", string(randomBytes(16)), 0o400) },
		"zeros":              func(s *sidecar) { must(t, os.Remove(s.file("salt"))); s.write("salt", string(make([]byte, 32)), 0o400) },
		"gone":               func(s *sidecar) { must(t, os.Remove(s.file("salt"))) },
		"a text":             func(s *sidecar) { must(t, os.Remove(s.file("salt"))); s.write("salt", strings.Repeat("a", 32), 0o400) },
	} {
		t.Run(what, func(t *testing.T) {
			s := prepare(t, settings{})
			spoil(s)
			s.run(t, settings{broken: true})
			if s.command.ProcessState.ExitCode() == 0 || !strings.Contains(s.log.String(), "E_SEAL") {
				t.Errorf("the sidecar says %s", s.log)
			}
		})
	}
	// That guesses need it is TestO7.
}

func TestS3EqualValuesLookDifferent(t *testing.T) {
	row(t)
	var manifest strings.Builder
	for _, name := range []string{"a", "b", "c"} {
		fmt.Fprintf(&manifest, "---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: apps}\nstringData: {k: REF, l: REF, m: REF}\n", name)
	}
	for _, scope := range []string{"strict", "namespace-wide", "cluster-wide"} {
		t.Run(scope, func(t *testing.T) {
			s := start(t, settings{injection: ""})
			s.stopAndScope(t, scope)
			out := s.rendered(t, s.ask(t, files{"app/a.yaml": strings.ReplaceAll(manifest.String(), "REF", s.reference())}))
			seen := map[string]bool{}
			for _, part := range strings.Split(out, `"Ag`)[1:] {
				seen[part[:40]] = true
			}
			for _, part := range strings.Split(out, `"AQ`)[1:] {
				seen[part[:40]] = true
			}
			if len(seen) != 9 {
				t.Errorf("9 equal values have %d beginnings", len(seen))
			}
		})
	}
}

// stopAndScope starts the sidecar anew with another scope.
func (s *sidecar) stopAndScope(t testing.TB, scope string) {
	t.Helper()
	s.end()
	text := s.read(t, "plugin.yaml")
	s.write("plugin.yaml", strings.Replace(text, "sealedSecret: {", "sealedSecret: {scope: "+scope+", ", 1), 0o600)
	s.run(t, settings{})
	s.calm = s.harmless(t)
}

func TestS4ScopeOfTheRepositoryIsDropped(t *testing.T) {
	row(t)
	s := start(t, settings{})
	for _, annotation := range []string{"cluster-wide", "namespace-wide"} {
		manifest := strings.Replace(secret(s.reference()), "namespace: apps", "namespace: apps, annotations: {sealedsecrets.bitnami.com/"+annotation+": 'true'}", 1)
		out := s.rendered(t, s.ask(t, files{"app/a.yaml": manifest}))
		if strings.Contains(out, annotation) {
			t.Errorf("the annotation is emitted: %.300s", out)
		}
		for _, label := range []string{"", "apps"} {
			if _, err := tryUnseal(t, out, label); err == nil {
				t.Errorf("%s: the label %q unseals it", annotation, label)
			}
		}
		unseal(t, out, "apps/db")
	}
	if len(s.log.lines("cluster-wide")) == 0 {
		t.Error("nobody is told of the annotation")
	}
}

// foreignCertificate is one that nobody pinned.
func foreignCertificate(t testing.TB, bits int, until time.Time) (content []byte, fingerprint string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, max(bits, 1024))
	must(t, err)
	var public, private any = key.Public(), key
	if bits == 0 {
		curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		public, private = curve.Public(), curve
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "seal"}, NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	must(t, err)
	sum := sha256.Sum256(der)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), hex.EncodeToString(sum[:])
}

func TestS5CertificateIsThePlatforms(t *testing.T) {
	row(t)
	year := time.Now().AddDate(1, 0, 0)
	for what, test := range map[string]struct {
		bits   int
		until  time.Time
		pinned bool
	}{
		"another one": {2048, year, false}, "expired": {2048, time.Now().Add(-time.Hour), true}, "short": {1024, year, true}, "no RSA": {0, year, true},
	} {
		t.Run(what, func(t *testing.T) {
			s := prepare(t, settings{})
			content, fingerprint := foreignCertificate(t, test.bits, test.until)
			path, pinned := sealingCertificate(t)
			text := strings.Replace(s.read(t, "plugin.yaml"), path, s.write("cert.pem", string(content), 0o600), 1)
			if test.pinned {
				text = strings.Replace(text, pinned, fingerprint, 1)
			}
			s.write("plugin.yaml", text, 0o600)
			s.run(t, settings{broken: true})
			if !strings.Contains(s.log.String(), "E_SEAL") {
				t.Errorf("the sidecar says %s", s.log)
			}
		})
	}
	// What the repository or its Application brings changes nothing.
	s := start(t, settings{})
	content, _ := foreignCertificate(t, 2048, year)
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": secret(s.reference()), "app/cert.pem": string(content), "cert.pem": string(content)},
		"ARGOCD_ENV_CERT="+base64.StdEncoding.EncodeToString(content), "ARGOCD_ENV_SEALED_SECRETS_CERT=cert.pem"))
	unseal(t, out, "apps/db")
}

// The controller's own faults cannot be mended here: the guide names the release
// that is needed.
func TestS6GuideNamesTheController(t *testing.T) {
	row(t)
	var said bool
	for _, page := range []string{"install.md", "sealing.md", "security.md"} {
		content, err := os.ReadFile("../../docs/" + page)
		must(t, err)
		said = said || bytes.Contains(content, []byte("0.36.0")) && bytes.Contains(content, []byte("CVE-2026-22728"))
	}
	if !said {
		t.Error("no guide says that sealed-secrets 0.36.0 is needed, for CVE-2026-22728")
	}
}

func TestS7SealedForTheNamespaceThatItGoesTo(t *testing.T) {
	row(t)
	s := start(t, settings{})
	without := strings.Replace(secret(s.reference()), ", namespace: apps", "", 1)
	unseal(t, s.rendered(t, s.ask(t, files{"app/a.yaml": without})), "apps/db")
	for _, manifest := range []string{
		strings.Replace(secret(s.reference()), "namespace: apps", "namespace: other", 1),
		"apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(strings.Replace(secret(s.reference()), "namespace: apps", "namespace: other", 1)), "\n", "\n  ") + "\n",
	} {
		s.refused(t, s.ask(t, files{"app/a.yaml": manifest}), "E_NAMESPACE", "E_FORBIDDEN")
	}
	s.refused(t, s.ask(t, files{"app/a.yaml": without}, "ARGOCD_APP_NAMESPACE="), "E_NAMESPACE", "E_FORBIDDEN")
	s.refused(t, s.ask(t, files{"app/a.yaml": strings.Replace(secret(s.reference()), "name: db", "generateName: db-", 1)}), "E_OBJECT", "E_INJECTION")
}

// The template of a SealedSecret is in clear.
func TestS8TemplateHoldsNothingOfTheSecret(t *testing.T) {
	row(t)
	s := start(t, settings{})
	manifest := "apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: apps, annotations: {a: \"" + s.reference() + "\"}}\nstringData: {password: \"" + s.reference() + "\"}\n"
	s.refused(t, s.ask(t, files{"app/a.yaml": manifest}), "E_REF_POSITION")
	out := s.rendered(t, s.ask(t, files{"app/a.yaml": secret(s.reference())}))
	sum := sha256.Sum256([]byte(s.allowed))
	if strings.Contains(out, hex.EncodeToString(sum[:])) || strings.Contains(out, base64.StdEncoding.EncodeToString(sum[:])) {
		t.Error("a hash of the value is emitted")
	}
}

// Go promises only for now that OAEP reads its randomness from where it is told:
// another Go would show here, as other bytes.
func TestS9SealingIsTheSameEverywhere(t *testing.T) {
	row(t)
	s := start(t, settings{})
	content := files{"app/a.yaml": secret(s.reference())}
	first := s.rendered(t, s.ask(t, content))
	s.end()
	s.run(t, settings{env: []string{"GOMAXPROCS=1"}})
	if again := s.rendered(t, s.ask(t, content)); again != first {
		t.Error("another process seals to other bytes")
	}
	// Where only approved algorithms are allowed, sealing cannot be deterministic.
	fips := prepare(t, settings{})
	fips.run(t, settings{env: []string{"GODEBUG=fips140=only"}, broken: true})
	if fips.command.ProcessState.ExitCode() == 0 || !strings.Contains(fips.log.String(), "E_") {
		t.Errorf("with fips140=only the sidecar says %s", fips.log)
	}
}

func TestS10NothingSealedIsKeptInClear(t *testing.T) {
	row(t)
	s := start(t, settings{})
	content := files{"app/a.yaml": secret(s.reference())}
	first := s.rendered(t, s.ask(t, content))
	if s.rendered(t, s.ask(t, content)) != first {
		t.Error("the same request gives something else")
	}
	// A value that changes is never answered from memory.
	s.server.Put(t, s.prefix+"/team-a/db", `{"password":"changed"}`)
	if unseal(t, s.rendered(t, s.ask(t, content)), "apps/db")["password"] != "changed" {
		t.Error("the former value is sealed")
	}
	s.body(http.StatusNotFound, `{"errors":[]}`)
	a := s.ask(t, content)
	s.vault.Set(nil)
	if a.code() != "E_SECRET" {
		t.Errorf("a secret that is gone gives %.200q", a.text())
	}
	s.recovered(t)
}
