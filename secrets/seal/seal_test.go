package seal_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/seal"
	"github.com/argocd-seal/argocd-seal-plugin/secrets/value"
)

// golden pins what is sealed for fixed inputs: crypto/rsa promises nothing
// about how OAEP reads its random source, and a change there would make every
// application differ from its cluster. Run with a new Go release first.
var golden = []struct {
	scope                seal.Scope
	namespace, name, key string
	plaintext            string
	sum                  string // SHA-256 of the base64 text
}{
	{seal.Strict, "prod", "db", "password", "s3cr3t", "6b01a14aba86b8797ae9876fe568fcee2b3744a0605f139c26adccdc30bfb9d4"},
	{seal.NamespaceWide, "prod", "db", "password", "s3cr3t", "91886c09a3793ab58ae1598de08333566bf25c1545517e862ba0660e768817eb"},
	{seal.ClusterWide, "prod", "db", "password", "s3cr3t", "b983861fcdefb38ddb1ad6f52b3a691fc0855c2dc42cbb3739089e8d38b540e4"},
	{seal.Strict, "prod", "db", "empty", "", "32e743acf4d014032e8f5373c9a2e292ceba88e0b0b44f8a53a1842c901c9d3c"},
	{seal.Strict, "prod", "db", "binary", "\x00\xff\n", "7e1a309ece95d605d7ec55cacd13e058e1bd889a698ccc1175239b521075ac24"},
}

func TestS9GoldenVectors(t *testing.T) {
	for i, test := range golden {
		sealed, err := newSealer(t, test.scope, testSalt(0)).Seal(test.namespace, test.name, test.key, value.FromString(test.plaintext))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(sealed))
		if got := hex.EncodeToString(sum[:]); got != test.sum {
			t.Errorf("vector %d: got %s, want %s", i, got, test.sum)
		}
	}
}

func TestUpstreamUnsealsTheBytes(t *testing.T) {
	keys := privateKeys(t)
	mebibyte := make([]byte, 1<<20)
	_, _ = rand.Read(mebibyte)
	for _, scope := range []seal.Scope{seal.Strict, seal.NamespaceWide, seal.ClusterWide} {
		sealer := newSealer(t, scope, testSalt(0))
		for _, plaintext := range [][]byte{[]byte("s3cr3t"), {}, []byte("a\x00\xff\n---\nkind: Pod"), mebibyte} {
			sealed, err := sealer.Seal("prod", "db", "k", value.New(plaintext))
			if err != nil {
				t.Fatal(err)
			}
			got, err := crypto.HybridDecrypt(rand.Reader, keys, decode(t, sealed), []byte(scope.Label("prod", "db")))
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%s: %d bytes come back as %d, %v", scope, len(plaintext), len(got), err)
			}
		}
	}
}

func TestS4StrictBindsToNamespaceAndName(t *testing.T) {
	sealed, err := newSealer(t, seal.Strict, testSalt(0)).Seal("prod", "db", "k", value.FromString("s3cr3t"))
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"", "prod", "prod/other", "dev/db"} {
		if _, err := crypto.HybridDecrypt(rand.Reader, privateKeys(t), decode(t, sealed), []byte(label)); err == nil {
			t.Errorf("the label %q unseals it", label)
		}
	}
}

// TestS1EveryInputChangesTheSessionKey decrypts the wrapped keys themselves: two
// plaintexts under one key and the zero nonce would give their XOR away.
func TestS1EveryInputChangesTheSessionKey(t *testing.T) {
	type input struct{ namespace, name, key, plaintext string }
	inputs := []input{
		{"prod", "db", "k", "value one"}, {"prod", "db", "k", "value two"}, {"prod", "db", "k2", "value one"},
		{"prod", "db2", "k", "value one"}, {"dev", "db", "k", "value one"}, {"pro", "ddb", "k", "value one"},
		{"prod", "db", "", "kvalue one"}, {"prod", "dbk", "", "value one"},
	}
	seen := map[string]string{}
	for _, scope := range []seal.Scope{seal.Strict, seal.NamespaceWide, seal.ClusterWide} {
		for saltNumber := range 2 {
			sealer := newSealer(t, scope, testSalt(saltNumber))
			for _, in := range inputs {
				sealed, err := sealer.Seal(in.namespace, in.name, in.key, value.FromString(in.plaintext))
				if err != nil {
					t.Fatal(err)
				}
				session := sessionKey(t, decode(t, sealed), scope.Label(in.namespace, in.name))
				place := fmt.Sprint(scope, saltNumber, in)
				if other, ok := seen[session]; ok {
					t.Errorf("%s and %s have one session key", place, other)
				}
				seen[session] = place
			}
		}
	}
}

// TestS1EqualInputsAlone draws from few letters, so that the parts of different
// inputs often make the same text when they are joined.
func TestS1EqualInputsAlone(t *testing.T) {
	sealer := newSealer(t, seal.Strict, testSalt(0))
	draw := func(longest int) string {
		letters := make([]byte, mathrand.IntN(longest+1))
		for i := range letters {
			letters[i] = "ab"[mathrand.IntN(2)]
		}
		return string(letters)
	}
	byInput, byOutput := map[[4]string]string{}, map[string][4]string{}
	for range 10_000 {
		input := [4]string{draw(2), draw(2), draw(2), draw(3)}
		sealed, err := sealer.Seal(input[0], input[1], input[2], value.FromString(input[3]))
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := byInput[input]; ok && before != sealed {
			t.Fatalf("%q gives two outputs", input)
		}
		if other, ok := byOutput[sealed]; ok && other != input {
			t.Fatalf("%q and %q give one output", input, other)
		}
		byInput[input], byOutput[sealed] = sealed, input
	}
}

// TestS2GuessesNeedTheSalt is the dictionary attack: everything but the salt is
// known. The same program finds the value once it has the salt.
func TestS2GuessesNeedTheSalt(t *testing.T) {
	sealed, err := newSealer(t, seal.Strict, testSalt(0)).Seal("prod", "db", "pin", value.FromString("4711"))
	if err != nil {
		t.Fatal(err)
	}
	attack := func(saltNumber int) bool {
		sealer := newSealer(t, seal.Strict, testSalt(saltNumber))
		for guess := range 10_000 {
			if candidate, err := sealer.Seal("prod", "db", "pin", value.FromString(fmt.Sprintf("%04d", guess))); err == nil && candidate == sealed {
				return true
			}
		}
		return false
	}
	if attack(1) {
		t.Error("the attack finds the value with another salt")
	}
	if !attack(0) {
		t.Error("the attack does not work even with the salt: this test proves nothing")
	}
}

func TestS3SameValueElsewhereSharesNoBytes(t *testing.T) {
	for _, scope := range []seal.Scope{seal.Strict, seal.NamespaceWide, seal.ClusterWide} {
		sealer := newSealer(t, scope, testSalt(0))
		first, _ := sealer.Seal("prod", "db", "a", value.FromString("the same value"))
		for _, place := range [][3]string{{"prod", "db", "b"}, {"prod", "web", "a"}, {"dev", "db", "a"}} {
			second, err := sealer.Seal(place[0], place[1], place[2], value.FromString("the same value"))
			if err != nil {
				t.Fatal(err)
			}
			a, b := decode(t, first), decode(t, second)
			if bytes.Equal(a[2:18], b[2:18]) || bytes.Equal(a[len(a)-16:], b[len(b)-16:]) {
				t.Errorf("%s: %v shares bytes with prod/db a", scope, place)
			}
		}
	}
}

// TestO9OneOutputInTwoProcesses seals 100 times here and 100 times in another
// process, in parallel and without the cache's help.
func TestO9OneOutputInTwoProcesses(t *testing.T) {
	const child = "ARGOCD_SEAL_TEST_CHILD"
	distinct := sealManyTimes(t)
	if os.Getenv(child) != "" {
		fmt.Printf("sealed=%s\n", strings.Join(distinct, ","))
		return
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(executable, "-test.run=^TestO9OneOutputInTwoProcesses$", "-test.v")
	command.Env = append(os.Environ(), child+"=1", "GOMAXPROCS=1")
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := "sealed=" + distinct[0] + "\n"; len(distinct) != 1 || !bytes.Contains(output, []byte(want)) {
		t.Errorf("%d distinct outputs here, and the other process printed %s", len(distinct), output)
	}
}

func sealManyTimes(t *testing.T) []string {
	t.Helper()
	results := make([]string, 100)
	var group sync.WaitGroup
	for i := range results {
		sealer := newSealer(t, seal.Strict, testSalt(0))
		group.Go(func() { results[i], _ = sealer.Seal("prod", "db", "k", value.FromString("s3cr3t")) })
	}
	group.Wait()
	var distinct []string
	seen := map[string]bool{}
	for _, result := range results {
		if !seen[result] {
			seen[result], distinct = true, append(distinct, result)
		}
	}
	return distinct
}

func TestSaltFile(t *testing.T) {
	for _, test := range []struct {
		name    string
		content []byte
		mode    os.FileMode
		ok      bool
	}{
		{"0400", testSalt(0), 0o400, true},
		{"0440, as an fsGroup gives it", testSalt(0), 0o440, true},
		{"0600", testSalt(0), 0o600, true},
		{"0644", testSalt(0), 0o644, false},
		{"0404", testSalt(0), 0o404, false},
		{"0660", testSalt(0), 0o660, false},
		{"16 bytes", testSalt(0)[:16], 0o400, false},
		{"33 bytes", append(testSalt(0), 1), 0o400, false},
		{"empty", nil, 0o400, false},
		{"zeros", make([]byte, 32), 0o400, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "salt")
			if err := os.WriteFile(path, test.content, test.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			_, err := seal.ReadSalt(path)
			if test.ok != (err == nil) || err != nil && fault.CodeOf(err) != fault.Seal {
				t.Errorf("ReadSalt = %v, want ok %v", err, test.ok)
			}
		})
	}
	if _, err := seal.ReadSalt(filepath.Join(t.TempDir(), "missing")); fault.CodeOf(err) != fault.Seal {
		t.Errorf("a missing file gives %v", err)
	}
}

func TestS5Certificate(t *testing.T) {
	good := read(t, "cert.pem")
	block, _ := pem.Decode(good)
	sum := sha256.Sum256(block.Bytes)
	fingerprint := hex.EncodeToString(sum[:])
	for _, test := range []struct {
		name        string
		content     []byte
		fingerprint string
		ok          bool
	}{
		{"pinned", good, fingerprint, true},
		{"pinned with prefix and upper case", good, "SHA256:" + strings.ToUpper(fingerprint), true},
		{"not pinned", good, "", false},
		{"another fingerprint", good, strings.Repeat("0", 64), false},
		{"1024 bits", read(t, "weak.pem"), "", false},
		{"elliptic curve", read(t, "ec.pem"), "", false},
		{"no certificate", []byte("hello"), "", false},
		{"a private key", read(t, "key.pem"), "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := seal.ParseCertificate(test.content, test.fingerprint)
			if test.ok != (err == nil) || err != nil && fault.CodeOf(err) != fault.Seal {
				t.Errorf("ParseCertificate = %v, want ok %v", err, test.ok)
			}
		})
	}
}

func TestExpiredCertificateDoesNotSeal(t *testing.T) {
	salt, err := seal.NewSalt(testSalt(0))
	if err != nil {
		t.Fatal(err)
	}
	_, err = seal.New(pin(t, expired(t)), salt, seal.Strict)
	if fault.CodeOf(err) != fault.Seal || !strings.Contains(err.Error(), "2021-01-01") {
		t.Errorf("New = %v, want E_SEAL with the date", err)
	}
}

func TestChecksumIsKeyed(t *testing.T) {
	a, b := newSealer(t, seal.Strict, testSalt(0)), newSealer(t, seal.Strict, testSalt(1))
	x, y := []byte("x"), []byte("y")
	sums := []string{a.Checksum(x, y), a.Checksum([]byte("xy")), a.Checksum(x), b.Checksum(x, y)}
	for i := range sums {
		for j := range i {
			if sums[i] == sums[j] {
				t.Errorf("checksums %d and %d are equal", i, j)
			}
		}
	}
	if diff := cmp.Diff(sums[0], a.Checksum(x, y)); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkSealUnchanged(b *testing.B) {
	sealer := newSealer(b, seal.Strict, testSalt(0))
	v := value.FromString("s3cr3t")
	for b.Loop() {
		if _, err := sealer.Seal("prod", "db", "k", v); err != nil {
			b.Fatal(err)
		}
	}
}

func testSalt(number int) []byte {
	sum := sha256.Sum256(fmt.Append(nil, "salt for tests ", number))
	return sum[:]
}

func newSealer(t testing.TB, scope seal.Scope, saltBytes []byte) *seal.Sealer {
	t.Helper()
	salt, err := seal.NewSalt(saltBytes)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(pinned(t, "cert.pem"), salt, scope)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}

func pinned(t testing.TB, name string) *seal.Certificate {
	t.Helper()
	return pin(t, read(t, name))
}

func pin(t testing.TB, content []byte) *seal.Certificate {
	t.Helper()
	block, _ := pem.Decode(content)
	sum := sha256.Sum256(block.Bytes)
	certificate, err := seal.ParseCertificate(content, hex.EncodeToString(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// expired returns a certificate of the test key whose last day was the first
// of 2021.
func expired(t testing.TB) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	key := privateKeys(t)["test"]
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func privateKeys(t testing.TB) map[string]*rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(read(t, "key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*rsa.PrivateKey{"test": key.(*rsa.PrivateKey)}
}

func decode(t testing.TB, sealed string) []byte {
	t.Helper()
	decoded, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

func sessionKey(t testing.TB, sealed []byte, label string) string {
	t.Helper()
	wrapped := sealed[2 : 2+binary.BigEndian.Uint16(sealed)]
	session, err := rsa.DecryptOAEP(sha256.New(), nil, privateKeys(t)["test"], wrapped, []byte(label))
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(session)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gcm.Open(nil, make([]byte, gcm.NonceSize()), sealed[2+len(wrapped):], nil); err != nil {
		t.Fatal(err)
	}
	return string(session)
}
