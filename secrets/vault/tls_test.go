package vault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/vaulttest"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/vault"
)

// authority signs certificates for one test.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := certificateTemplate(1)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(certificate)
	return &authority{certificate: certificate, key: key, pool: pool, serial: 1}
}

func certificateTemplate(serial int64) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"vault.example.com"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
}

// issue writes a certificate with the next serial number, and its key.
func (a *authority) issue(t *testing.T, certFile, keyFile string) {
	t.Helper()
	a.serial++
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, certificateTemplate(a.serial), a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, certFile, "CERTIFICATE", der)
	writePEM(t, keyFile, "PRIVATE KEY", private)
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) pair(t *testing.T) tls.Certificate {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.issue(t, cert, key)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// file writes the authority's own certificate.
func (a *authority) file(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, path, "CERTIFICATE", a.certificate.Raw)
	return path
}

func TestRealTLS(t *testing.T) {
	server := vaulttest.Start(t)
	server.Put(t, "demo/tls", `{"k":"`+held+`"}`)
	role := prepare(t, server, "1h")
	own, other := newAuthority(t), newAuthority(t)
	plain := vaulttest.BeforeTLS(t, server, &tls.Config{Certificates: []tls.Certificate{own.pair(t)}})
	mutual := vaulttest.BeforeTLS(t, server, &tls.Config{
		Certificates: []tls.Certificate{own.pair(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: own.pool,
	})
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	own.issue(t, cert, key)
	strangeCert, strangeKey := filepath.Join(dir, "strange.pem"), filepath.Join(dir, "strange-key.pem")
	other.issue(t, strangeCert, strangeKey)
	for _, test := range []struct {
		name    string
		gateway *vaulttest.Gateway
		config  vault.Config
		ok      bool
	}{
		{"pinned authority", plain, vault.Config{CACert: own.file(t)}, true},
		{"another authority", plain, vault.Config{CACert: other.file(t)}, false},
		{"the system's authorities", plain, vault.Config{}, false},
		{"another name in the certificate", plain, vault.Config{CACert: own.file(t), ServerName: "vault.example.com"}, true},
		{"a name that is not in the certificate", plain, vault.Config{CACert: own.file(t), ServerName: "vault.example.org"}, false},
		{"mutual with a certificate", mutual, vault.Config{CACert: own.file(t), ClientCert: cert, ClientKey: key}, true},
		{"mutual without a certificate", mutual, vault.Config{CACert: own.file(t)}, false},
		{"mutual with another's certificate", mutual, vault.Config{CACert: own.file(t), ClientCert: strangeCert, ClientKey: strangeKey}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.gateway.Forget()
			test.config.Address, test.config.Roles = test.gateway.URL, []vault.Role{role}
			client := newClientOf(t, test.config)
			ctx, cancel := deadlineOf(t, 20*time.Second)
			if !test.ok {
				cancel()
				ctx, cancel = deadlineOf(t, 500*time.Millisecond)
			}
			defer cancel()
			_, err := client.Read(ctx, queryOf("demo/tls"))
			switch {
			case test.ok && err != nil:
				t.Error(err)
			case !test.ok && (fault.CodeOf(err) != fault.Vault || len(test.gateway.Requests()) != 0):
				t.Errorf("got %v after %d requests, want E_VAULT after none", err, len(test.gateway.Requests()))
			}
		})
	}
}

// TestRealClientCertificateIsReadAnew replaces the client's certificate on disk,
// as cert-manager does.
func TestRealClientCertificateIsReadAnew(t *testing.T) {
	server := vaulttest.Start(t)
	server.Put(t, "demo/tls", `{"k":"`+held+`"}`)
	own := newAuthority(t)
	var (
		mu      sync.Mutex
		serials []int64
	)
	gateway := vaulttest.BeforeTLS(t, server, &tls.Config{
		Certificates: []tls.Certificate{own.pair(t)}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: own.pool,
		VerifyConnection: func(state tls.ConnectionState) error {
			mu.Lock()
			defer mu.Unlock()
			serials = append(serials, state.PeerCertificates[0].SerialNumber.Int64())
			return nil
		},
	})
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	own.issue(t, cert, key)
	client := newClientOf(t, vault.Config{
		Address: gateway.URL, CACert: own.file(t), ClientCert: cert, ClientKey: key, Roles: []vault.Role{prepare(t, server, "1h")},
	})
	if _, err := client.Read(deadline(t), queryOf("demo/tls")); err != nil {
		t.Fatal(err)
	}
	own.issue(t, cert, key)
	gateway.CloseClientConnections()
	if _, err := client.Read(deadline(t), queryOf("demo/tls")); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if first, last := serials[0], serials[len(serials)-1]; last != first+1 {
		t.Errorf("certificates %v, want the old one and then the new one", serials)
	}
}

// TestRealNamespace: Vault Enterprise alone has namespaces, so it is the
// gateway that sees which one is asked for.
func TestRealNamespace(t *testing.T) {
	server := vaulttest.Start(t)
	server.Put(t, "demo/ns", `{"k":"`+held+`"}`)
	for _, test := range []struct{ name, global, role, want string }{
		{"none", "", "", ""},
		{"the configuration's", "team", "", "team"},
		{"the role's", "", "team/a", "team/a"},
		{"the role's wins", "team", "other", "other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("VAULT_NAMESPACE", "evil")
			gateway := vaulttest.Before(t, server)
			role := prepare(t, server, "1h")
			role.Namespace = test.role
			client := newClientOf(t, vault.Config{Address: gateway.URL, Namespace: test.global, Roles: []vault.Role{role}})
			if _, err := client.Locate(deadline(t), "reader", "kv/demo/ns"); err != nil {
				t.Fatal(err)
			}
			if _, err := client.Read(deadline(t), queryOf("demo/ns")); err != nil {
				t.Fatal(err)
			}
			if err := client.Close(deadline(t)); err != nil {
				t.Fatal(err)
			}
			if len(gateway.Requests()) < 4 {
				t.Errorf("%v: a login, a look-up, a read and a revocation are missing", gateway.Requests())
			}
			for _, request := range gateway.Requests() {
				if request.Namespace != test.want {
					t.Errorf("%s asks namespace %q, want %q", request.Line, request.Namespace, test.want)
				}
			}
		})
	}
}
