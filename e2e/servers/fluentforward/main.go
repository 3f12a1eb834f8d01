// Command fluentforward is the Fluent Forward receiver of the OpenTelemetry
// Collector, for the tests: the real server's listening, decoding and
// acknowledging, on a loopback address and in plain text. It knows no handshake.
//
// It appends what it receives to a file, one line of JSON for each entry, and
// acknowledges afterwards. Once it serves it prints its address as one line on
// standard output. It ends when its standard input is closed or on SIGTERM, so
// that no test leaves one behind.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/fluentforwardreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// entry is a line of the file.
type entry struct {
	Time   time.Time      `json:"time"`
	Record map[string]any `json:"record"`
	Body   string         `json:"body,omitempty"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "loopback address to serve on")
	output := flag.String("output", "", "file to append to")
	flag.Parse()
	if err := run(*listen, *output, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen, output string, stdin io.Reader, stdout io.Writer) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	file, err := os.OpenFile(output, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	address, err := free(ctx, listen)
	if err != nil {
		return err
	}
	server, err := newReceiver(ctx, address, file)
	if err != nil {
		return err
	}
	if err := server.Start(ctx, nil); err != nil {
		return err
	}
	fmt.Fprintln(stdout, address)
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		close(ended)
	}()
	select {
	case <-ctx.Done():
	case <-ended:
	}
	return server.Shutdown(context.WithoutCancel(ctx))
}

// free chooses a port where the address has none: the receiver does not say which
// one it got.
func free(ctx context.Context, listen string) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func newReceiver(ctx context.Context, address string, file io.Writer) (receiver.Logs, error) {
	factory := fluentforwardreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*fluentforwardreceiver.Config)
	config.ListenAddress = address
	keep, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error { return appendTo(file, logs) })
	if err != nil {
		return nil, err
	}
	return factory.CreateLogs(ctx, receiver.Settings{
		ID: component.NewID(factory.Type()),
		TelemetrySettings: component.TelemetrySettings{
			Logger: zap.NewNop(), MeterProvider: noop.NewMeterProvider(), TracerProvider: tracenoop.NewTracerProvider(),
		},
	}, config, keep)
}

func appendTo(file io.Writer, logs plog.Logs) error {
	var lines []byte
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				line, err := json.Marshal(entry{record.Timestamp().AsTime(), record.Attributes().AsRaw(), record.Body().AsString()})
				if err != nil {
					return err
				}
				lines = append(append(lines, line...), '\n')
			}
		}
	}
	_, err := file.Write(lines)
	return err
}
