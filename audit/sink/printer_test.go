package sink_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/sirupsen/logrus"

	"github.com/argocd-seal/argocd-seal-plugin/audit/sink"
)

// printing runs a printer until the test ends or stops it.
func printing(t *testing.T, to io.Writer, dir string, source sink.Source) *running {
	t.Helper()
	log, output := newLog(logrus.WarnLevel)
	runner, err := sink.NewPrinter(to, source, sink.Options{Dir: dir, Instance: "repo-server-0", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		runner.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return &running{runner, output, stop}
}

// Where nobody reads, nothing counts as delivered and the sidecar can stop all the
// same. The next start prints again what was not taken.
func TestPrinterThatNobodyReads(t *testing.T) {
	dir, source := t.TempDir(), newSpool(3)
	read, write := io.Pipe()
	defer func() { _ = read.Close() }()
	stuck := printing(t, write, dir, source)
	lines := bufio.NewReader(read)
	if line, err := lines.ReadString('\n'); err != nil || line != string(lineAt(1).JSON)+"\n" {
		t.Fatalf("%v: %q", err, line)
	}
	// The pipe has given the rest to the reader, and its next batch hangs.
	stuck.waitDelivered(t, 3)
	source.append(2)
	stuck.stop()
	if got := stuck.Status(); got.Delivered != 3 || got.Behind != 2 {
		t.Errorf("%+v", got)
	}
	again, next := io.Pipe()
	defer func() { _ = again.Close() }()
	goesOn := printing(t, next, dir, source)
	lines = bufio.NewReader(again)
	for seq := uint64(4); seq <= 5; seq++ {
		if line, err := lines.ReadString('\n'); err != nil || line != string(lineAt(seq).JSON)+"\n" {
			t.Fatalf("%v: %q", err, line)
		}
	}
	goesOn.waitDelivered(t, 5)
}

// broken takes nothing the first time.
type broken struct {
	bytes  []byte
	failed bool
}

func (b *broken) Write(p []byte) (int, error) {
	if !b.failed {
		b.failed = true
		return 0, errors.New("broken pipe")
	}
	b.bytes = append(b.bytes, p...)
	return len(p), nil
}

func TestPrinterGoesOnAfterAFault(t *testing.T) {
	out := &broken{}
	runner := printing(t, out, t.TempDir(), newSpool(1200))
	runner.waitDelivered(t, 1200)
	if status := runner.Status(); status.Failures != 1 {
		t.Errorf("%+v", status)
	}
	runner.stop()
	wantAll(t, seqsIn(t, string(out.bytes)), 1, 1200, sink.DefaultBatch)
}

func TestTheNameOfThePrinterIsTaken(t *testing.T) {
	problems := sink.Config{Name: sink.Stdout, Webhook: "https://audit.example.com"}.Problems()
	if len(problems) != 1 || problems[0].Field != "name" {
		t.Errorf("%+v", problems)
	}
}
