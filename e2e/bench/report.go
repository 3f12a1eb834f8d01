package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is what one run has measured. The first contender is the one that the
// others are compared with.
type report struct {
	contenders  []*contender
	idle, after memory
}

// markdown is docs/benchmarks.md.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Benchmarks

Written by `+"`make bench`"+`; run it to get the figures of your own machine. These are of %d cores and %s.

One real argocd-repo-server 2.14.21 with Redis and a local Git repository renders one application of %d objects: a base
and an overlay with prefix, namespace, labels, images, replicas, generated ConfigMaps and a patch. The contenders take
turns, %d counted requests each, after %d that are not counted. Each request passes by all of the repo-server's caches
and is timed from the client: it contains what Git takes, and for the plugins also packing and streaming the repository.
All three give the same objects, or there is no table.

| rendered by | median | fastest | slowest | median to native |
| --- | ---: | ---: | ---: | ---: |
`, runtime.NumCPU(), runtime.Version(), objects, len(r.contenders[0].took), warmRuns)
	native := r.contenders[0].median()
	for _, c := range r.contenders {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %.2f |\n", c.name, milliseconds(c.median()),
			milliseconds(slices.Min(c.took)), milliseconds(slices.Max(c.took)), float64(c.median())/float64(native))
	}
	b.WriteString(`
The plugin that runs ` + "`cat`" + ` is upstream's argocd-cmp-server printing a file that was rendered before: what is above
it is rendering, what is in it is the protocol.

## Memory

Resident memory of the sidecar, read from /proc after three idle seconds. Waiting workers are processes of their own.

| | sidecar | waiting workers |
| --- | ---: | ---: |
`)
	fmt.Fprintf(&b, "| after the start | %s | %s |\n", mebibytes(r.idle.parent), list(r.idle.workers))
	fmt.Fprintf(&b, "| after the requests | %s | %s |\n", mebibytes(r.after.parent), list(r.after.workers))
	return b.String()
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}

func mebibytes(size int64) string { return fmt.Sprintf("%.0f MiB", float64(size)/(1<<20)) }

func list(sizes []int64) string {
	texts := make([]string, len(sizes))
	for i, size := range sizes {
		texts[i] = mebibytes(size)
	}
	return strings.Join(texts, ", ")
}
