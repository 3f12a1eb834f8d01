package chain_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/chain"
	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

func TestHeadersHaveOneSpelling(t *testing.T) {
	want := chain.Header{Seq: 42, Prev: chain.Hash([]byte("before"))}
	line := chain.Append(nil, want, []byte(`{"version":1}`))
	if got, ok := chain.ParseHeader(line); !ok || got != want {
		t.Errorf("%v, %+v from %s", ok, got, line)
	}
	sum := want.Prev.String()
	for _, bad := range []string{
		"", "{", `{"seq":42`, `{"seq":42,"prev":"` + sum + `"}`, `{"seq":42,"prev":"` + sum[1:] + `","a":1}`,
		`{"seq":042,"prev":"` + sum + `","a":1}`, `{"seq":0,"prev":"` + sum + `","a":1}`, `{"seq":+4,"prev":"` + sum + `","a":1}`,
		`{"seq":4.2,"prev":"` + sum + `","a":1}`, `{"seq":99999999999999999999,"prev":"` + sum + `","a":1}`,
		`{"seq":42,"prev":"` + strings.ToUpper(sum) + `","a":1}`, `{"seq": 42,"prev":"` + sum + `","a":1}`,
		`{"prev":"` + sum + `","seq":42,"a":1}`,
	} {
		if got, ok := chain.ParseHeader([]byte(bad)); ok {
			t.Errorf("%s is %+v", bad, got)
		}
	}
}

func TestSegmentNames(t *testing.T) {
	if name := chain.SegmentName(1); name != "trail-00000000000000000001.jsonl" {
		t.Error(name)
	}
	for _, first := range []uint64{1, 99, 1<<64 - 1} {
		if got, ok := chain.ParseSegmentName(chain.SegmentName(first)); !ok || got != first {
			t.Errorf("%d: %d, %v", first, got, ok)
		}
	}
	for _, name := range []string{"trail.lock", "trail-1.jsonl", chain.SegmentName(0), "trail-+0000000000000000001.jsonl", chain.SegmentName(1) + ".gz", "trail-99999999999999999999.jsonl"} {
		if first, ok := chain.ParseSegmentName(name); ok {
			t.Errorf("%s is %d", name, first)
		}
	}
}

func TestLinesAreBounded(t *testing.T) {
	longest := strings.Repeat("x", chain.MaxLine)
	lines := chain.NewLines(strings.NewReader("a\n\n" + longest + "\nb"))
	for _, want := range []string{"a", "", longest} {
		if got, err := lines.Next(); err != nil || string(got) != want {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
	if got, err := lines.Next(); !errors.Is(err, chain.ErrTorn) || string(got) != "b" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := chain.NewLines(strings.NewReader("")).Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	for _, text := range []string{longest + "x\n", longest + "xx", strings.Repeat(longest, 3)} {
		if _, err := chain.NewLines(strings.NewReader(text)).Next(); !errors.Is(err, chain.ErrTooLong) {
			t.Error(err)
		}
	}
}

func TestASignerDoesNotPrintItsKey(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{0xab}, 32))
	signer := chain.NewSigner(key)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		text := fmt.Sprintf(verb, signer) + fmt.Sprintf(verb, struct{ S *chain.Signer }{signer})
		if strings.Contains(text, "abab") || strings.Contains(text, "171") {
			t.Errorf("%s prints %s", verb, text)
		}
	}
}

func TestKeysAreReadWithCare(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "key"), filepath.Join(dir, "pub")
	id, err := chain.GenerateKey(private, public)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := chain.ReadSigner(private)
	if err != nil || signer.ID() != id {
		t.Errorf("%v, %v, want %s", signer, err, id)
	}
	keys, err := chain.ReadPublicKeys(public)
	if err != nil || len(keys) != 1 || chain.KeyID(keys[0]) != id {
		t.Errorf("%v, %v", keys, err)
	}
	for _, mode := range []os.FileMode{0o600, 0o440, 0o644, 0o404, 0o420} {
		if err := os.Chmod(private, mode); err != nil {
			t.Fatal(err)
		}
		_, err := chain.ReadSigner(private)
		if allowed := mode&0o037 == 0; (err == nil) != allowed {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	encoded, err := os.ReadFile(private)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(encoded)
	for name, text := range map[string][]byte{
		"empty": nil, "no PEM": []byte("key"), "two": append(bytes.Clone(encoded), encoded...), "public": must(os.ReadFile(public)),
		"cut":        pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes[:20]}),
		"other kind": rsaKey(t),
	} {
		path := filepath.Join(dir, "bad")
		_ = os.Remove(path)
		if err := os.WriteFile(path, text, 0o400); err != nil {
			t.Fatal(err)
		}
		if _, err := chain.ReadSigner(path); fault.CodeOf(err) != fault.Audit || strings.Contains(err.Error(), string(block.Bytes)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := chain.ReadSigner(filepath.Join(dir, "missing")); fault.CodeOf(err) != fault.Audit {
		t.Error(err)
	}
}

func rsaKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

// Nobody needs this program to check a signature.
func TestOpenSSLAgrees(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl here")
	}
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	openssl := func(args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "openssl", args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl %v: %v: %s", args, err, out)
		}
	}
	openssl("genpkey", "-algorithm", "ed25519", "-out", path("key"))
	openssl("pkey", "-in", path("key"), "-pubout", "-out", path("pub"))
	signer, err := chain.ReadSigner(path("key"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := chain.ReadPublicKeys(path("pub"))
	if err != nil || chain.KeyID(keys[0]) != signer.ID() {
		t.Fatalf("%v, %v", keys, err)
	}
	line, err := signer.AppendCheckpoint(nil, chain.Header{Seq: 7}, audit.Event{Type: audit.Checkpoint}, 16)
	if err != nil || !chain.CheckSignature(line, keys[0]) || !chain.IsSigned(line) {
		t.Fatalf("%v: %s", err, line)
	}
	const end = 88 + len(`"}}`)
	for name, text := range map[string][]byte{"signed": line[:len(line)-end], "base64": line[len(line)-end : len(line)-3]} {
		if err := os.WriteFile(path(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openssl("base64", "-d", "-A", "-in", path("base64"), "-out", path("signature"))
	openssl("pkeyutl", "-verify", "-pubin", "-inkey", path("pub"), "-rawin", "-in", path("signed"), "-sigfile", path("signature"))
	for i := range line {
		changed := bytes.Clone(line)
		changed[i] ^= 1
		if chain.CheckSignature(changed, keys[0]) {
			t.Fatalf("byte %d may be changed", i)
		}
	}
}
