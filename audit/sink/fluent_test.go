package sink_test

import (
	"bufio"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/IBM/fluent-forward-go/fluent/protocol"
	"github.com/google/go-cmp/cmp"
	"github.com/tinylib/msgp/msgp"

	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
)

// otelReceiver is the Fluent Forward receiver of the OpenTelemetry Collector,
// which acknowledges when a batch is in its file.
type otelReceiver struct {
	address, file string
	stop          func()
}

const otelBinary = "fluentforward-0.165.0"

func startOTel(t *testing.T, listen, file string) otelReceiver {
	t.Helper()
	dir := os.Getenv("ARGOCD_SEAL_SERVERS")
	if dir == "" {
		dir = filepath.Join("..", "..", ".cache", "servers")
	}
	binary, err := filepath.Abs(filepath.Join(dir, otelBinary))
	if err == nil {
		_, err = os.Stat(binary)
	}
	if err != nil {
		missing(t, "the Fluent Forward receiver is not built: make servers builds "+otelBinary)
	}
	command := exec.Command(binary, "-listen", listen, "-output", file)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = command.Wait()
	})
	t.Cleanup(stop)
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the receiver does not start: %v", err)
	}
	return otelReceiver{strings.TrimSpace(address), file, stop}
}

// missing skips a test whose server is not here, but for CI.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "" {
		t.Skip(why)
	}
	t.Fatal(why)
}

// otelSeqs returns the seqs in the receiver's file.
func otelSeqs(t *testing.T, file string) []uint64 {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []uint64
	for _, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		var entry struct{ Record struct{ Seq uint64 } }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, entry.Record.Seq)
	}
	return seqs
}

func TestFluentForwardReceiver(t *testing.T) {
	receiver := startOTel(t, "127.0.0.1:0", filepath.Join(t.TempDir(), "received"))
	source := newSpool(1)
	runner := start(t, quick(sink.Config{Fluent: receiver.address, Insecure: true, Tag: "argocd.audit"}), source, sink.Options{})
	runner.waitDelivered(t, 1)
	content, err := os.ReadFile(receiver.file)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Time   time.Time
		Record map[string]any
	}
	if err := json.Unmarshal(content, &got); err != nil {
		t.Fatalf("%v: %s", err, content)
	}
	var want map[string]any
	if err := json.Unmarshal(lineAt(1).JSON, &want); err != nil {
		t.Fatal(err)
	}
	want["fluent.tag"] = "argocd.audit"
	if diff := cmp.Diff(want, got.Record); diff != "" {
		t.Errorf("the record is not the event (-want +got):\n%s", diff)
	}
	if !got.Time.Equal(lineAt(1).Time) {
		t.Errorf("the time is %s, want %s", got.Time, lineAt(1).Time)
	}
	// The receiver goes away and comes back at the same address.
	receiver.stop()
	source.append(1500)
	runner.waitUntil(t, func(s sink.Status) bool { return s.Failures > 0 })
	startOTel(t, receiver.address, receiver.file)
	runner.waitDelivered(t, 1501)
	wantAll(t, otelSeqs(t, receiver.file), 1, 1501, sink.DefaultBatch)
}

// forward is a receiver made with another library of the protocol. It has TLS and
// a shared key, and fails as a test wants it to.
type forward struct {
	*receipts
	listener net.Listener
	key      string
	password string
	// proof is the key that the receiver proves to have.
	proof string
	// fault may end the connection with a reset or swallow an acknowledgement; it
	// says whether the batch counts.
	fault func(conn net.Conn, batch int) (received, answered bool)
	batch int
	tags  map[string]bool
}

func newForward(t *testing.T, settings *tls.Config, key string) *forward {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if settings != nil {
		listener = tls.NewListener(listener, settings)
	}
	f := &forward{receipts: newReceipts(), listener: listener, key: key, proof: key, tags: map[string]bool{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.serve(t, conn)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return f
}

func (f *forward) serve(t *testing.T, conn net.Conn) {
	reader := msgp.NewReader(conn)
	if f.key != "" && !f.greet(conn, reader) {
		return
	}
	for {
		var message protocol.PackedForwardMessage
		if err := message.DecodeMsg(reader); err != nil {
			return
		}
		f.batch++
		received, answered := true, true
		if f.fault != nil {
			received, answered = f.fault(conn, f.batch)
		}
		if received {
			f.add(f.seqs(t, message)...)
		}
		if !answered {
			return
		}
		if err := msgp.Encode(conn, &protocol.AckMessage{Ack: message.Options.Chunk}); err != nil {
			return
		}
	}
}

func (f *forward) greet(conn net.Conn, reader *msgp.Reader) bool {
	nonce := []byte("0123456789abcdef")
	hello := protocol.NewHelo(&protocol.HeloOpts{Nonce: nonce, Keepalive: true})
	if f.password != "" {
		hello.Options.Auth = []byte("salt of password")
	}
	var ping protocol.Ping
	if msgp.Encode(conn, hello) != nil || ping.DecodeMsg(reader) != nil {
		return false
	}
	allowed := protocol.ValidatePingDigest(&ping, []byte(f.key), nonce) == nil
	if f.password != "" {
		allowed = allowed && ping.Username == "seal" && ping.Password == passwordDigest("salt of password", "seal", f.password)
	}
	pong, err := protocol.NewPong(allowed, "no", "receiver", []byte(f.proof), hello, &ping)
	return err == nil && msgp.Encode(conn, pong) == nil && allowed
}

func (f *forward) seqs(t *testing.T, message protocol.PackedForwardMessage) []uint64 {
	var entries protocol.EntryList
	if _, err := entries.UnmarshalPacked(message.EventStream); err != nil {
		t.Errorf("the entries cannot be decoded: %v", err)
	}
	if message.Options == nil || message.Options.Size == nil || *message.Options.Size != len(entries) {
		t.Errorf("the options do not say %d entries", len(entries))
	}
	var seqs []uint64
	for _, entry := range entries {
		record, _ := entry.Record.(map[string]any)
		seq, _ := record["seq"].(int64)
		seqs = append(seqs, uint64(seq))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tags[message.Tag] = true
	return seqs
}

func passwordDigest(salt, username, password string) string {
	sum := sha512.Sum512([]byte(salt + username + password))
	return hex.EncodeToString(sum[:])
}

func TestFluentWithTLSAndSharedKey(t *testing.T) {
	ca := newAuthority(t)
	receiver := newForward(t, ca.server(true), "shared-key-1")
	receiver.password = "password-1"
	cert, key := ca.issue("plugin")
	config := quick(sink.Config{
		Fluent: receiver.listener.Addr().String(), CAFile: ca.file, ClientCertFile: cert, ClientKeyFile: key,
		SharedKeyFile: secretFile(t, "shared-key-1"), Username: "seal", PasswordFile: secretFile(t, "password-1"),
	})
	runner := start(t, config, newSpool(1200), sink.Options{})
	runner.waitDelivered(t, 1200)
	wantAll(t, receiver.all(), 1, 1200, 500)
	if diff := cmp.Diff(map[string]bool{sink.DefaultTag: true}, receiver.tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestFluentRefusals(t *testing.T) {
	ca := newAuthority(t)
	for name, tc := range map[string]struct {
		key    string
		change func(*sink.Config)
		want   sink.Reason
	}{
		"another key":      {"shared-key-1", func(c *sink.Config) { c.SharedKeyFile = secretFile(t, "shared-key-2") }, sink.Credential},
		"empty key":        {"shared-key-1", func(c *sink.Config) { c.SharedKeyFile = secretFile(t, "") }, sink.Credential},
		"key of two lines": {"shared-key-1", func(c *sink.Config) { c.SharedKeyFile = secretFile(t, "shared\nkey") }, sink.Credential},
		"no TLS":           {"shared-key-1", func(c *sink.Config) { c.Insecure, c.CAFile, c.Timeout = true, "", 300*time.Millisecond }, ""},
		"no greeting":      {"", func(c *sink.Config) { c.Timeout = 300 * time.Millisecond }, sink.Timeout},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := newForward(t, ca.server(false), tc.key)
			config := quick(sink.Config{Fluent: receiver.listener.Addr().String(), CAFile: ca.file, SharedKeyFile: secretFile(t, "shared-key-1")})
			tc.change(&config)
			runner := start(t, config, newSpool(1), sink.Options{})
			runner.waitUntil(t, func(s sink.Status) bool { return s.Failures > 1 || s.Delivered > 0 })
			if status := runner.Status(); status.Delivered > 0 || tc.want != "" && status.Failing != tc.want {
				t.Errorf("%+v\n%s", status, runner.log)
			}
			runner.stop()
			if got := receiver.all(); len(got) > 0 {
				t.Errorf("the receiver has lines %v", got)
			}
		})
	}
}

// An impostor greets but cannot prove that it has the key.
func TestFluentReceiverWithoutKey(t *testing.T) {
	receiver := newForward(t, nil, "shared-key-1")
	receiver.proof = "another key"
	config := quick(sink.Config{Fluent: receiver.listener.Addr().String(), Insecure: true, SharedKeyFile: secretFile(t, "shared-key-1")})
	runner := start(t, config, newSpool(1), sink.Options{})
	runner.waitUntil(t, func(s sink.Status) bool { return s.Failing == sink.Credential })
	if runner.stop(); len(receiver.all()) > 0 {
		t.Error("an impostor got lines")
	}
}

// Batches whose acknowledgement does not arrive come again, whether the receiver
// has them or not.
func TestFluentFaults(t *testing.T) {
	other := msgp.AppendString(msgp.AppendString(msgp.AppendMapHeader(nil, 1), "ack"), "another chunk")
	for name, fault := range map[string]func(net.Conn) (received, answered bool){
		"reset before it is kept": func(conn net.Conn) (bool, bool) { reset(conn); return false, false },
		"reset after it is kept":  func(conn net.Conn) (bool, bool) { reset(conn); return true, false },
		"end without an answer":   func(net.Conn) (bool, bool) { return true, false },
		"another acknowledgement": func(conn net.Conn) (bool, bool) { _, _ = conn.Write(other); return false, false },
		"half an acknowledgement": func(conn net.Conn) (bool, bool) { _, _ = conn.Write(other[:3]); return false, false },
		"something else":          func(conn net.Conn) (bool, bool) { _, _ = conn.Write([]byte("HTTP/1.1 400")); return false, false },
		"an endless answer":       func(conn net.Conn) (bool, bool) { _, _ = conn.Write(endless()); return false, false },
		"an answer of great length": func(conn net.Conn) (bool, bool) {
			_, _ = conn.Write([]byte{0xc6, 0x7f, 0xff, 0xff, 0xff})
			return false, false
		},
	} {
		t.Run(name, func(t *testing.T) {
			receiver := newForward(t, nil, "")
			receiver.fault = func(conn net.Conn, batch int) (bool, bool) {
				if batch%3 == 2 {
					return fault(conn)
				}
				return true, true
			}
			config := quick(sink.Config{Fluent: receiver.listener.Addr().String(), Insecure: true, Batch: 20})
			runner := start(t, config, newSpool(100), sink.Options{})
			runner.waitDelivered(t, 100)
			wantAll(t, receiver.all(), 1, 100, 20)
		})
	}
}

// endless is the start of bytes that never end.
func endless() []byte {
	return append([]byte{0xc6, 0x7f, 0xff, 0xff, 0xff}, make([]byte, 1<<20)...)
}

// A receiver that ends idle connections costs neither a line nor a failure.
func TestFluentIdleConnection(t *testing.T) {
	receiver := startOTel(t, "127.0.0.1:0", filepath.Join(t.TempDir(), "received"))
	source := newSpool(1)
	runner := start(t, quick(sink.Config{Fluent: receiver.address, Insecure: true}), source, sink.Options{})
	runner.waitDelivered(t, 1)
	receiver.stop()
	startOTel(t, receiver.address, receiver.file)
	source.append(1)
	runner.waitDelivered(t, 2)
	if status := runner.Status(); status.Failures > 0 {
		t.Errorf("%+v\n%s", status, runner.log)
	}
	wantAll(t, otelSeqs(t, receiver.file), 1, 2, 1)
}
