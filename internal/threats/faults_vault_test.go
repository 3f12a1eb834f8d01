package threats

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
)

// TestFaultsOfVault has Vault, or what is between, fail in each way.
func TestFaultsOfVault(t *testing.T) {
	s := start(t, settings{render: fmt.Sprintf("{timeout: %s}", faultTimeout)})
	within, refused := faultTimeout+20*time.Second, []string{"E_VAULT", "E_TIMEOUT"}
	spoilt := func(name string, mangle vaulttest.Mangle, codes ...string) fault {
		return fault{name, codes, within, func(t *testing.T, s *sidecar) answer {
			s.vault.Set(func(w http.ResponseWriter, r *http.Request, real []byte) bool {
				return strings.Contains(r.URL.Path, "/data/") && mangle(w, r, real)
			})
			defer s.vault.Set(nil)
			return s.sealing(t)
		}}
	}
	s.meet(t, []fault{
		{"Vault is sealed", refused, within, func(t *testing.T, s *sidecar) answer {
			s.server.Seal(t)
			defer s.server.Unseal(t)
			return s.sealing(t)
		}},
		{"Vault hangs", refused, within, func(t *testing.T, s *sidecar) answer {
			s.server.Pause(t)
			defer s.server.Resume(t)
			return s.sealing(t)
		}},
		{"each answer of Vault takes a second", []string{renderedCode}, within, func(t *testing.T, s *sidecar) answer {
			s.vault.Delay(time.Second)
			defer s.vault.Delay(0)
			return s.sealing(t)
		}},
		{"each answer of Vault takes 15 s", refused, within, func(t *testing.T, s *sidecar) answer {
			s.vault.Delay(15 * time.Second)
			defer s.vault.Delay(0)
			return s.sealing(t)
		}},
		spoilt("a standby without an active node", func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"errors":["local node not active but active cluster node not found"]}`))
			return true
		}, refused...),
		spoilt("a standby that names the active node", func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			http.Redirect(w, r, "http://127.0.0.1:1"+r.URL.Path, http.StatusTemporaryRedirect)
			return true
		}, refused...),
		spoilt("connections are reset", func(w http.ResponseWriter, _ *http.Request, _ []byte) bool { return cutOff(w, "") }, refused...),
		spoilt("half of a body", func(w http.ResponseWriter, _ *http.Request, real []byte) bool {
			return cutOff(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(real), real[:len(real)/2]))
		}, refused...),
		spoilt("half of a body, of unknown length", func(w http.ResponseWriter, _ *http.Request, real []byte) bool {
			return cutOff(w, "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"+string(real[:len(real)/2]))
		}, refused...),
		spoilt("a body that takes 3 s for each byte", func(w http.ResponseWriter, r *http.Request, real []byte) bool {
			for _, one := range real {
				_, err := w.Write([]byte{one})
				if err != nil || http.NewResponseController(w).Flush() != nil || r.Context().Err() != nil {
					return true
				}
				time.Sleep(3 * time.Second)
			}
			return true
		}, refused...),
		{"the token is revoked before the read", []string{renderedCode}, within, func(t *testing.T, s *sidecar) answer {
			s.vault.Forget()
			s.sealing(t)
			s.revoke(t, s.lastToken())
			return s.sealing(t)
		}},
		{"the token is revoked in the middle of a request", []string{renderedCode}, within, revokedMeanwhile},
	})
}

// cutOff writes something and resets the connection.
func cutOff(w http.ResponseWriter, text string) bool {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return false
	}
	_, _ = conn.Write([]byte(text))
	if tcp, ok := conn.(*net.TCPConn); ok && text == "" {
		_ = tcp.SetLinger(0)
	}
	return conn.Close() == nil
}

func (s *sidecar) revoke(t testing.TB, token string) {
	t.Helper()
	if token == "" {
		t.Fatal("there was no token")
	}
	must(t, s.server.Root.Auth().Token().RevokeTree(token))
}

// lastToken is that of the last request.
func (s *sidecar) lastToken() (token string) {
	for _, one := range s.vault.Requests() {
		if one.Token != "" {
			token = one.Token
		}
	}
	return token
}

// revokedMeanwhile revokes the token between two reads of one request: the answer
// to the first read is on its way, and any other read waits for it.
func revokedMeanwhile(t *testing.T, s *sidecar) answer {
	s.server.Put(t, s.prefix+"/team-a/second", `{"k":"`+s.allowed+`"}`)
	var reads atomic.Int32
	s.vault.Set(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if strings.Contains(r.URL.Path, "/data/") && reads.Add(1) == 2 {
			_ = s.server.Root.Auth().Token().RevokeTree(r.Header.Get("X-Vault-Token"))
			w.WriteHeader(http.StatusForbidden) // as Vault says it after that
			_, _ = w.Write([]byte(`{"errors":["permission denied"]}`))
			return true
		}
		return false
	})
	defer s.vault.Set(nil)
	second := strings.Replace(secret("<vault:kv/"+s.prefix+"/team-a/second#k>"), "name: db", "name: second", 1)
	a := s.ask(t, files{"app/a.yaml": secret(s.reference()) + "---\n" + second})
	if reads.Load() < 3 {
		t.Errorf("there were %d reads", reads.Load())
	}
	return a
}

// TestFaultsOfTokens has tokens end while they are needed.
func TestFaultsOfTokens(t *testing.T) {
	s := prepare(t, settings{render: fmt.Sprintf("{timeout: %s}", faultTimeout)})
	user := regexp.MustCompile(`username: "([^"]+)"`).FindStringSubmatch(s.read(t, "plugin.yaml"))[1]
	s.server.Write(t, "auth/userpass/users/"+user, map[string]any{"token_policies": user, "token_ttl": "2s", "token_max_ttl": "2s"})
	s.run(t, settings{})
	s.calm = s.harmless(t)
	s.meet(t, []fault{
		{"the token expires between two requests", []string{renderedCode}, faultTimeout + 10*time.Second, func(t *testing.T, s *sidecar) answer {
			s.sealing(t)
			time.Sleep(3 * time.Second)
			return s.sealing(t)
		}},
		{"the token expires while a read waits", []string{renderedCode, "E_VAULT"}, faultTimeout + 10*time.Second, func(t *testing.T, s *sidecar) answer {
			s.sealing(t)
			s.vault.Delay(2500 * time.Millisecond)
			defer s.vault.Delay(0)
			return s.sealing(t)
		}},
	})
}

// TestFaultsOfCertificates has Vault change its certificate while it is used.
func TestFaultsOfCertificates(t *testing.T) {
	s := prepare(t, settings{render: fmt.Sprintf("{timeout: %s}", faultTimeout)})
	ours, theirs := newIssuer(t), newIssuer(t)
	var now atomic.Pointer[tls.Certificate]
	now.Store(ours.issue(t, time.Hour))
	before := s.vault.URL
	s.vault = vaulttest.BeforeTLS(t, s.server, &tls.Config{
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{*now.Load()}}, nil //nolint:gosec // the versions are the default's
		},
	})
	authority := s.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ours.certificate.Raw})), 0o600)
	s.write("plugin.yaml", strings.Replace(s.read(t, "plugin.yaml"), fmt.Sprintf("address: %q", before), fmt.Sprintf("address: %q\n  caFile: %q", s.vault.URL, authority), 1), 0o600)
	s.run(t, settings{})
	s.calm = s.harmless(t)
	change := func(name string, to *tls.Certificate, codes ...string) fault {
		return fault{name, codes, faultTimeout + 20*time.Second, func(t *testing.T, s *sidecar) answer {
			good := now.Swap(to)
			s.vault.CloseClientConnections()
			a := s.sealing(t)
			if a.err != nil {
				now.Store(good)
			}
			return a
		}}
	}
	s.meet(t, []fault{
		change("Vault has a new certificate", ours.issue(t, time.Hour), renderedCode),
		change("Vault has a certificate of another authority", theirs.issue(t, time.Hour), "E_VAULT", "E_TIMEOUT"),
		change("Vault has a certificate that has expired", ours.issue(t, -time.Minute), "E_VAULT", "E_TIMEOUT"),
	})
}

// issuer signs certificates of Vault.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return &issuer{certificate, key}
}

// issue makes a certificate for loopback that ends at a time from now.
func (i *issuer) issue(t testing.TB, ends time.Duration) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(ends),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, i.certificate, key.Public(), i.key)
	must(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
