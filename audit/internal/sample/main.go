// Command sample writes a trail as five weeks of a shop's Argo CD would leave
// it: applications in staging and production, secrets that are rotated, waivers,
// denials and failures. It is signed with a key that everybody knows, and is the
// same bytes every time.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: sample DIRECTORY")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the trail and the public key, by the names of their files.
func generate() (map[string][]byte, error) {
	events := story()
	slices.SortStableFunc(events, func(a, b event) int { return a.Time.Compare(b.Time) })
	lines, err := trail(events)
	if err != nil {
		return nil, err
	}
	public, err := publicKey()
	return map[string][]byte{"sample.jsonl": lines, "sample.pub": public}, err
}
