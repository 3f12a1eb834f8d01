package harness

import (
	"context"
	"errors"
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

// RsyslogReceiver is Debian's rsyslogd.
type RsyslogReceiver struct {
	*Process
	Address string
}

// StartRsyslog starts a receiver with settings that have it write the port which
// it listens at to the file port of dir.
func StartRsyslog(ctx context.Context, dir, settings string) (*RsyslogReceiver, error) {
	path, err := Rsyslog.Path()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	receiver := &RsyslogReceiver{}
	receiver.Process, err = start(ctx, spec{
		name: "rsyslogd", path: path, dir: dir, stop: syscall.SIGTERM,
		args: []string{"-n", "-f", file, "-i", filepath.Join(dir, "pid")},
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
