package trail_test

import (
	"strconv"
	"testing"

	"github.com/argocd-seal/argocd-seal-plugin/audit/verify"
)

// BenchmarkAppend is what a request pays for its event. Callers that wait together
// share a write, and with sync a wait for the disk.
func BenchmarkAppend(b *testing.B) {
	for _, sync := range []bool{false, true} {
		for _, callers := range []int{1, 8, 64} {
			b.Run("sync="+strconv.FormatBool(sync)+"/callers="+strconv.Itoa(callers), func(b *testing.B) {
				o := options(b.TempDir())
				o.Sync = sync
				opened := open(b, o)
				one := event("benchmark")
				b.SetParallelism(callers)
				b.ReportAllocs()
				b.ResetTimer()
				if callers == 1 {
					for b.Loop() {
						if _, err := opened.Append(b.Context(), one); err != nil {
							b.Fatal(err)
						}
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if _, err := opened.Append(b.Context(), one); err != nil {
							b.Error(err)
							return
						}
					}
				})
			})
		}
	}
}

// BenchmarkVerify proves 100,000 lines.
func BenchmarkVerify(b *testing.B) {
	dir := filled(b, 100_000)
	var lines uint64
	for b.Loop() {
		report, err := verify.Paths(b.Context(), []string{dir}, nil, verify.Options{Keys: publicKeys()})
		if err != nil || !report.OK {
			b.Fatalf("%v: %+v", err, report)
		}
		lines += report.Lines
	}
	b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkRead follows 100,000 lines as a sink does.
func BenchmarkRead(b *testing.B) {
	opened := open(b, options(filled(b, 100_000)))
	for b.Loop() {
		for after := uint64(0); after < opened.Last(); {
			lines, err := opened.Read(b.Context(), after, 100)
			if err != nil {
				b.Fatal(err)
			}
			after = lines[len(lines)-1].Seq
		}
	}
}

// BenchmarkOpen continues a full segment.
func BenchmarkOpen(b *testing.B) {
	dir := filled(b, 20_000)
	for b.Loop() {
		if err := open(b, options(dir)).Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func filled(b *testing.B, events int) string {
	b.Helper()
	dir := b.TempDir()
	opened := open(b, options(dir))
	one := event("benchmark")
	for range events {
		if _, err := opened.Append(b.Context(), one); err != nil {
			b.Fatal(err)
		}
	}
	if err := opened.Close(); err != nil {
		b.Fatal(err)
	}
	return dir
}
