// Package nearest finds which of the names that exist a misspelt one may have
// meant.
//
// Whoever asks decides what is known: a name that a tenant may not learn of must
// not be among the candidates.
package nearest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

const (
	// maxName bounds names that are compared, in bytes: comparing costs the
	// product of both lengths.
	maxName = 64
	// maxCandidates bounds how many names one is compared with: a tenant's schema
	// may have very many.
	maxCandidates = 500
	// minPart is how many letters a name must have to be recognised within
	// another one, as warn in warning.
	minPart = 4
)

// Of returns the known name that differs least from a misspelt one, and nothing
// where none is near: a third of the letters may differ, and case does not
// count. Of several that are as near it is the first.
func Of(name string, known []string) string { return first(ranked(name, known, distance)) }

// Word is [Of] for words that people shorten and lengthen: one name may also be
// a part of the other, or lack what the other has in front of its first dash.
func Word(name string, known []string) string { return first(Words(name, known)) }

// Words returns every name that [Word] could mean, the nearest first.
func Words(name string, known []string) []string {
	return ranked(name, known, func(name, candidate string) int {
		d := distance(name, candidate)
		if min(len(name), len(candidate)) >= minPart && (strings.Contains(candidate, name) || strings.Contains(name, candidate)) {
			d = min(d, 1)
		}
		if _, rest, found := strings.Cut(candidate, "-"); found {
			d = min(d, distance(name, rest))
		}
		return d
	})
}

func distance(name, candidate string) int { return levenshtein.ComputeDistance(name, candidate) }

func first(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// ranked returns the names that are near, by how near they are and then as they
// are known.
func ranked(name string, known []string, distance func(name, candidate string) int) []string {
	if name == "" || len(name) > maxName || len(known) > maxCandidates {
		return nil
	}
	name = strings.ToLower(name)
	type near struct {
		name string
		far  int
	}
	var found []near
	for _, candidate := range known {
		if candidate == "" || len(candidate) > maxName {
			continue
		}
		if far := distance(name, strings.ToLower(candidate)); far <= max(len(name)/3, 1) {
			found = append(found, near{candidate, far})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.far, b.far) })
	names := make([]string, len(found))
	for i, one := range found {
		names[i] = one.name
	}
	return names
}
