package source

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/argocd-seal/argocd-seal-plugin/internal/fault"
)

// zeros yields a gzip stream of n zero bytes without holding it in memory.
func zeros(t *testing.T, head []byte, n int64) io.Reader {
	t.Helper()
	r, w := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		packer := gzip.NewWriter(w)
		_, err := packer.Write(head)
		chunk := make([]byte, 1<<20)
		for ; n > 0 && err == nil; n -= int64(len(chunk)) {
			_, err = packer.Write(chunk)
		}
		w.CloseWithError(errors.Join(err, packer.Close()))
	}()
	t.Cleanup(func() { _ = r.Close(); <-done })
	return r
}

func headerOf(t *testing.T, name string, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: size}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestI1ExpandingArchiveStopsEarly(t *testing.T) {
	for name, head := range map[string][]byte{
		"one file of 1 GiB":                nil,
		"header says 10 bytes, 1 GiB come": headerOf(t, "small", 10),
		"behind the end of the archive":    tarOf(t, file("a", "b")),
	} {
		t.Run(name, func(t *testing.T) {
			if head == nil {
				head = headerOf(t, "big", 1<<30)
			}
			limits := DefaultLimits()
			limits.FileBytes = 2 << 30
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := ReadArchive(zeros(t, head, 1<<30), limits)
			runtime.ReadMemStats(&after)
			if code := fault.CodeOf(err); code != fault.Limit {
				t.Errorf("error %v, want E_LIMIT", err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("%d MiB were allocated", grown>>20)
			}
		})
	}
}

// The size that a header claims is not allocated beyond the limit of all files.
func TestI1ClaimedSizeIsNotBelieved(t *testing.T) {
	limits := DefaultLimits()
	limits.FileBytes = 1 << 40
	wantFault(t, gzipOf(t, headerOf(t, "big", 1<<39)), limits, fault.Limit)
}

func TestI1Limits(t *testing.T) {
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	mib := strings.Repeat("a", 1<<20)
	for name, tc := range map[string]struct {
		limits Limits
		// fits and exceeds differ by the least that matters.
		fits, exceeds []entry
	}{
		"compressed": {Limits{CompressedBytes: 4096}, []entry{file("a", mib)}, []entry{file("a", string(noise))}},
		"expanded":   {Limits{ExpandedBytes: 2560}, []entry{file("a", mib[:1000])}, []entry{file("a", mib[:1025])}},
		"one file":   {Limits{FileBytes: 1000}, []entry{file("a", mib[:1000])}, []entry{file("a", mib[:1001])}},
		"ratio": {Limits{Ratio: 20, RatioFreeBytes: 1 << 20}, []entry{file("a", mib[:1<<19])},
			[]entry{file("a", mib), file("b", mib)}},
		"entries": {Limits{Entries: 3}, []entry{dir("d"), file("a", ""), link("b", "a")},
			[]entry{dir("d"), file("a", ""), link("b", "a"), file("c", "")}},
		"names": {Limits{NamesBytes: 6}, []entry{file("abc", ""), file("def", "")}, []entry{file("abc", ""), file("defg", "")}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadArchive(bytes.NewReader(archiveOf(t, tc.fits...)), tc.limits); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			wantFault(t, archiveOf(t, tc.exceeds...), tc.limits, fault.Limit)
		})
	}
}

// Small repositories of similar files compress far better than 200 to 1.
func TestI1SmallRepositoriesMayCompressWell(t *testing.T) {
	var entries []entry
	for i := range 2000 {
		entries = append(entries, file(fmt.Sprintf("apps/app-%04d/values.yaml", i), "replicas: 1\n"))
	}
	archive := archiveOf(t, entries...)
	if _, err := ReadArchive(bytes.NewReader(archive), Limits{}); err != nil {
		t.Errorf("%d bytes for %d files: %v", len(archive), len(entries), err)
	}
}

// Each link makes a file of its own for who gets the tree.
func TestI1LinksCountAsFiles(t *testing.T) {
	entries := []entry{file("a", strings.Repeat("x", 1000))}
	for i := range 9 {
		entries = append(entries, link(fmt.Sprint("l", i), "a"))
	}
	limits := Limits{ExpandedBytes: 9000}
	wantFault(t, archiveOf(t, entries...), limits, fault.Limit)
	if _, err := ReadArchive(bytes.NewReader(archiveOf(t, entries[:8]...)), limits); err != nil {
		t.Errorf("8 files: %v", err)
	}
}

func TestI7Stream(t *testing.T) {
	plain := tarOf(t, file("a", strings.Repeat("content ", 1000)))
	whole := gzipOf(t, plain)
	damagedSum := bytes.Clone(whole)
	damagedSum[len(damagedSum)-8] ^= 1
	for name, archive := range map[string][]byte{
		"empty":                nil,
		"not gzip":             plain,
		"empty gzip":           gzipOf(t, nil),
		"empty tar":            archiveOf(t),
		"directories only":     archiveOf(t, dir("a")),
		"git only":             archiveOf(t, file(".git/config", "x")),
		"second member":        append(bytes.Clone(whole), archiveOf(t, file("b", ""))...),
		"garbage behind gzip":  append(bytes.Clone(whole), "x"...),
		"zeros behind gzip":    append(bytes.Clone(whole), make([]byte, 512)...),
		"second tar":           gzipOf(t, append(bytes.Clone(plain), tarOf(t, file("b", ""))...)),
		"garbage behind tar":   gzipOf(t, append(bytes.Clone(plain), "x"...)),
		"no end of tar":        gzipOf(t, plain[:len(plain)-1024]),
		"half an end of tar":   gzipOf(t, plain[:len(plain)-512]),
		"truncated gzip":       whole[:len(whole)-1],
		"truncated in the mid": whole[:len(whole)/2],
		"truncated file":       gzipOf(t, plain[:1024]),
		"truncated header":     gzipOf(t, plain[:100]),
		"wrong checksum":       damagedSum,
	} {
		t.Run(name, func(t *testing.T) { wantFault(t, archive, Limits{}, fault.Stream) })
	}
	// Other programs pad an archive to a multiple of 10 KiB.
	if _, err := ReadArchive(bytes.NewReader(gzipOf(t, append(plain, make([]byte, 20<<10)...))), Limits{}); err != nil {
		t.Errorf("zeros behind the end: %v", err)
	}
}

// What ends the stream is for the caller to say; the text of other errors is
// not shown.
func TestI7ErrorsOfTheStream(t *testing.T) {
	idle := fault.New(fault.Timeout, "no data for 10s")
	archive := archiveOf(t, file("a", strings.Repeat("x", 100)))
	for name, tc := range map[string]struct {
		err  error
		code fault.Code
	}{
		"fault":    {fmt.Errorf("receive: %w", idle), fault.Timeout},
		"canceled": {context.Canceled, fault.Canceled},
		"deadline": {context.DeadlineExceeded, fault.Timeout},
		"other":    {errors.New("CANARY"), fault.Stream},
	} {
		for _, sent := range []int{0, 5, len(archive) / 2, len(archive)} {
			r := io.MultiReader(bytes.NewReader(archive[:sent]), iotest.ErrReader(tc.err))
			_, err := ReadArchive(r, Limits{})
			if fault.CodeOf(err) != tc.code || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%s after %d bytes: %v, want %s", name, sent, err, tc.code)
			}
		}
	}
}
