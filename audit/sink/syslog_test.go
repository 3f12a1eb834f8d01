package sink_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/argocd-seal/argocd-seal-plugin/audit"
	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
)

// rsyslog is Debian's rsyslogd with TLS, which takes only clients of the same
// authority and writes to files.
type rsyslog struct {
	t       *testing.T
	dir     string
	address string
	stop    func()
}

// settings of a server: port 0 chooses one. raw holds the messages, and fields
// what the header says.
const rsyslogSettings = `global(workDirectory="%[1]s" maxMessageSize="1m"
  defaultNetstreamDriverCAFile="%[2]s" defaultNetstreamDriverCertFile="%[3]s" defaultNetstreamDriverKeyFile="%[4]s")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")
template(name="raw" type="string" string="%%msg%%\n")
template(name="fields" type="string" string="%%syslogfacility-text%%|%%syslogseverity-text%%|%%timereported:::date-rfc3339%%|%%hostname%%|%%app-name%%|%%msgid%%|%%structured-data%%\n")
input(type="imtcp" address="127.0.0.1" port="%[5]s" listenPortFileName="%[1]s/port")
action(type="omfile" file="%[1]s/raw" template="raw")
action(type="omfile" file="%[1]s/fields" template="fields")
`

func startRsyslog(t *testing.T, ca *authority, dir, port string) *rsyslog {
	t.Helper()
	const program = "/usr/sbin/rsyslogd"
	for _, needed := range []string{program, "/usr/lib/x86_64-linux-gnu/rsyslog/lmnsd_gtls.so"} {
		if found, _ := filepath.Glob(strings.Replace(needed, "x86_64-linux-gnu", "*", 1)); len(found) == 0 {
			missing(t, "rsyslog with TLS is not installed: make debian installs rsyslog and rsyslog-gnutls")
		}
	}
	cert, key := ca.issue("receiver.test")
	settings := filepath.Join(dir, "rsyslog.conf")
	write(t, settings, fmt.Sprintf(rsyslogSettings, dir, ca.file, cert, key, port))
	command := exec.Command(program, "-n", "-f", settings, "-i", filepath.Join(dir, "pid"))
	output := &logged{}
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	})
	t.Cleanup(stop)
	deadline := time.Now().Add(patience)
	for {
		listening := port
		if port == "0" {
			// The server says which port it chose; at first the file is empty.
			chosen, _ := os.ReadFile(filepath.Join(dir, "port"))
			listening = strings.TrimSpace(string(chosen))
		}
		address := "127.0.0.1:" + listening
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return &rsyslog{t: t, dir: dir, address: address, stop: stop}
		}
		if time.Now().After(deadline) {
			t.Fatalf("rsyslog does not start:\n%s", output)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// lines returns a file of the server when it has a line that ends it.
func (r *rsyslog) lines(name, last string) []string {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		content, _ := os.ReadFile(filepath.Join(r.dir, name))
		if strings.HasSuffix(string(content), last+"\n") {
			return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("rsyslog has no line %q in\n%.2000s", last, content)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (r *rsyslog) seqs(last uint64) []uint64 {
	r.t.Helper()
	var seqs []uint64
	for _, line := range r.lines("raw", string(lineAt(last).JSON)) {
		seqs = append(seqs, seqOf(r.t, []byte(line)))
	}
	return seqs
}

// config is that of a client which the server trusts.
func (r *rsyslog) config(ca *authority) sink.Config {
	cert, key := ca.issue("plugin")
	return quick(sink.Config{Syslog: r.address, CAFile: ca.file, ClientCertFile: cert, ClientKeyFile: key})
}

func TestRsyslogWithTLS(t *testing.T) {
	ca := newAuthority(t)
	server := startRsyslog(t, ca, t.TempDir(), "0")
	config := server.config(ca)
	config.Facility = "local3"
	runner := start(t, config, newSpool(10), sink.Options{})
	runner.waitDelivered(t, 10)
	got := server.lines("raw", string(lineAt(10).JSON))
	for i, line := range got {
		if want := string(lineAt(uint64(i + 1)).JSON); line != want {
			t.Errorf("line %d (-want +got):\n%s", i+1, cmp.Diff(want, line))
		}
	}
	last := `local3|warning|` + lineAt(10).Time.Format("2006-01-02T15:04:05.000000Z07:00") + `|repo-server-0|argocd-seal|render|[meta sequenceId="10"]`
	first := strings.NewReplacer("warning", "info", `"10"`, `"1"`, lineAt(10).Time.Format(time.TimeOnly), lineAt(1).Time.Format(time.TimeOnly)).Replace(last)
	fields := server.lines("fields", last)
	if diff := cmp.Diff(first, fields[0]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A line may be longer than what servers take by default; nothing of it is lost
// on our side.
func TestSyslogLongLine(t *testing.T) {
	ca := newAuthority(t)
	server := startRsyslog(t, ca, t.TempDir(), "0")
	source := newSpool(0)
	long := lineAt(1)
	long.JSON = fmt.Appendf(nil, `{"seq":1,"outcome":"OK","message":"%s"}`, strings.Repeat("ü", 200_000))
	source.lines, source.last = []audit.Line{long}, 1
	start(t, server.config(ca), source, sink.Options{}).waitDelivered(t, 1)
	server.lines("raw", string(long.JSON))
}

func TestRsyslogRestarts(t *testing.T) {
	ca := newAuthority(t)
	server := startRsyslog(t, ca, t.TempDir(), "0")
	_, port, _ := strings.Cut(server.address, ":")
	config := server.config(ca)
	config.Batch = 100
	source := newSpool(1000)
	runner := start(t, config, source, sink.Options{})
	runner.waitDelivered(t, 1000)
	server.stop()
	source.append(1000)
	runner.waitUntil(t, func(s sink.Status) bool { return s.Failing == sink.Connect })
	server = startRsyslog(t, ca, server.dir, port)
	runner.waitDelivered(t, 2000)
	wantAll(t, server.seqs(2000), 1, 2000, 100)
}

// Syslog has no acknowledgement: what a reset cuts off must not count.
func TestRsyslogBehindResets(t *testing.T) {
	ca := newAuthority(t)
	server := startRsyslog(t, ca, t.TempDir(), "0")
	network := newGateway(t, server.address)
	network.resetAfter.Store(20_000) // of about 70 000 bytes
	network.resets.Store(3)
	config := server.config(ca)
	config.Syslog, config.Batch = network.address, 250
	runner := start(t, config, newSpool(1000), sink.Options{})
	runner.waitDelivered(t, 1000)
	if failures := runner.Status().Failures; failures != 3 {
		t.Errorf("there were %d failures, want 3", failures)
	}
	again := wantAll(t, server.seqs(1000), 1, 1000, 250)
	if again == 0 {
		t.Error("no line came twice: the resets cut nothing")
	}
}

// A server that ends the connection before it has read anything.
func TestSyslogServerThatEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		target string // the server's own where it is empty
		end    func(*gateway)
	}{
		"at once":              {"127.0.0.1:1", func(*gateway) {}},
		"after some handshake": {"", func(g *gateway) { g.resetAfter.Store(100); g.resets.Store(1 << 40) }},
	} {
		t.Run(name, func(t *testing.T) {
			ca := newAuthority(t)
			server := startRsyslog(t, ca, t.TempDir(), "0")
			target := server.address
			if tc.target != "" {
				target = tc.target
			}
			network := newGateway(t, target)
			tc.end(network)
			config := server.config(ca)
			config.Syslog = network.address
			runner := start(t, config, newSpool(1), sink.Options{})
			runner.waitUntil(t, func(s sink.Status) bool { return s.Failures >= 3 || s.Delivered > 0 })
			if runner.Delivered() != 0 {
				t.Error("a line counts as delivered that nobody read")
			}
		})
	}
}

func TestSyslogTrust(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	server := startRsyslog(t, ca, t.TempDir(), "0")
	strangeCert, strangeKey := other.issue("plugin")
	for name, tc := range map[string]struct {
		change func(*sink.Config)
		want   sink.Reason
		says   string
	}{
		"unknown authority":       {func(c *sink.Config) { c.CAFile = other.file }, sink.TLS, "not signed by an authority"},
		"another name":            {func(c *sink.Config) { c.ServerName = "other.test" }, sink.TLS, "for another name"},
		"client of another":       {func(c *sink.Config) { c.ClientCertFile, c.ClientKeyFile = strangeCert, strangeKey }, "", ""},
		"no client certificate":   {func(c *sink.Config) { c.ClientCertFile, c.ClientKeyFile = "", "" }, "", ""},
		"authority not there":     {func(c *sink.Config) { c.CAFile = "/nowhere.pem" }, sink.Credential, "/nowhere.pem"},
		"certificate without key": {func(c *sink.Config) { c.ClientKeyFile = c.CAFile }, sink.Credential, "do not belong together"},
	} {
		t.Run(name, func(t *testing.T) {
			config := server.config(ca)
			tc.change(&config)
			runner := start(t, config, newSpool(1), sink.Options{})
			runner.waitUntil(t, func(s sink.Status) bool { return s.Failures > 1 || s.Delivered > 0 })
			status := runner.Status()
			if status.Delivered > 0 || tc.want != "" && status.Failing != tc.want || !strings.Contains(runner.log.String(), tc.says) {
				t.Errorf("%+v\n%s", status, runner.log)
			}
		})
	}
	t.Run("trusted after all", func(t *testing.T) {
		config := server.config(ca)
		config.ServerName = "receiver.test"
		start(t, config, newSpool(1), sink.Options{}).waitDelivered(t, 1)
	})
}
