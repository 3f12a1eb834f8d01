package notation_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/internal/signtest"
	"github.com/argocd-seal/argocd-seal-plugin/policy/supplychain/notation"
)

func TestTrustThatCannotWork(t *testing.T) {
	ca := signtest.NewCA(t, "authority")
	leaf, _ := ca.Issue(t, "leaf", nil)
	for text, change := range map[string]func(*notation.Trust){
		"has no name":                          func(t *notation.Trust) { t.Name = "" },
		"nothing could be trusted":             func(t *notation.Trust) { t.Certificates = nil },
		"neither an authority's":               func(t *notation.Trust) { t.Certificates = append(t.Certificates, leaf[0]) },
		"not the root of a timestamping":       func(t *notation.Trust) { t.TimestampCertificates = leaf[:1] },
		"nobody could sign":                    func(t *notation.Trust) { t.Identities = nil },
		`"did:web:x" does not begin`:           func(t *notation.Trust) { t.Identities = []string{identity, "did:web:x"} },
		`"" does not begin`:                    func(t *notation.Trust) { t.Identities = []string{""} },
		`"x509.subject:" is no subject`:        func(t *notation.Trust) { t.Identities = []string{"x509.subject:"} },
		`"x509.subject: CN=x" is no subject`:   func(t *notation.Trust) { t.Identities = []string{"x509.subject: CN=x"} },
		`"x509.subject: C=US, C=US" is no`:     func(t *notation.Trust) { t.Identities = []string{"x509.subject: C=US, C=US"} },
		"two of them overlap, or * is":         func(t *notation.Trust) { t.Identities = append(t.Identities, identity+", OU=build") },
		"two of them overlap, or * is not":     func(t *notation.Trust) { t.Identities = append(t.Identities, "*") },
		"two of them overlap, or * is not alo": func(t *notation.Trust) { t.Identities = append(t.Identities, identity) },
	} {
		trust := trusting(ca.Certificate)
		change(&trust)
		if _, err := notation.New(trust); fault.CodeOf(err) != fault.Config || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want E_CONFIG with %q", err, text)
		}
	}
	trust := trusting(ca.Certificate)
	trust.Identities = append(trust.Identities, "x509.subject: C=US, ST=WA, O=other")
	trust.Name, trust.TimestampCertificates = "the platform's builds", []*x509.Certificate{ca.Certificate}
	verifier(t, trust)
}

func TestReadCertificates(t *testing.T) {
	one, two := signtest.NewCA(t, "one").Certificate, signtest.NewCA(t, "two").Certificate
	commented := append([]byte("# the authority\n"), signtest.PEM(one, two)...)
	found, err := notation.ReadCertificates(append(commented, " \n"...))
	if err != nil || len(found) != 2 || !found[0].Equal(one) || !found[1].Equal(two) {
		t.Errorf("got %d certificates, %v", len(found), err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})
	for text, content := range map[string][]byte{
		"has no certificate": nil, "text behind certificate 0": []byte("certificate"), "a PRIVATE KEY block": append(signtest.PEM(one), key...),
		"text behind certificate 1":      append(signtest.PEM(one), "-----BEGIN CERTIFICATE-----\nxx"...),
		"certificate 1 of the file":      pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: one.Raw[1:]}),
		"more than 1048576 bytes":        bytes.Repeat([]byte("\n"), 1<<20+1),
		"certificate 2 of the file can":  append(signtest.PEM(one), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"})...),
		"the file has no certificate; f": []byte(" \n"),
	} {
		if found, err := notation.ReadCertificates(content); fault.CodeOf(err) != fault.Config || !strings.Contains(err.Error(), text) || found != nil {
			t.Errorf("got %v and %v, want E_CONFIG with %q", found, err, text)
		}
	}
}
