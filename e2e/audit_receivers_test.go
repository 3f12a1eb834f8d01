package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/argocd-seal/argocd-seal-plugin/e2e/harness"
)

// receiver is a system that gets the trail, and that a test takes away.
type receiver interface {
	// start listens at the address of the time before.
	start()
	stop()
	// section is the sink's in plugin.yaml.
	section() string
	// last is the seq of the newest line that it has.
	last() uint64
	// got are all lines in the order of their arrival, in the form of same.
	got() []string
	// same is how it keeps a line of the trail.
	same(line string) string
}

func linesOf(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
}

// fluent keeps the fields of lines, in a file.
type fluent struct {
	t             *testing.T
	server        *harness.FluentReceiver
	address, file string
}

func newFluent(t *testing.T) *fluent {
	t.Helper()
	harness.Need(t, harness.FluentForward)
	f := &fluent{t: t, address: "127.0.0.1:0", file: filepath.Join(t.TempDir(), "received")}
	f.start()
	t.Cleanup(f.stop)
	return f
}

func (f *fluent) start() {
	f.t.Helper()
	server, err := harness.StartFluent(f.t.Context(), f.address, f.file)
	must(f.t, err)
	f.server, f.address = server, server.Address
}

func (f *fluent) stop() { _ = f.server.Stop() }

func (f *fluent) section() string {
	return "{name: fluent, fluent: \"" + f.address + "\", insecure: true, linger: 100ms}"
}

func (f *fluent) last() uint64 { return lastSeq(f.t, f.file) }

func (f *fluent) got() []string {
	f.t.Helper()
	var lines []string
	for _, line := range linesOf(f.t, f.file) {
		var entry struct {
			Record map[string]any
			Body   string
		}
		decode(f.t, line, &entry)
		delete(entry.Record, "fluent.tag")
		if entry.Body != "" { // what the collector makes of the field message
			entry.Record["message"] = entry.Body
		}
		lines = append(lines, encode(f.t, entry.Record))
	}
	return lines
}

// same is the line with its fields sorted.
func (f *fluent) same(line string) string {
	f.t.Helper()
	var fields map[string]any
	decode(f.t, line, &fields)
	return encode(f.t, fields)
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%.300q: %v", text, err)
	}
}

func encode(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	return string(text)
}

// wantLines asserts what at-least-once and order mean: every line from the first
// to the trail's last is there as it is, none before one that is lower, and what
// comes again begins with a line that was there and goes on from it. It returns
// how many came again. The trail may lack lines that it has deleted.
func wantLines(t *testing.T, to receiver, trail []string) (again int) {
	t.Helper()
	first := seqOf(t, trail[0])
	end := first + uint64(len(trail))
	next, previous := uint64(1), uint64(0)
	for i, line := range to.got() {
		seq := seqOf(t, line)
		switch {
		case seq > next || seq == 0:
			t.Fatalf("%T: line %d comes where %d is due", to, seq, next)
		case seq < next && seq > previous && seq != previous+1:
			t.Fatalf("%T: what comes again jumps from line %d to %d", to, previous, seq)
		case seq == next:
			next++
		default:
			again++
		}
		if seq >= end || seq >= first && to.same(trail[seq-first]) != line {
			t.Fatalf("%T: receipt %d is not line %d of the trail: %s", to, i, seq, line)
		}
		previous = seq
	}
	if next != end {
		t.Fatalf("%T: the lines end with %d, and the trail with %d", to, next-1, end-1)
	}
	return again
}

// waitFor waits until all receivers have the trail's last line.
func waitFor(t *testing.T, place *audited, receivers ...receiver) {
	t.Helper()
	for _, to := range receivers {
		eventually(t, "the receiver has all lines", func() bool {
			time.Sleep(50 * time.Millisecond)
			return to.last() >= place.last()
		})
	}
}
