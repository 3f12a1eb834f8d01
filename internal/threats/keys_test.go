package threats

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"testing"
)

// privateKeys are those of the certificate that the tests seal with.
func privateKeys(t testing.TB) map[string]*rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(testdata(t, "key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	return map[string]*rsa.PrivateKey{"test": key.(*rsa.PrivateKey)}
}
