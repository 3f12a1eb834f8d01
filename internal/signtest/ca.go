// Package signtest signs images for tests, with authorities that live as long as
// a test. Only tests use it.
package signtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"
)

// CA is a throw-away authority.
type CA struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// NewCA makes an authority whose subject has a common name. It is valid for a day,
// and began an hour ago.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	template := template(t, name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	template.ExtKeyUsage = nil
	key := newKey(t)
	return &CA{Certificate: create(t, template, template, key, key), Key: key}
}

// PEM is the authority's certificate as a file has it.
func (ca *CA) PEM() []byte { return PEM(ca.Certificate) }

// PEM returns certificates as a file has them.
func PEM(certificates ...*x509.Certificate) []byte {
	var file []byte
	for _, certificate := range certificates {
		file = append(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	return file
}

// Issue makes a certificate to sign code with, and its key. The chain ends with
// the authority. A function may change the certificate before it is signed; nil
// leaves it as it is.
func (ca *CA) Issue(t testing.TB, name string, change func(*x509.Certificate)) ([]*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	template := template(t, name)
	if change != nil {
		change(template)
	}
	key := newKey(t)
	return []*x509.Certificate{create(t, template, ca.Certificate, key, ca.Key), ca.Certificate}, key
}

// SelfSigned makes a certificate to sign code with that nobody else vouches for.
func SelfSigned(t testing.TB, name string, change func(*x509.Certificate)) ([]*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	template := template(t, name)
	if change != nil {
		change(template)
	}
	key := newKey(t)
	return []*x509.Certificate{create(t, template, template, key, key)}, key
}

// Subject is the subject of the certificates of a name.
func Subject(name string) pkix.Name {
	return pkix.Name{Country: []string{"US"}, Province: []string{"WA"}, Organization: []string{"example"}, CommonName: name}
}

func template(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		t.Fatal(err)
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: Subject(name), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func create(t testing.TB, template, parent *x509.Certificate, key, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
