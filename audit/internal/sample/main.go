// Command sample writes a trail as five weeks of a shop's Argo CD would leave
// it: applications in staging and production, secrets that are rotated, waivers,
// denials and failures. It writes the same bytes every time.
package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sample FILE")
		os.Exit(2)
	}
	var b bytes.Buffer
	events := story()
	slices.SortStableFunc(events, func(a, b event) int { return a.Time.Compare(b.Time) })
	if err := chain(&b, events); err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
	if err := os.WriteFile(os.Args[1], b.Bytes(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
}
