package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// FluentReceiver is a Fluent Forward receiver on loopback, in plain text. It
// acknowledges a batch when the batch is in its file.
type FluentReceiver struct {
	*Process
	Address string
}

var loopbackAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// StartFluent starts a receiver that appends to a file. Port 0 chooses one.
func StartFluent(ctx context.Context, listen, file string) (*FluentReceiver, error) {
	path, err := FluentForward.Path()
	if err != nil {
		return nil, err
	}
	receiver := &FluentReceiver{}
	receiver.Process, err = start(ctx, spec{
		name: "fluentforward", path: path, dir: filepath.Dir(file), stop: syscall.SIGTERM,
		args: []string{"-listen", listen, "-output", file},
		ready: func(_ context.Context, log string) error {
			if receiver.Address = loopbackAddress.FindString(log); receiver.Address == "" {
				return errors.New("has not said where it listens")
			}
			return nil
		},
	})
	return receiver, err
}

// RsyslogReceiver is Debian's rsyslogd with TLS. It takes any client.
type RsyslogReceiver struct {
	*Process
	Address string
}

// rsyslogSettings write each message without its header, as a line of the file
// raw. The queue of an action would lose what is in it at a kill.
const rsyslogSettings = `global(workDirectory="%[1]s" maxMessageSize="1m"
  defaultNetstreamDriverCAFile="%[2]s" defaultNetstreamDriverCertFile="%[2]s" defaultNetstreamDriverKeyFile="%[3]s")
module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
template(name="raw" type="string" string="%%msg%%\n")
input(type="imtcp" address="127.0.0.1" port="%[4]s" listenPortFileName="%[1]s/port")
action(type="omfile" file="%[1]s/raw" template="raw")
`

// StartRsyslog starts a receiver in a directory, with a certificate that is its
// own authority. Port 0 chooses one.
func StartRsyslog(ctx context.Context, dir, port, certFile, keyFile string) (*RsyslogReceiver, error) {
	path, err := Rsyslog.Path()
	if err != nil {
		return nil, err
	}
	settings := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(settings, fmt.Appendf(nil, rsyslogSettings, dir, certFile, keyFile, port), 0o600); err != nil {
		return nil, err
	}
	receiver := &RsyslogReceiver{}
	receiver.Process, err = start(ctx, spec{
		name: "rsyslogd", path: path, dir: dir, stop: syscall.SIGTERM,
		args: []string{"-n", "-f", settings, "-i", filepath.Join(dir, "pid")},
		ready: func(ctx context.Context, _ string) error {
			chosen, err := os.ReadFile(filepath.Join(dir, "port"))
			if err != nil {
				return err
			}
			receiver.Address = "127.0.0.1:" + strings.TrimSpace(string(chosen))
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", receiver.Address)
			if err != nil {
				return err
			}
			return conn.Close()
		},
	})
	return receiver, err
}
