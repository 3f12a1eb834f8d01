package source

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// repository makes an archive of 5 MiB in 1,000 files that compress as
// manifests do.
func repository(tb testing.TB) []byte {
	tb.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var entries []entry
	for i := range 1000 {
		var b bytes.Buffer
		for b.Len() < 5<<10 {
			fmt.Fprintf(&b, "- name: item-%x\n  value: %x\n", random.Uint32(), random.Uint64())
		}
		entries = append(entries, file(fmt.Sprintf("apps/%02d/base/object-%04d.yaml", i%50, i), b.String()))
	}
	return archiveOf(tb, entries...)
}

func BenchmarkReadArchive(b *testing.B) {
	archive := repository(b)
	b.SetBytes(5 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadArchive(bytes.NewReader(archive), Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanNames(b *testing.B) {
	archive := repository(b)
	b.SetBytes(5 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ScanNames(bytes.NewReader(archive), Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
