package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// report is what one run has measured.
type report struct {
	tables      []table
	idle, after memory
	sealing     []sealing
	gating      gating
}

// table is one application, rendered by all contenders. The first contender is
// the one that the others are compared with.
type table struct {
	title      string
	contenders []*contender
}

// markdown is docs/benchmarks.md.
func (r report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Benchmarks

Written by `+"`make bench`"+`; run it to get the figures of your own machine. These are of %d cores and %s.

One real argocd-repo-server 2.14.21 with Redis and a local Git repository renders applications of %d objects: overlays of
one base with %d services. The contenders take turns, %d counted requests each, after %d that are not counted. Each
request passes by all of the repo-server's caches and is timed from the client: it contains what Git takes, and for the
plugins also packing and streaming the repository. All three give the same objects, or there is no table.
`, runtime.NumCPU(), runtime.Version(), objects, services, len(r.tables[0].contenders[0].took), warmRuns)
	for _, t := range r.tables {
		t.markdown(&b)
	}
	sealingMarkdown(&b, r.sealing)
	r.gating.markdown(&b)
	b.WriteString(`
## What is compared

- Native kustomize: the repo-server runs the kustomize program, whose every start is a cold one.
- The plugin that runs ` + "`cat`" + `: upstream's argocd-cmp-server prints a file that was rendered before. It shows what the
  plugin protocol alone costs.
- argocd-seal: the sidecar, whose workers wait with kustomize's OpenAPI schema read. A worker renders one request only;
  the next one starts meanwhile. A strategic merge patch needs the schema, and native kustomize reads it each time.

## Memory

Resident memory of the sidecar, read from /proc after three idle seconds. Waiting workers are processes of their own.

| | sidecar | waiting workers |
| --- | ---: | ---: |
`)
	fmt.Fprintf(&b, "| after the start | %s | %s |\n", mebibytes(r.idle.parent), list(r.idle.workers))
	fmt.Fprintf(&b, "| after the requests | %s | %s |\n", mebibytes(r.after.parent), list(r.after.workers))
	return b.String()
}

func (t table) markdown(b *strings.Builder) {
	fmt.Fprintf(b, `
## %s

| rendered by | median | fastest | slowest | median to native |
| --- | ---: | ---: | ---: | ---: |
`, t.title)
	native := t.contenders[0].median()
	for _, c := range t.contenders {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %.2f |\n", c.name, milliseconds(c.median()),
			milliseconds(c.fastest()), milliseconds(c.slowest()), float64(c.median())/float64(native))
	}
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
